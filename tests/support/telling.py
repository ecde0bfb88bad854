"""What is told, and channels that remember or fail, for tests without a network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from firewall.approvals.channels.port import NotDeliveredError
from firewall.core.notice import Message, Notice
from tests.support.approving import START_US, StillClock

ADDRESS = "https://stayhand.example/approve/apr_x"
HOSTILE = (
    "mcp:shop/<!channel> <@U0BOSS> <https://evil.example/approve|Approve here>",
    "shell:@everyone *bold* _it_ ~gone~ `code` [click](https://evil.example)",
    "shell:<b>x</b><img src=x onerror=alert(1)>&lt;!here&gt;",
    "shell:evil.example/approve",
    "shell:a\r\nBcc: everybody@evil.example\r\n\r\nbody",
    "shell:\u202egnp.exe\u200b\u2028line",
    "shell:аpprove",  # noqa: RUF001 - a Cyrillic letter that looks like an `a`
)
"""Names that an agent or an MCP server could give what it does."""


def notice(**changes: object) -> Notice:
    """Build what channels are told."""
    plain = Notice(
        id="apr_x",
        address=ADDRESS,
        environment="production",
        effects=("destructive",),
        operations=("graphql:volumeDelete",),
        groups=(),
        opened_at=START_US,
        expires_at=START_US + 1800 * 1_000_000,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # tests name the fields


@dataclass
class Remembering:
    """A kind of channel that remembers what it sent, and fails as often as a test says."""

    sent: list[Message] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    is_down: bool = False
    is_closed: bool = False

    async def send(self, message: Message) -> None:
        """As the port says."""
        if self.is_down:
            raise NotDeliveredError("http_500")
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(message)

    async def aclose(self) -> None:
        """As the port says."""
        self.is_closed = True

    @property
    def kinds(self) -> Sequence[str]:
        """The kinds of what was sent."""
        return [type(one).__name__ for one in self.sent]


@dataclass
class Pauses:
    """Pauses that move a still clock instead of waiting."""

    clock: StillClock
    taken: list[float] = field(default_factory=list)
    during: Callable[[], None] = field(default=lambda: None)
    """Called in each of them."""

    async def __call__(self, seconds: float) -> None:
        """Let time pass at once."""
        self.taken.append(seconds)
        self.clock.forward(seconds)
        self.during()
