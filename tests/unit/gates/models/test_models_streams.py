"""Streams of an approval's status: what is said, what ends them, and how many there may be."""

import asyncio
import json
from dataclasses import dataclass, field

import pytest
from starlette.types import Message

from firewall.core.approval import Approval, ApprovalStatus, Decision
from firewall.core.demand import demand_of
from firewall.core.errors import ApprovalError, LimitError
from firewall.core.token import TokenKind
from firewall.core.verdict import Obligations
from firewall.gates.models import streams
from firewall.gates.models.streams import MAX_S, PER_TOKEN, StatusStreams, wants_events
from firewall.tokens.service import Bearer
from tests.support.approving import ALICE, BOB, MemoryLog, StillClock, approvals, until, wanted

MINUTE_US = 60_000_000


@dataclass
class House:
    """Streams over approvals in memory."""

    clock: StillClock = field(default_factory=StillClock)
    log: MemoryLog = field(default_factory=MemoryLog)

    def __post_init__(self) -> None:
        self.log.permit(ALICE, BOB)
        self.approvals = approvals(self.log, self.clock)
        self.streams = StatusStreams(self.approvals, self.clock)

    def bearer(self, principal: str = "olga/claude-code", *lineage: str, left_us: int = 60 * MINUTE_US) -> Bearer:
        """Return who asks."""
        own = lineage or ("tok_1",)
        return Bearer(own[0], TokenKind.AGENT, self.clock.now + left_us, lineage=own, principal=principal)

    def listen(self, approval: Approval, bearer: Bearer | None = None) -> "Listening":
        """Begin to listen."""
        found = Listening()
        found.task = asyncio.create_task(
            self.streams.serve(
                bearer or self.bearer(),
                path=f"/v1/approvals/{approval.id}",
                receive=found.receive,
                send=found.send,
            )
        )
        return found


@dataclass
class Listening:
    """A client that keeps what it hears."""

    heard: bytes = b""
    head: Message = field(default_factory=dict)
    is_over: bool = False
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None

    async def receive(self) -> Message:
        """As ASGI says: nothing more comes until the client is gone."""
        await self.hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """As ASGI says."""
        if message["type"] == "http.response.start":
            self.head = message
        else:
            self.heard += message["body"]
            self.is_over = not message.get("more_body", False)

    @property
    def events(self) -> list[tuple[str, dict[str, object]]]:
        """What came, as browsers read it."""
        found = []
        for block in self.heard.decode().split("\n\n"):
            lines = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
            if lines:
                found.append((lines["event"], json.loads(lines["data"])))
        return found

    async def ended(self) -> list[tuple[str, str]]:
        """Return what was said, once it ended by itself."""
        assert self.task is not None
        async with asyncio.timeout(30):
            await self.task
        assert self.is_over
        return [(name, str(data.get("status") or data.get("code"))) for name, data in self.events]


@pytest.mark.parametrize(("decision", "status"), [(Decision.APPROVE, "approved"), (Decision.DENY, "denied")])
async def test_a_decision_is_told_and_ends_it(decision: Decision, status: str) -> None:
    """How it stands comes first, then how it ended, then why nothing more comes."""
    house = House()
    approval = await house.approvals.open(wanted())
    one = house.listen(approval)
    await until(lambda: bool(one.events))
    assert dict(one.head["headers"])[b"content-type"].startswith(b"text/event-stream")
    await house.approvals.decide(approval.id, decision, by=ALICE, reason="not now")
    assert await one.ended() == [("status", "pending"), ("status", status), ("end", "settled")]
    assert one.events[1][1].get("reason", "") == (
        "not now" if decision is Decision.DENY else one.events[1][1].get("reason", "")
    )


async def test_expired_is_not_denied() -> None:
    """Whoever waits hears that nobody decided, and not that somebody said no."""
    house = House()
    approval = await house.approvals.open(wanted())
    one = house.listen(approval)
    await until(lambda: bool(one.events))
    house.clock.now = approval.expires_at
    await house.approvals.sweep()
    assert await one.ended() == [("status", "pending"), ("status", "expired"), ("end", "settled")]


async def test_what_is_settled_already_is_told_and_over() -> None:
    """Nothing is waited for."""
    house = House()
    approval = await house.approvals.open(wanted())
    await house.approvals.cancel(approval.id)
    assert await house.listen(approval).ended() == [("status", "cancelled"), ("end", "settled")]


