"""Requests in several legs: what servers give is sealed, what comes back is of this request and judged with it."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.errors import McpError
from firewall.codecs.mcp.messages import Message
from firewall.codecs.mcp.versions import LEGACY
from firewall.core.approval import Decision
from firewall.core.errors import UpstreamError
from firewall.gates.mcp.legs import LEG_S, MAX_LEGS
from firewall.gates.mcp.port import Seen
from firewall.gates.mcp.reading import JudgedReads
from tests.support.guarding import ALICE, Kept, keeping
from tests.support.mcp_calls import Ear, Line, asking, caller, calls_of, modern, refusal, server, text_of

GITHUB = server("github")
NOTES = server()
READ = {"tool": "get_file_contents", "arguments": {"path": "README.md"}}
FORM = {
    "method": "elicitation/create",
    "params": {
        "message": "Which branch?",
        "requestedSchema": {"type": "object", "properties": {"branch": {"type": "string"}}},
    },
}
ANSWER = {"which": {"action": "accept", "content": {"branch": "main"}}}


@dataclass(slots=True)
class Asking(Line):
    """A server that asks some times before it answers."""

    times: int = 1
    question: Mapping[str, object] = field(default_factory=lambda: {"which": FORM})
    state: object = "theirs"

    async def ask(self, message: Message, *, seen: Seen) -> Message:
        """Ask, or answer."""
        answer = await Line.ask(self, message, seen=seen)
        if len(self.heard) > self.times:
            return answer
        said = {"resultType": "input_required", "inputRequests": self.question, "requestState": self.state}
        return messages.result(message.id or 0, {name: one for name, one in said.items() if one is not None})


@dataclass(slots=True)
class Answering(Ear):
    """The client of a session that answers what it is asked."""

    said: Mapping[str, object] = field(default_factory=lambda: ANSWER["which"])

    async def __call__(self, message: Message) -> Message | None:
        """Answer."""
        await Ear.__call__(self, message)
        return messages.result(message.id or 0, self.said)


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    """A guard over the shipped policies."""
    async with keeping(tmp_path) as found:
        yield found


def state_of(answer: Message) -> str:
    """Return the state that a client is to bring back."""
    assert answer.result["resultType"] == "input_required"
    return str(answer.result["requestState"])


async def test_a_client_brings_back_what_the_server_gave(kept: Kept) -> None:
    """It carries a state of ours; the server hears its own again, with the answers."""
    calls, line, asker = calls_of(kept, GITHUB), Asking(), modern(kept.requester(gate="mcp"))
    first = await calls.call(GITHUB, asker, asking(**READ), upstream=line, seen=Ear())
    assert first.result["inputRequests"] == {"which": FORM}
    assert "theirs" not in state_of(first)
    back = asking(**READ, ident=8, requestState=state_of(first), inputResponses=ANSWER)
    answer = await calls.call(GITHUB, asker, back, upstream=line, seen=Ear())
    assert text_of(answer) == "done"
    assert (line.heard[1].params["requestState"], line.heard[1].params["inputResponses"]) == ("theirs", ANSWER)
    assert len(line.heard) == 2


async def test_a_server_without_a_state_hears_none(kept: Kept) -> None:
    """What it did not give does not come back to it."""
    calls, line, asker = calls_of(kept, GITHUB), Asking(state=None), modern(kept.requester(gate="mcp"))
    first = await calls.call(GITHUB, asker, asking(**READ), upstream=line, seen=Ear())
    back = asking(**READ, requestState=state_of(first), inputResponses=ANSWER)
    assert text_of(await calls.call(GITHUB, asker, back, upstream=line, seen=Ear())) == "done"
    assert "requestState" not in line.heard[1].params


async def test_a_state_serves_its_own_request_alone(kept: Kept) -> None:
    """Other arguments, another server, agent or question, a state of the client's own, or too late: refused."""
    other = server("other")
    calls, line, asker = calls_of(kept, GITHUB, other), Asking(), modern(kept.requester(gate="mcp"))
    state = state_of(await calls.call(GITHUB, asker, asking(**READ), upstream=line, seen=Ear()))
    stranger = modern(kept.requester(gate="mcp", grant_agent="stranger"))
    elsewhere = {"tool": "get_file_contents", "arguments": {"path": "other"}}
    for where, who, message in (
        (GITHUB, asker, asking(**elsewhere, requestState=state)),
        (other, asker, asking(**READ, requestState=state)),
        (GITHUB, stranger, asking(**READ, requestState=state)),
        (GITHUB, asker, asking(**READ, requestState=state, inputResponses={"more": {}})),
        (GITHUB, asker, asking(**READ, requestState=state, inputResponses=["which"])),
        (GITHUB, asker, asking(**READ, inputResponses=ANSWER)),
        (GITHUB, asker, asking(**READ, requestState="theirs")),
        (GITHUB, asker, asking(**READ, requestState=f"{state}A")),
        (GITHUB, asker, asking(**READ, requestState=7)),
    ):
        with pytest.raises(McpError) as raised:
            await calls.call(where, who, message, upstream=line, seen=Ear())
        assert raised.value.code == "request_state_invalid"
    kept.clock.forward(LEG_S + 1)
    with pytest.raises(McpError):
        await calls.call(GITHUB, asker, asking(**READ, requestState=state), upstream=line, seen=Ear())
    assert len(line.heard) == 1


