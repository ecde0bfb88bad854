"""Calls of MCP tools: judged, recorded, held as the client bears it, run once, their outcome recorded."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from firewall.codecs.mcp.errors import McpError
from firewall.codecs.mcp.messages import Message
from firewall.codecs.mcp.versions import LEGACY, MODERN
from firewall.core.approval import ApprovalStatus, Decision
from firewall.core.call import ToolCall
from firewall.core.errors import ConfigError, FirewallError, UpstreamError, UpstreamFault
from firewall.gates.mcp.calling import MAX_ROUNDS
from firewall.gates.mcp.port import NotRunError, NotSentError
from firewall.guard.answer import Go
from tests.support.approving import until
from tests.support.guarding import ALICE, Kept, keeping
from tests.support.mcp_calls import (
    NOTE,
    Ear,
    Line,
    Pinned,
    asking,
    caller,
    calls_of,
    modern,
    pending,
    refusal,
    server,
    text_of,
)

NOTES = server()
UNREAD = NotRunError("it wants more", fault=UpstreamFault.REJECTED, code="upstream_scope_needed")
BROKEN = UpstreamError("`notes` went away", fault=UpstreamFault.UNAVAILABLE)


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    """A guard over the shipped policies."""
    async with keeping(tmp_path) as found:
        yield found


async def approve(kept: Kept, approval: str) -> None:
    """Let somebody say yes."""
    await kept.approvals.decide(approval, Decision.APPROVE, by=ALICE)


def told(answer: Message) -> str:
    """Return the approval that a refused call waits for."""
    found = refusal(answer)
    assert found["code"] == "approval:hold:ended"
    return str(found["approvalId"])


async def test_what_only_reads_goes_to_the_server_as_it_came(kept: Kept) -> None:
    """An allowed call is recorded, sent byte for byte, answered, and its outcome is recorded."""
    github, line, ear = server("github"), Line(), Ear()
    message = asking("get_file_contents", arguments={"path": "README.md"}, _meta={"progressToken": 1})
    asker = caller(kept.requester(gate="mcp"))
    answer = await calls_of(kept, github).call(github, asker, message, upstream=line, seen=ear)
    assert text_of(answer) == "done"
    assert [one.raw for one in line.heard] == [message.raw]
    assert not ear.has_begun
    await until(lambda: kept.kinds()[-1] == "tool.finished")
    assert kept.kinds() == ["tool.judged", "tool.released", "tool.finished"]
    body = kept.body(2)["data"]
    assert isinstance(body, dict)
    assert (body["judged"], body["gate"], body["reported_error"]) == (ear.entries[0], "mcp", False)


async def test_a_call_that_waits_is_told_and_runs_once_after_approval(kept: Kept) -> None:
    """An older client hears the approval's id; the identical call runs after approval, exactly once."""
    calls, line = calls_of(kept, NOTES), Line()
    asker = caller(kept.requester(gate="mcp"))
    first = await calls.call(NOTES, asker, asking(), upstream=line, seen=Ear())
    approval = told(first)
    assert approval in text_of(first)
    assert "repeat exactly the same call" in text_of(first)
    assert line.heard == []
    await approve(kept, approval)
    ear = Ear()
    again = await calls.call(NOTES, asker, asking(ident=8), upstream=line, seen=ear)
    assert text_of(again) == "done"
    assert ear.has_begun
    third = await calls.call(NOTES, asker, asking(ident=9), upstream=line, seen=Ear())
    assert told(third) != approval
    assert len(line.heard) == 1


async def test_a_held_client_hears_progress_and_its_answer(kept: Kept) -> None:
    """A client with a progress token hears that its call waits, ever higher numbers, then the result."""
    patient, line, ear = server(hold_s=60), Line(), Ear()
    calls = calls_of(kept, patient, progress_s=0.005)
    asker = caller(kept.requester(gate="mcp"))
    message = asking(_meta={"progressToken": "p"})
    running = asyncio.create_task(calls.call(patient, asker, message, upstream=line, seen=ear))
    approval = await pending(kept)
    await until(lambda: len(ear.heard) >= 3)
    await approve(kept, approval)
    assert text_of(await running) == "done"
    steps = [one.params["progress"] for one in ear.heard]
    assert steps == sorted(set(map(int, map(str, steps))))
    assert {one.method for one in ear.heard} == {"notifications/progress"}
    assert {one.params["progressToken"] for one in ear.heard} == {"p"}


