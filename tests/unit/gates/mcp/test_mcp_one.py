"""Requests to one server: what it only wants back it gets, and it asks where it may ask alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from starlette.types import Message as Event

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.messages import Message
from firewall.core.errors import UpstreamError
from firewall.gates.mcp import one
from firewall.gates.mcp.legs import MAX_LEGS
from firewall.gates.mcp.methods import Way
from firewall.gates.mcp.one import Asked, OneServer
from firewall.gates.mcp.port import Seen
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

    async def open(self) -> None:
        """Open."""

    async def ask(self, message: Message, *, seen: Seen, params: object = ()) -> Message:
        """Want a state back, another each time, or answer."""
        del params
        answer = await Line.ask(self, message, seen=seen)
        at = len(self.heard)
        if at > self.times:
            return answer
        return messages.result(message.id or 0, {**self.result, "requestState": f"state {at}"})


async def asked(line: Wanting, method: str = "tools/call", way: Way = Way.CALL) -> Message:
    """Ask the server as a client of 2026-07-28."""

    async def send(event: Event) -> None:
        del event

    opened = Open()
    lines = Lines(lambda _server, _wanted: line, now=lambda: 0.0)  # type: ignore[arg-type,return-value]  # asks nothing
    room = OneServer(lines, calls=opened, reads=opened, shown=opened, tasks=None)  # type: ignore[arg-type]  # none here
    message = messages.request(7, method, {"name": "x", "inputResponses": {"a": 1}})
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
        await asked(Wanting(result={"resultType": kind}), "prompts/list", Way.LIST)
    with pytest.raises(UpstreamError):
        await asked(Wanting(result={"resultType": kind}, version="2025-11-25"))