@pytest.mark.parametrize(
    "said",
    [
        {"action": "accept", "content": {"branch": 7}},
        {"action": "accept", "content": {"branch": "main", "more": "x"}},
        {"action": "decline", "content": {"branch": "main"}},
        {"content": {"branch": "main"}},
        "main",
    ],
)
@pytest.mark.parametrize("method", ["tools/call", "prompts/get"])
async def test_an_answer_that_was_not_asked_for_is_not_sent(kept: Kept, method: str, said: object) -> None:
    """The client hears why, the log tells of it, and the server hears nothing; what fits goes on afterwards."""
    line = Asking()

    async def told(**brought: object) -> Message:
        if method == "tools/call":
            return await calls.call(GITHUB, asker, asking(**READ, **brought), upstream=line, seen=Ear())
        message = messages.request(7, method, {"name": "p", **brought})
        return await reads.read(GITHUB, asker, message, upstream=line, seen=Ear())

    calls, reads = calls_of(kept, GITHUB), JudgedReads(kept.guard, kept.installation.writer, kept.clock)
    asker = modern(kept.requester(gate="mcp"))
    state = state_of(await told())
    with pytest.raises(McpError) as raised:
        await told(requestState=state, inputResponses={"which": said})
    assert (raised.value.code, raised.value.number) == ("answer_misfit", -32602)
    assert len(line.heard) == 1
    (flagged,) = [seq for seq, kind in enumerate(kept.kinds()) if kind == "content.flagged"]
    assert '"answer-misfit"' in str(json.dumps(kept.body(flagged)))
    await told(requestState=state, inputResponses=ANSWER)
    assert len(line.heard) == 2


async def test_a_form_that_is_too_large_is_asked_of_nobody(kept: Kept) -> None:
    """It goes along in the state that the client brings back."""
    schema = {"type": "object", "properties": {f"f{number}" * 30: {"type": "string"} for number in range(1000)}}
    form = {"method": "elicitation/create", "params": {"message": "?", "requestedSchema": schema}}
    calls, line = calls_of(kept, GITHUB), Asking(question={"a": form})
    with pytest.raises(UpstreamError, match="asks what nobody can answer"):
        await calls.call(GITHUB, modern(kept.requester(gate="mcp")), asking(**READ), upstream=line, seen=Ear())


async def test_answers_are_judged_with_the_call(kept: Kept) -> None:
    """People are asked about the answers as well; an approval of the call without them does not fit."""
    calls, line = calls_of(kept, NOTES), Asking()
    asker = replace(modern(kept.requester(gate="mcp")), capabilities={"elicitation": {"form": {}}})

    async def told(message: Message) -> str:
        return str(refusal(await calls.call(NOTES, asker, message, upstream=line, seen=Ear()))["approvalId"])

    await kept.approvals.decide(await told(asking()), Decision.APPROVE, by=ALICE)
    state = state_of(await calls.call(NOTES, asker, asking(), upstream=line, seen=Ear()))
    leg = asking(requestState=state, inputResponses=ANSWER)
    approval = kept.approvals.get(await told(leg))
    assert approval.subject is not None
    assert '"branch": "main"' in approval.subject.arguments
    await kept.approvals.decide(approval.id, Decision.APPROVE, by=ALICE)
    other = asking(requestState=state, inputResponses={"which": {"action": "accept", "content": {"branch": "x"}}})
    assert await told(other) != approval.id
    assert len(line.heard) == 1
    assert text_of(await calls.call(NOTES, asker, leg, upstream=line, seen=Ear())) == "done"