async def test_a_denial_is_told_with_its_reason(kept: Kept) -> None:
    """The waiting client hears that a person denied it, what he said, and nothing is sent."""
    patient, line, ear = server(hold_s=60), Line(), Ear()
    calls = calls_of(kept, patient)
    running = asyncio.create_task(
        calls.call(patient, caller(kept.requester(gate="mcp")), asking(), upstream=line, seen=ear)
    )
    approval = await pending(kept)
    await kept.approvals.decide(approval, Decision.DENY, by=ALICE, reason="not on a Friday")
    answer = await running
    assert refusal(answer)["code"] == "approval:vote:denied"
    assert "not on a Friday" in text_of(answer)
    assert (line.heard, ear.heard) == ([], [])


@pytest.mark.parametrize("version", [LEGACY[0], MODERN])
async def test_a_denial_after_the_hold_is_told_to_who_repeats_the_call(kept: Kept, version: str) -> None:
    """Not asked anew: with the reason, while its approval could have been decided; another call is another one."""
    busy, line, ear = server(hold_s=0), Line(), Ear()
    calls = calls_of(kept, busy)
    asker = caller(kept.requester(gate="mcp"), version=version)
    approval = told(await calls.call(busy, asker, asking(), upstream=line, seen=ear))
    await kept.approvals.decide(approval, Decision.DENY, by=ALICE, reason="not on a Friday")
    for _ in range(2):
        answer = await calls.call(busy, asker, asking(), upstream=line, seen=ear)
        assert refusal(answer)["code"] == "approval:vote:denied"
        assert refusal(answer)["approvalId"] == approval
        assert "not on a Friday" in text_of(answer)
    other = await calls.call(busy, asker, asking(arguments={"id": 8}), upstream=line, seen=ear)
    assert told(other) != approval
    assert kept.kinds().count("approval.opened") == 2
    kept.clock.forward(31 * 60)
    assert told(await calls.call(busy, asker, asking(), upstream=line, seen=ear)) != approval
    assert line.heard == []


async def test_who_comes_back_with_a_state_hears_the_denial(kept: Kept) -> None:
    """A client that was sent to a page and comes back after the denial is told it, and not sent there again."""
    busy, line, ear = server(hold_s=0), Line(), Ear()
    calls = calls_of(kept, busy)
    asker = modern(kept.requester(gate="mcp"))
    first = await calls.call(busy, asker, asking(), upstream=line, seen=ear)
    state = first.result["requestState"]
    await kept.approvals.decide(await pending(kept), Decision.DENY, by=ALICE, reason="not on a Friday")
    answer = await calls.call(busy, asker, asking(requestState=state), upstream=line, seen=ear)
    assert refusal(answer)["code"] == "approval:vote:denied"
    assert "not on a Friday" in text_of(answer)
    assert line.heard == []


async def test_a_client_that_lets_go_ends_the_waiting_and_not_the_approval(kept: Kept) -> None:
    """A cancelled call is never sent, its approval stays to be decided, and serves the repeated call."""
    patient, line = server(hold_s=60), Line()
    calls = calls_of(kept, patient)
    asker = caller(kept.requester(gate="mcp"))
    running = asyncio.create_task(calls.call(patient, asker, asking(), upstream=line, seen=Ear()))
    approval = await pending(kept)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert kept.approvals.get(approval).status is ApprovalStatus.PENDING
    await approve(kept, approval)
    assert line.heard == []
    await calls.call(patient, asker, asking(ident=9), upstream=line, seen=Ear())
    assert len(line.heard) == 1


