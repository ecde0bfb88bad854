"""Requests to one server: what it only wants back it gets, and it asks where it may ask alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson
import pytest
from starlette.types import Message as Event

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.errors import McpError
from firewall.codecs.mcp.messages import Message
from firewall.codecs.mcp.versions import CAPABILITIES_KEY, INFO_KEY
from firewall.core.errors import UpstreamError
from firewall.gates.mcp import one
from firewall.gates.mcp.legs import MAX_LEGS
from firewall.gates.mcp.methods import Way
from firewall.gates.mcp.one import Asked, OneServer
from firewall.gates.mcp.port import Caller, Seen, Server
from firewall.gates.mcp.talk import Talk
from firewall.gates.mcp.upstream.lines import Lines
from tests.support.mcp_calls import Line, server
from tests.support.mcp_house import Open
from tests.support.mcp_shown import caller

SHOP = server("shop")


@dataclass(slots=True)
class Wanting(Line):
    """A server that wants its state back some times."""

    times: int = 2
    result: Mapping[str, object] = field(default_factory=lambda: {"resultType": "input_required"})
    is_alive: bool = True
    was_greeted: bool = True

    opened: int = 0

    async def open(self) -> None:
        """Open."""
        self.opened += 1

    async def ask(self, message: Message, *, seen: Seen, params: object = ()) -> Message:
        """Want a state back, another each time, or answer."""
        del params
        answer = await Line.ask(self, message, seen=seen)
        at = len(self.heard)
        if at > self.times:
            return answer
        return messages.result(message.id or 0, {**self.result, "requestState": f"state {at}"})


CALLED: Mapping[str, object] = {"name": "x", "inputResponses": {"a": 1}}


def room_over(line: Wanting, shown: Open | None = None) -> tuple[OneServer, Lines]:
    """Return what asks one server, with its lines."""
    opened = Open()
    lines = Lines(lambda _server, _wanted: line, now=lambda: 0.0)  # type: ignore[arg-type,return-value]  # asks nothing
    looks = shown or opened
    return OneServer(lines, calls=opened, reads=opened, shown=looks, tasks=None, listens=None), lines  # type: ignore[arg-type]  # none here


async def asked(
    line: Wanting,
    method: str = "tools/call",
    way: Way = Way.CALL,
    params: Mapping[str, object] = CALLED,
    shown: Open | None = None,
) -> Message:
    """Ask the server as a client of 2026-07-28."""

    async def send(event: Event) -> None:
        del event

    room, lines = room_over(line, shown)
    message = messages.request(7, method, params)
    talk = Talk(send, takes_events=True)
    try:
        return await room.answer(Asked(caller(), message, way, talk, None, lambda: None, ()), SHOP)
    finally:
        await lines.close()


async def test_a_server_that_wants_its_state_back_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same request under another id, with its newest state and without answers; the client hears the end."""
    monkeypatch.setattr(one, "_PAUSE_S", 0)
    line = Wanting()
    answer = await asked(line)
    assert (answer.id, "content" in answer.result) == (7, True)
    assert [sent.params.get("requestState") for sent in line.heard] == [None, "state 1", "state 2"]
    assert ["inputResponses" in sent.params for sent in line.heard] == [True, False, False]
    assert len({sent.id for sent in line.heard}) == 3