async def test_a_credential_among_the_answers_goes_nowhere(kept: Kept) -> None:
    """What a user or a model answers is searched like arguments."""
    calls, line, asker = calls_of(kept, GITHUB), Asking(), modern(kept.requester(gate="mcp"))
    state = state_of(await calls.call(GITHUB, asker, asking(**READ), upstream=line, seen=Ear()))
    said = {"which": {"action": "accept", "content": {"branch": "AK" + "IAQ3VNX7RT2LKP5WJ4"}}}
    leg = asking(**READ, requestState=state, inputResponses=said)
    answer = await calls.call(GITHUB, asker, leg, upstream=line, seen=Ear())
    assert str(refusal(answer)["code"]).startswith("credential:")
    assert len(line.heard) == 1


async def test_the_client_of_a_session_is_asked_here_and_now(kept: Kept) -> None:
    """A server of the other era asks in its answer: the session's client hears it, and its answers are judged."""
    calls, line, ear = calls_of(kept, GITHUB), Asking(times=2), Answering()
    asker = caller(kept.requester(gate="mcp"), version=LEGACY[0])
    answer = await calls.call(GITHUB, asker, asking(**READ), upstream=line, seen=ear)
    assert text_of(answer) == "done"
    assert [one.method for one in ear.heard] == ["elicitation/create"] * 2
    assert [one.params.get("inputResponses") for one in line.heard] == [None, ANSWER, ANSWER]
    assert line.heard[1].params["requestState"] == "theirs"
    assert len(ear.entries) == 3


async def test_a_client_that_cannot_be_asked_is_told_by_name(kept: Kept) -> None:
    """Where it did not declare it or gives no answer, the call ends with a code; the server hears no more."""
    calls, line = calls_of(kept, GITHUB), Asking()
    asker = caller(kept.requester(gate="mcp"), version=LEGACY[0])
    with pytest.raises(McpError) as raised:
        await calls.call(GITHUB, asker, asking(**READ), upstream=line, seen=Ear())
    assert (raised.value.code, raised.value.number) == ("mcp_ask_refused", -31403)
    assert len(line.heard) == 1


async def test_a_server_does_not_ask_for_ever(kept: Kept) -> None:
    """After some rounds, or for more than anybody can answer, the server is told off."""
    asker = caller(kept.requester(gate="mcp"), version=LEGACY[0])
    line = Asking(times=99)
    with pytest.raises(UpstreamError):
        await calls_of(kept, GITHUB).call(GITHUB, asker, asking(**READ), upstream=line, seen=Answering())
    assert len(line.heard) == MAX_LEGS + 1
    for odd in (
        Asking(question={str(at): FORM for at in range(17)}),
        Asking(question={}, state=None),
        Asking(question=["x"]),  # type: ignore[arg-type]  # as a bad server writes it
        Asking(state=7),
        Asking(state="x" * (65 << 10)),
    ):
        with pytest.raises(UpstreamError):
            await calls_of(kept, GITHUB).call(GITHUB, asker, asking(**READ), upstream=odd, seen=Answering())


async def test_a_read_comes_back_in_the_same_way(kept: Kept) -> None:
    """Resources and prompts have legs too; a state of a held call, or of another request, is none of theirs."""
    reads = JudgedReads(kept.guard, kept.installation.writer, kept.clock)
    line, asker = Asking(said={"contents": []}), modern(kept.requester(gate="mcp"))

    def stock(uri: str = "shop://stock", **more: object) -> Message:
        said = {"jsonrpc": "2.0", "id": 7, "method": "resources/read", "params": {"uri": uri, **more}}
        return messages.read(json.dumps(said).encode())

    state = state_of(await reads.read(GITHUB, asker, stock(), upstream=line, seen=Ear()))
    for bad in (stock("shop://other", requestState=state), stock(requestState="stayhand.1.x")):
        with pytest.raises(McpError) as raised:
            await reads.read(GITHUB, asker, bad, upstream=line, seen=Ear())
        assert raised.value.code == "request_state_invalid"
    back = stock(requestState=state, inputResponses=ANSWER)
    assert (await reads.read(GITHUB, asker, back, upstream=line, seen=Ear())).result == {"contents": []}
    assert line.heard[1].params == {"uri": "shop://stock", "requestState": "theirs", "inputResponses": ANSWER}
    await asyncio.sleep(0)