@pytest.mark.parametrize("now", [None, {**NOTE, "description": "Deletes all notes."}])
async def test_a_tool_that_changed_while_people_decided_is_not_called(
    kept: Kept, now: dict[str, object] | None
) -> None:
    """People agreed to another tool than the one that is there by now: nothing is sent, and that is known."""
    patient, line, ear = server(hold_s=60), Line(), Ear()
    pinned: dict[str, Mapping[str, object]] = {"delete_note": NOTE}
    calls = calls_of(kept, patient, pinned=Pinned(pinned))
    asker = caller(kept.requester(gate="mcp"))
    running = asyncio.create_task(calls.call(patient, asker, asking(), upstream=line, seen=ear))
    approval = await pending(kept)
    pinned.pop("delete_note")
    if now is not None:
        pinned["delete_note"] = now
    await approve(kept, approval)
    with pytest.raises(NotSentError) as raised:
        await running
    assert raised.value.code == "tool_changed"
    assert (line.heard, ear.has_begun) == ([], False)
    await until(lambda: kept.kinds()[-1] == "tool.finished")


async def test_a_session_that_is_lost_again_and_again_is_given_up(kept: Kept) -> None:
    """Sent twice at most, and never run: the client hears of it as of something that did not happen."""
    gone = NotSentError("it began a new session", fault=UpstreamFault.UNAVAILABLE)
    calls, line = calls_of(kept, NOTES), Line(fails=gone)
    asker = caller(kept.requester(gate="mcp"))
    await approve(kept, told(await calls.call(NOTES, asker, asking(), upstream=line, seen=Ear())))
    with pytest.raises(NotSentError):
        await calls.call(NOTES, asker, asking(), upstream=line, seen=Ear())
    assert len(line.heard) == 2
    await until(lambda: kept.kinds()[-1] == "tool.finished")


async def test_of_two_requests_that_wait_for_one_call_the_newest_runs(kept: Kept) -> None:
    """A client that sends its call again takes it over: one run, and its answer goes to the newest request."""
    patient, line, ears = server(hold_s=60), Line(), (Ear(), Ear())
    calls = calls_of(kept, patient, progress_s=0.005)
    asker = caller(kept.requester(gate="mcp"))
    running = []
    for number, ear in enumerate(ears):
        message = asking(ident=number, _meta={"progressToken": number})
        running.append(asyncio.create_task(calls.call(patient, asker, message, upstream=line, seen=ear)))
        await until(lambda ear=ear: bool(ear.heard))
    approval = await pending(kept)
    await approve(kept, approval)
    older, newer = await asyncio.gather(*running)
    assert told(older) == approval
    assert text_of(newer) == "done"
    assert len(line.heard) == 1


async def test_a_stopping_server_tells_who_waits(kept: Kept) -> None:
    """A call that is held when the server stops is told as one that waits; its approval stays."""
    patient, line, ear = server(hold_s=60), Line(), Ear()
    calls = calls_of(kept, patient, progress_s=0.005)
    asker = caller(kept.requester(gate="mcp"))
    message = asking(_meta={"progressToken": 1})
    running = asyncio.create_task(calls.call(patient, asker, message, upstream=line, seen=ear))
    await until(lambda: bool(ear.heard))
    kept.approvals.drain()
    approval = told(await running)
    assert kept.approvals.get(approval).status is ApprovalStatus.PENDING
    assert line.heard == []


async def test_however_many_repeat_an_approved_call_it_runs_once(kept: Kept) -> None:
    """Identical calls at the same time use one approval once."""
    calls, line = calls_of(kept, NOTES), Line()
    asker = caller(kept.requester(gate="mcp"))
    await approve(kept, told(await calls.call(NOTES, asker, asking(), upstream=line, seen=Ear())))
    several = [
        calls.call(NOTES, asker, asking(ident=number), upstream=line, seen=Ear()) for number in range(10, 16)
    ]
    answers = await asyncio.gather(*several)
    assert len(line.heard) == 1
    assert sum(one.result.get("isError") is not True for one in answers) == 1


