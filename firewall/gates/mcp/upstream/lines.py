"""Which lines there are to which servers: one for each client's session, opened when it is needed.

A line holds what a server remembers of whoever uses it: a session over HTTP, or the whole program. INVARIANT: two
tokens never share one, nor do two sessions of one token.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from firewall.codecs.mcp.headers import Field
from firewall.codecs.mcp.messages import Message
from firewall.codecs.mcp.versions import is_modern
from firewall.core.errors import FirewallError, UpstreamError, UpstreamFault
from firewall.gates.mcp.listed import Listed
from firewall.gates.mcp.port import Caller, Seen, Server
from firewall.gates.mcp.upstream.ears import Ears
from firewall.gates.mcp.upstream.greeting import Hello, Wanted

log = logging.getLogger("stayhand.mcp")
_SWEEP_S = 5.0
_WAIT_S = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""How long nobody opens a line after it failed for the first, second, … time in a row."""
_MOST_FAILING = 1000
"""Failures that are remembered before those whose wait is over are forgotten."""


class Line(Protocol):
    """A line as its transport offers it; `gates.mcp.port.Upstream`, and what its keeper needs."""

    @property
    def hello(self) -> Hello:
        """What the server said about itself."""
        ...

    @property
    def version(self) -> str:
        """The revision that is spoken."""
        ...

    @property
    def capabilities(self) -> Mapping[str, object]:
        """What the server declared."""
        ...

    @property
    def listed(self) -> Listed:
        """Whether its list of tools was seen."""
        ...

    @property
    def is_alive(self) -> bool:
        """It can be asked."""
        ...

    @property
    def was_greeted(self) -> bool:
        """The server may have heard what its client claims: that may be why it failed."""
        ...

    async def open(self) -> None:
        """Open it. Raises: UpstreamError, ConfigError."""
        ...

    async def ask(self, message: Message, *, seen: Seen, params: tuple[Field, ...] = ()) -> Message:
        """Send a request and return its answer. Raises: UpstreamError."""
        ...

    @property
    def ears(self) -> Ears:
        """Who hears what of the server changed."""
        ...

    async def listen(self, asked: Message | None, *, seen: Seen) -> Message | None:
        """Let the server tell by itself what changed, until it or the line ends; return its answer.

        `asked`: the request by which a stateless server is asked for it. What changed goes to the `ears`, all else
        to `seen`. None: there is no answer. Raises: UpstreamError.
        """
        ...

    async def tell(self, message: Message) -> None:
        """Send a notification. Raises: UpstreamError."""
        ...

    async def aclose(self) -> None:
        """End it."""
        ...


Open = Callable[[Server, Wanted], Line]
"""Makes the line of a server, not opened yet."""


class Key(NamedTuple):
    """Whose line it is."""

    server: str
    token: str
    session: str
    modern: bool


@dataclass(slots=True, eq=False)
class _Held:
    line: Line
    lineage: tuple[str, ...]
    has_claims: bool
    idle_s: float
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    is_open: bool = False
    users: int = 0
    listeners: int = 0
    """Who only hears what changes: they keep a line that nobody needs, and make room where somebody does."""
    used_at: float = 0.0
    is_doomed: bool = False
    """Nobody uses it any more once those who do have finished."""
    is_dropped: bool = False


@dataclass(slots=True)
class _Failing:
    times: int = 0
    until: float = 0.0


class TooManyLinesError(FirewallError):
    """All sessions with a server are in use."""

    code = "mcp_sessions_exhausted"
    status = 503


class Lent:
    """The use of a line, to be entered: a generator in its place would cost each call two frames more."""

    __slots__ = ("_caller", "_lines", "_listens", "_server", "_taken")

    def __init__(self, lines: "Lines", server: Server, caller: Caller, *, listens: bool) -> None:
        self._lines = lines
        self._server = server
        self._caller = caller
        self._listens = listens
        self._taken: tuple[Key, _Held] | None = None

    async def __aenter__(self) -> Line:
        """Return the line. Raises: UpstreamError, ConfigError; TooManyLinesError."""
        key, held = taken = self._lines.hold(self._server, self._caller)
        if not held.is_open:
            try:
                await self._lines.opened(key, held)
            except BaseException:
                self._lines.unused(key, held)
                raise
        self._taken = taken
        if self._listens:
            held.listeners += 1
            held.users -= 1
        return held.line

    async def __aexit__(self, *_: object) -> None:
        """Give the line back."""
        if self._taken is None:
            return
        key, held = self._taken
        if self._listens:
            held.users += 1
            held.listeners -= 1
        self._lines.unused(key, held)