async def test_it_gets_it_some_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the client hears that more is wanted."""
    monkeypatch.setattr(one, "_PAUSE_S", 0)
    line = Wanting(times=99)
    assert (await asked(line)).result["resultType"] == "input_required"
    assert len(line.heard) == MAX_LEGS + 1


@pytest.mark.parametrize("kind", ["input_required", "task"])
async def test_a_server_asks_and_goes_on_where_it_may_alone(kind: str) -> None:
    """A question or a task in answer to a list is an error: nobody would answer or follow it."""
    with pytest.raises(UpstreamError):
        await asked(Wanting(result={"resultType": kind}), "prompts/list", Way.LIST, {})
    with pytest.raises(UpstreamError):
        await asked(Wanting(result={"resultType": kind}, version="2025-11-25"))


@pytest.mark.parametrize(
    ("method", "way", "params", "code"),
    [
        ("tools/list", Way.LIST, {"anything": {"run": "drop"}}, "param_unknown"),
        ("prompts/list", Way.LIST, {"cursor": {"run": "drop"}}, "param_invalid"),
        ("resources/list", Way.LIST, {"level": "info"}, "param_unknown"),
        ("logging/setLevel", Way.RESULT, {"level": "drop"}, "param_invalid"),
        ("logging/setLevel", Way.RESULT, {"level": "info", "cursor": "a"}, "param_unknown"),
    ],
)
async def test_what_nobody_judges_has_known_parameters(
    method: str, way: Way, params: Mapping[str, object], code: str
) -> None:
    """Another one, or one that is not of its form, is refused by name before the server hears of anything."""
    line = Wanting(times=0)
    with pytest.raises(McpError) as refused:
        await asked(line, method, way, params)
    assert (refused.value.code, line.heard) == (code, [])


async def test_what_nobody_judges_goes_on_with_plain_notes_alone() -> None:
    """Of `_meta` what is known stays, claims as far as they are of their form; everything else is left out."""
    line = Wanting(times=0)
    info = {"name": "c", "version": "1"}
    notes = {"x/y": "drop", "callId": "1", INFO_KEY: {**info, "run": "x"}, CAPABILITIES_KEY: {"leak": ["x"]}}
    await asked(line, "tools/list", Way.LIST, {"cursor": "page 2", "_meta": notes})
    await asked(line, "logging/setLevel", Way.RESULT, {"level": "info", "_meta": {"x": 1}})
    kept = {"callId": "1", CAPABILITIES_KEY: {}, INFO_KEY: info}
    assert [sent.params for sent in line.heard] == [{"cursor": "page 2", "_meta": kept}, {"level": "info"}]


class Refusing(Open):
    """A seam that refuses what nobody judges."""

    async def asked(self, server: Server, caller: Caller, message: Message) -> None:
        """Refuse."""
        del server, caller
        raise McpError("no", code="credential_refused", of=message.id)


class Doubting(Open):
    """A seam that refuses what clients say about themselves."""

    async def claimed(self, server: Server, caller: Caller) -> None:
        """Refuse."""
        del server, caller
        raise McpError("not you", code="credential_refused")


@pytest.mark.parametrize(
    ("method", "way"),
    [
        ("server/discover", Way.HELLO),
        ("tools/list", Way.LIST),
        ("tools/call", Way.CALL),
        ("resources/read", Way.READ),
        ("tasks/get", Way.TASK),
    ],
)
async def test_no_server_hears_of_a_client_that_says_a_credential(method: str, way: Way) -> None:
    """Neither greeted nor asked, on whatever way; nor told of a change."""
    line = Wanting(times=0)
    with pytest.raises(McpError, match="not you"):
        await asked(line, method, way, {}, Doubting())
    assert (line.heard, line.opened) == ([], 0)
    room, lines = room_over(line, Doubting())
    with pytest.raises(McpError, match="not you"):
        await room.tell(caller(), SHOP, messages.notification("notifications/roots/list_changed"))
    await lines.close()
    assert line.opened == 0


@pytest.mark.parametrize(
    ("method", "way"),
    [("tools/list", Way.LIST), ("logging/setLevel", Way.RESULT), ("tasks/get", Way.TASK)],
)
async def test_what_nobody_judges_is_looked_at_before_a_server_hears_of_it(method: str, way: Way) -> None:
    """What the seam refuses is not sent."""
    line = Wanting(times=0)
    params = {"level": "info"} if way is Way.RESULT else {}
    with pytest.raises(McpError, match="no"):
        await asked(line, method, way, params, Refusing())
    assert line.heard == []


async def test_a_notice_says_nothing_beside_its_name() -> None:
    """A server hears that the roots changed, and no parameters that nobody has looked at."""
    line = Wanting(times=0)
    room, lines = room_over(line)
    notice = messages.notification("notifications/roots/list_changed", {"run": "drop", "_meta": {"x": 1}})
    try:
        await room.tell(caller(), SHOP, notice)
    finally:
        await lines.close()
    assert [orjson.loads(sent.raw) for sent in line.heard] == [{"jsonrpc": "2.0", "method": notice.method}]