@pytest.mark.parametrize(
    ("line", "kind", "code"),
    [
        (Line(fails=BROKEN), "tool.indeterminate", "indeterminate"),
        (Line(fails=FirewallError("too large", code="answer_too_large")), "tool.indeterminate", "indeterminate"),
        (Line(fails=ConfigError("no credential")), "tool.finished", "config_invalid"),
        (Line(fails=UNREAD), "tool.finished", "upstream_scope_needed"),
    ],
    ids=["gone", "unreadable", "not sent", "refused"],
)
async def test_a_change_whose_outcome_nobody_knows_is_told_as_that(
    kept: Kept, line: Line, kind: str, code: str
) -> None:
    """A server that dies under a released change leaves one `indeterminate` entry, and nothing is sent again."""
    calls, asker = calls_of(kept, NOTES), caller(kept.requester(gate="mcp"))
    await approve(kept, told(await calls.call(NOTES, asker, asking(), upstream=line, seen=Ear())))
    with pytest.raises(FirewallError) as raised:
        await calls.call(NOTES, asker, asking(), upstream=line, seen=Ear())
    assert raised.value.code == code
    assert ("it may have happened all the same" in raised.value.public) is (code == "indeterminate")
    await until(lambda: kept.kinds()[-1] == kind)
    assert len(line.heard) == 1