class Lines:
    """Keeps lines; one instance per process."""

    def __init__(self, make: Open, *, now: Callable[[], float]) -> None:
        """`now`: seconds of a clock that never goes back."""
        self._make = make
        self._now = now
        self._held: dict[Key, _Held] = {}
        self._failing: dict[tuple[str, str], _Failing] = {}
        """By server and, where a client's claims may be why it failed, token; otherwise empty, for everybody."""
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._held)

    def use(self, server: Server, caller: Caller, *, listens: bool = False) -> "Lent":
        """Lend the caller's line to a server, opened where it is not; `listens`: only to hear what changes.

        Entering it raises: UpstreamError, ConfigError; TooManyLinesError.
        """
        return Lent(self, server, caller, listens=listens)

    def hold(self, server: Server, caller: Caller) -> tuple[Key, "_Held"]:
        """Begin to use a line, perhaps one to be `opened`; `unused` ends it.

        Raises: UpstreamError; TooManyLinesError.
        """
        key = Key(server.name, caller.requester.token_id, caller.session, is_modern(caller.version))
        held = self._of(key, server, caller)
        held.users += 1
        return key, held

    def unused(self, key: Key, held: "_Held") -> None:
        """End the use of a line."""
        held.users -= 1
        held.used_at = self._now()
        if held.users == 0 and (held.is_doomed or not held.is_open):
            self._drop(key, held)

    def end_session(self, token: str, session: str) -> None:
        """Let go of the lines of a client's session."""
        self._doom(lambda key, _: (key.token, key.session) == (token, session))

    def revoked(self, token_id: str) -> None:
        """Let go of the lines of a token and its children, once what is under way has ended."""
        self._doom(lambda _, held: token_id in held.lineage)

    async def run(self) -> None:
        """End lines that nobody uses, until cancelled."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            now = self._now()
            self._doom(lambda _, held: _is_idle(held) and now - held.used_at > held.idle_s)  # noqa: B023 - called at once

    async def close(self) -> None:
        """End all of them."""
        self._doom(lambda _key, _held: True)
        for key, held in list(self._held.items()):
            self._drop(key, held)
        while self._closing:
            await asyncio.gather(*self._closing, return_exceptions=True)

    def _of(self, key: Key, server: Server, caller: Caller) -> _Held:
        held = self._held.get(key)
        if held is not None and held.is_open and not held.line.is_alive:
            held.is_doomed = True
            self._drop(key, held)
            held = None
        if held is None or held.is_doomed:
            self._refuse_failing(key)
            self._make_room(key, server)
            wanted = Wanted(caller.version, caller.capabilities, caller.info)
            held = _Held(
                self._make(server, wanted), caller.requester.lineage, wanted.has_claims, server.settings.idle_s
            )
            self._held[key] = held
        return held

    async def opened(self, key: Key, held: _Held) -> None:
        """Open a line that is held, once for all who wait for it. Raises: UpstreamError, ConfigError."""
        if held.is_open:
            return
        async with held.opening:
            if held.is_open:
                return
            if held.is_doomed:
                raise UpstreamError(
                    f"the MCP server `{key.server}` could not be reached", fault=UpstreamFault.UNAVAILABLE
                )
            try:
                await held.line.open()
            except FirewallError:
                held.is_doomed = True
                self._failed(key.server, key.token if held.has_claims and held.line.was_greeted else "")
                raise
            held.is_open = True
            for token in ("", key.token):
                self._failing.pop((key.server, token), None)

    def _failed(self, server: str, token: str) -> None:
        if len(self._failing) >= _MOST_FAILING:
            self._failing = {of: one for of, one in self._failing.items() if self._now() < one.until}
        failing = self._failing.setdefault((server, token), _Failing())
        failing.until = self._now() + _WAIT_S[min(failing.times, len(_WAIT_S) - 1)]
        failing.times += 1

    def _refuse_failing(self, key: Key) -> None:
        for token in ("", key.token):
            failing = self._failing.get((key.server, token))
            if failing is not None and self._now() < failing.until:
                raise UpstreamError(
                    f"the MCP server `{key.server}` failed {failing.times} times; it is left alone for a moment",
                    fault=UpstreamFault.UNAVAILABLE,
                    status=503,
                )

    def _make_room(self, wanted: Key, server: Server) -> None:
        """End the idle line that was used longest ago, where there are too many: the token's own before others'.

        A token has at most half of a server's lines, so that none can take them all. Raises: TooManyLinesError.
        """
        held = {key: one for key, one in self._held.items() if key.server == server.name}
        mine = [key for key in held if key.token == wanted.token]
        is_share_used = len(mine) >= max(1, server.settings.at_once // 2)
        if len(held) < server.settings.at_once and not is_share_used:
            return
        idle = [key for key in (mine if is_share_used else held) if held[key].users == 0]
        if not idle:
            whose = f"your {len(mine)}" if is_share_used else f"all {len(held)}"
            raise TooManyLinesError(f"{whose} sessions with the MCP server `{server.name}` are in use")
        key = min(idle, key=lambda key: (key.token != wanted.token, held[key].listeners > 0, held[key].used_at))
        self._drop(key, held[key])

    def _doom(self, chosen: Callable[[Key, _Held], bool]) -> None:
        for key, held in list(self._held.items()):
            if chosen(key, held):
                held.is_doomed = True
                if held.users == 0:
                    self._drop(key, held)

    def _drop(self, key: Key, held: _Held) -> None:
        """Forget a line and end it in the background; `close` waits for that."""
        if self._held.get(key) is held:
            del self._held[key]
        held.is_open = False
        if held.is_dropped:
            return
        held.is_dropped = True
        task = asyncio.create_task(_ended(key, held.line))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _is_idle(held: _Held) -> bool:
    return held.users == 0 and held.listeners == 0


async def _ended(key: Key, line: Line) -> None:
    try:
        await line.aclose()
    except Exception:
        log.exception("server=%s: a line could not be ended", key.server)