async def test_a_token_that_ends_hears_nothing_more() -> None:
    """A revoked token, its parent's revocation, and the end of its time; another's stream goes on."""
    house = House()
    approval = await house.approvals.open(wanted())
    child = house.listen(approval, house.bearer("olga/claude-code", "tok_2", "tok_1"))
    other = house.listen(approval, house.bearer("olga/claude-code", "tok_3"))
    await until(lambda: bool(child.events and other.events))
    house.streams.revoked("tok_1")
    assert await child.ended() == [("status", "pending"), ("end", "token_revoked")]
    assert not other.is_over
    short = house.listen(approval, house.bearer(left_us=20_000))
    await until(lambda: bool(short.events))
    house.clock.now += MINUTE_US
    await house.approvals.decide(approval.id, Decision.APPROVE, by=ALICE)
    assert await short.ended() == [("status", "pending"), ("end", "token_expired")]
    assert (await other.ended())[-2:] == [("status", "approved"), ("end", "settled")]


async def test_the_server_stops_and_an_hour_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is a decision: the status stands as it was told, and the client asks again."""
    house = House()
    approval = await house.approvals.open(wanted(obligations=Obligations(ttl_s=2 * MAX_S)))
    one = house.listen(approval)
    await until(lambda: bool(one.events))
    house.approvals.drain()
    assert await one.ended() == [("status", "pending"), ("end", "server_stopping")]
    again = House()
    approval = await again.approvals.open(wanted(obligations=Obligations(ttl_s=2 * MAX_S)))
    monkeypatch.setattr(streams, "KEEP_ALIVE_S", 0)
    two = again.listen(approval, again.bearer(left_us=3 * MAX_S * 1_000_000))
    await until(lambda: b": nothing new" in two.heard)
    again.clock.now += MAX_S * 1_000_000
    assert await two.ended() == [("status", "pending"), ("end", "time_over")]


async def test_votes_are_told_as_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where several are asked, how far they have come is a change; nothing new is a comment."""
    monkeypatch.setattr(streams, "KEEP_ALIVE_S", 0)
    house = House()
    approval = await house.approvals.open(wanted(obligations=Obligations(demands=(demand_of(quorum=2),))))
    one = house.listen(approval)
    await until(lambda: b": nothing new" in one.heard)
    await house.approvals.decide(approval.id, Decision.APPROVE, by=ALICE)
    await until(lambda: len(one.events) > 1)
    assert [data["votes"] for _, data in one.events] == [0, 1]
    await house.approvals.decide(approval.id, Decision.APPROVE, by=BOB)
    assert (await one.ended())[-2:] == [("status", "approved"), ("end", "settled")]


async def test_a_client_that_hangs_up_leaves_room() -> None:
    """A token has so many streams, its children's among them; who is gone has none."""
    house = House()
    approval = await house.approvals.open(wanted())
    bearers = [house.bearer("olga/claude-code", f"tok_c{one}", "tok_1") for one in range(PER_TOKEN)]
    every = [house.listen(approval, one) for one in bearers]
    await until(lambda: all(one.events for one in every))
    with pytest.raises(LimitError) as caught:
        await house.streams.serve(
            house.bearer(), path=f"/v1/approvals/{approval.id}", receive=every[0].receive, send=every[0].send
        )
    assert caught.value.code == "too_many_streams"
    every[0].hung_up.set()
    assert every[0].task is not None
    async with asyncio.timeout(30):
        await every[0].task
    assert not every[0].is_over
    late = house.listen(approval)
    await until(lambda: bool(late.events))
    await house.approvals.decide(approval.id, Decision.DENY, by=ALICE)
    for one in (*every[1:], late):
        assert (await one.ended())[-1] == ("end", "settled")
    assert house.approvals.get(approval.id).status is ApprovalStatus.DENIED


@pytest.mark.parametrize("path", ["/v1/approvals/apr_x", "/v1/approvals/", None])
async def test_somebody_elses_is_unknown(path: str | None) -> None:
    """Neither an id that is none nor another principal's approval begins a stream."""
    house = House()
    approval = await house.approvals.open(wanted())
    listening = Listening()
    with pytest.raises(ApprovalError) as caught:
        await house.streams.serve(
            house.bearer("mallory/agent"),
            path=path or f"/v1/approvals/{approval.id}",
            receive=listening.receive,
            send=listening.send,
        )
    assert caught.value.code == "approval_unknown"
    assert not listening.head


@pytest.mark.parametrize(
    ("accept", "wants"),
    [
        ("text/event-stream", True),
        ("Text/Event-Stream; q=1", True),
        ("application/json, text/event-stream", True),
        ("", False),
        ("*/*", False),
        ("text/*", False),
        ("text/event-streams", False),
    ],
)
def test_a_stream_is_asked_for_by_its_name(accept: str, *, wants: bool) -> None:
    """Whatever accepts anything gets the short answer that it always got."""
    assert wants_events(accept) is wants