async def test_a_change_that_is_cancelled_under_way_is_indeterminate(kept: Kept) -> None:
    """A client that cancels a change after it was sent: nobody knows, and the log says so."""
    calls, line = calls_of(kept, NOTES), Line(never=True)
    asker = caller(kept.requester(gate="mcp"))
    await approve(kept, told(await calls.call(NOTES, asker, asking(), upstream=line, seen=Ear())))
    running = asyncio.create_task(calls.call(NOTES, asker, asking(), upstream=line, seen=Ear()))
    await until(lambda: len(line.heard) == 1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until(lambda: kept.kinds()[-1] == "tool.indeterminate")


async def test_reading_that_fails_fails_plainly(kept: Kept) -> None:
    """A read whose server dies has an outcome: nothing was changed, and the error is the server's."""
    github, line = server("github"), Line(fails=BROKEN)
    message = asking("get_file_contents", arguments={"path": "a"})
    with pytest.raises(UpstreamError):
        await calls_of(kept, github).call(
            github, caller(kept.requester(gate="mcp")), message, upstream=line, seen=Ear()
        )
    await until(lambda: kept.kinds()[-1] == "tool.finished")


async def test_arguments_that_do_not_fit_are_asked_about(kept: Kept) -> None:
    """A call that would flow is asked about where its arguments are not what the tool declares."""
    github, line = server("github"), Line()
    message = asking("get_file_contents", arguments={"path": 7})
    asker = caller(kept.requester(gate="mcp"))
    answer = await calls_of(kept, github).call(github, asker, message, upstream=line, seen=Ear())
    approval = kept.approvals.get(told(answer))
    assert "unknown" in approval.effects
    assert line.heard == []


async def test_a_tool_that_is_not_there_is_an_error(kept: Kept) -> None:
    """A tool that the server has not, or that waits for somebody's look, is refused before anything is judged."""
    with pytest.raises(McpError) as raised:
        await calls_of(kept, NOTES).call(
            NOTES, caller(kept.requester(gate="mcp")), asking("drop_all"), upstream=Line(), seen=Ear()
        )
    assert (raised.value.code, raised.value.number) == ("tool_unknown", -32602)
    assert kept.kinds() == []


async def test_what_the_policy_forbids_is_told(kept: Kept) -> None:
    """A denied call is a failed result with a stable code, and is never sent."""
    line, prod = Line(), server(environment="production", scoped=True)
    asker = caller(kept.requester(gate="mcp", grant_environment="production"))
    answer = await calls_of(kept, prod).call(prod, asker, asking(), upstream=line, seen=Ear())
    assert refusal(answer)["code"] == "policy:row:deny"
    assert "approvalId" not in refusal(answer)
    assert line.heard == []


async def test_a_call_that_was_approved_where_the_model_said_it_runs(kept: Kept) -> None:
    """What people approved at the models gate passes here at once; the client's id of the call narrows."""
    models = kept.requester(gate="models")
    said = ToolCall("toolu_1", "mcp__notes__delete_note", json.dumps({"id": "1"}).encode())
    held = await kept.held(said, models)
    await kept.approve(held)
    assert isinstance(await kept.guard.release(held, models), Go)
    calls, line, asker = calls_of(kept, NOTES), Line(), caller(kept.requester(gate="mcp", session=""))
    other = asking(_meta={"claudecode/toolUseId": "toolu_2"})
    assert told(await calls.call(NOTES, asker, other, upstream=line, seen=Ear()))
    mine = asking(_meta={"claudecode/toolUseId": "toolu_1"})
    assert text_of(await calls.call(NOTES, asker, mine, upstream=line, seen=Ear())) == "done"
    assert len(line.heard) == 1


async def test_an_approval_counts_for_what_the_client_said_beside(kept: Kept) -> None:
    """What a server could act by in `_meta` is bound; a read with notes of its own still runs."""
    calls, line, asker = calls_of(kept, NOTES), Line(), caller(kept.requester(gate="mcp"))
    assert told(await calls.call(NOTES, asker, asking(_meta={"database": "a"}), upstream=line, seen=Ear()))
    await approve(kept, kept.approvals.listing(None)[0].id)
    assert told(await calls.call(NOTES, asker, asking(_meta={"database": "b"}), upstream=line, seen=Ear()))
    assert line.heard == []
    said = await calls.call(NOTES, asker, asking(_meta={"database": "a"}), upstream=line, seen=Ear())
    assert text_of(said) == "done"
    read = asking("get_file_contents", arguments={"path": "README.md"}, _meta={"goose-session": "s"})
    github, asker = server("github"), caller(kept.requester(gate="mcp"))
    assert text_of(await calls_of(kept, github).call(github, asker, read, upstream=line, seen=Ear())) == "done"


@pytest.mark.parametrize("name", ["baggage", "tracestate", "callId", "progressToken", "database"])
async def test_a_credential_beside_the_arguments_goes_nowhere(kept: Kept, name: str) -> None:
    """Whatever member of `_meta` it stands in, known or not: the call is refused and nothing is sent."""
    github, line, asker = server("github"), Line(), caller(kept.requester(gate="mcp"))
    key = "AK" + "IAQ3VNX7RT2LKP5WJ4"
    read = asking("get_file_contents", arguments={"path": "README.md"}, _meta={name: key})
    answer = await calls_of(kept, github).call(github, asker, read, upstream=line, seen=Ear())
    assert refusal(answer)["code"].startswith("credential:")  # type: ignore[attr-defined]  # a word
    assert line.heard == []


# Clients of 2026-07-28 that can show an address


async def test_a_modern_client_is_sent_to_a_page_and_comes_back(kept: Kept) -> None:
    """It hears at once where its user sees how the approval stands, comes back, and the call runs once."""
    calls, line, asker = calls_of(kept, NOTES), Line(), modern(kept.requester(gate="mcp"))
    first = await calls.call(NOTES, asker, asking(), upstream=line, seen=Ear())
    assert first.result["resultType"] == "input_required"
    approval = kept.approvals.listing(None)[0].id
    asked = first.result["inputRequests"]
    assert isinstance(asked, dict)
    assert asked["stayhand_approval"]["params"]["url"] == f"http://localhost:8788/status/{approval}"
    await approve(kept, approval)
    back = asking(
        ident=8,
        requestState=first.result["requestState"],
        inputResponses={"stayhand_approval": {"action": "accept"}},
    )
    answer = await calls.call(NOTES, asker, back, upstream=line, seen=Ear())
    assert text_of(answer) == "done"
    assert "requestState" not in line.heard[0].params
    assert "inputResponses" not in line.heard[0].params
    assert line.heard[0].id == 8


async def test_accepting_decides_nothing(kept: Kept) -> None:
    """A client that says `accept` as often as it likes runs nothing, and hears in the end that it waits."""
    calls, line, asker = calls_of(kept, NOTES), Line(), modern(kept.requester(gate="mcp"))
    answer = await calls.call(NOTES, asker, asking(), upstream=line, seen=Ear())
    accepted = {"stayhand_approval": {"action": "accept", "content": {"approve": True}}}
    for _ in range(MAX_ROUNDS):
        state = answer.result["requestState"]
        back = asking(requestState=state, inputResponses=accepted)
        answer = await calls.call(NOTES, asker, back, upstream=line, seen=Ear())
        assert answer.result["resultType"] == "input_required"
        assert "inputRequests" not in answer.result
    last = asking(requestState=answer.result["requestState"], inputResponses=accepted)
    told(await calls.call(NOTES, asker, last, upstream=line, seen=Ear()))
    assert line.heard == []
    assert kept.approvals.listing(None)[0].status is ApprovalStatus.PENDING


async def test_declining_to_look_leaves_the_approval(kept: Kept) -> None:
    """A user who shuts the page away is told that the call waits; people may still agree to it."""
    calls, line, asker = calls_of(kept, NOTES), Line(), modern(kept.requester(gate="mcp"))
    first = await calls.call(NOTES, asker, asking(), upstream=line, seen=Ear())
    back = asking(
        requestState=first.result["requestState"], inputResponses={"stayhand_approval": {"action": "decline"}}
    )
    approval = told(await calls.call(NOTES, asker, back, upstream=line, seen=Ear()))
    assert kept.approvals.get(approval).status is ApprovalStatus.PENDING


async def test_a_client_without_a_user_is_held(kept: Kept) -> None:
    """Claude Code with `-p` cancels the address that it asked for: it waits for people as others do, and once.

    The vote falls while the call is judged again: the call joins what was approved, and nobody is asked anew.
    """
    patient = server(hold_s=60)
    calls, line, asker = calls_of(kept, patient), Line(), modern(kept.requester(gate="mcp"))
    first = await calls.call(patient, asker, asking(), upstream=line, seen=Ear())
    back = asking(
        requestState=first.result["requestState"], inputResponses={"stayhand_approval": {"action": "cancel"}}
    )
    running = asyncio.create_task(calls.call(patient, asker, back, upstream=line, seen=Ear()))
    await approve(kept, await pending(kept))
    assert text_of(await running) == "done"
    assert len(line.heard) == 1
    assert [one.status for one in kept.approvals.listing(None)] == [ApprovalStatus.CONSUMED]


async def test_a_client_without_a_user_hears_in_the_end_that_it_waits(kept: Kept) -> None:
    """Nobody decides while it is held: it is told the approval, and not sent round again."""
    calls, line, asker = calls_of(kept, NOTES), Line(), modern(kept.requester(gate="mcp"))
    first = await calls.call(NOTES, asker, asking(), upstream=line, seen=Ear())
    back = asking(
        requestState=first.result["requestState"], inputResponses={"stayhand_approval": {"action": "cancel"}}
    )
    approval = told(await calls.call(NOTES, asker, back, upstream=line, seen=Ear()))
    assert kept.approvals.get(approval).status is ApprovalStatus.PENDING
    assert line.heard == []


async def test_a_state_serves_its_own_call_alone(kept: Kept) -> None:
    """With other arguments, at another server, of another agent, changed, or too late, a state is refused."""
    other = server("other")
    calls, line = calls_of(kept, NOTES, other), Line()
    asker = modern(kept.requester(gate="mcp"))
    first = await calls.call(NOTES, asker, asking(), upstream=line, seen=Ear())
    state = str(first.result["requestState"])
    await approve(kept, kept.approvals.listing(None)[0].id)
    stranger = modern(kept.requester(gate="mcp", grant_agent="stranger"))
    for where, who, message in (
        (NOTES, asker, asking(requestState=state, arguments={"id": "2"})),
        (other, asker, asking(requestState=state)),
        (NOTES, stranger, asking(requestState=state)),
        (NOTES, asker, asking(requestState=f"{state[:-2]}{'AA' if state[-2:] != 'AA' else 'BB'}")),
        (NOTES, asker, asking(requestState="stayhand.1.")),
    ):
        with pytest.raises(McpError) as raised:
            await calls.call(where, who, message, upstream=line, seen=Ear())
        assert raised.value.code == "request_state_invalid"
    kept.clock.forward(100_000)
    with pytest.raises(McpError):
        await calls.call(NOTES, asker, asking(requestState=state), upstream=line, seen=Ear())
    assert line.heard == []
