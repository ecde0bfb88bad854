"""An approver's form of a held call: its own question, its own votes, never a way for the call itself."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.approvals.people import Approver
from firewall.core.approval import PERMITTED, ApprovalStatus, Decision
from firewall.core.call import CallForm, Served, ToolCall
from firewall.core.errors import ApprovalError
from firewall.core.outgoing import Outgoing
from firewall.core.reason import Reason
from firewall.core.strict_json import loads_object
from firewall.gates.refusals import refusal_text
from firewall.guard import editing
from firewall.guard.answer import Go, Stop, Wait
from firewall.guard.editing import Editable, Editing
from tests.support.guarding import ALICE, DESTROY, Kept, call, keeping

MILDER = "rm -rf /srv/data/cache"
OLGA = Approver("olga", "approver", ("oncall",))
BERT = Approver("bert", "approver", ("oncall",))
NEWCOMER = Approver("nina", "approver", since=2**62)


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    """A guard over the shipped policies."""
    async with keeping(tmp_path) as found:
        yield found


async def refused(kept: Kept, held: Wait, text: str, by: Approver = ALICE) -> str:
    """Return the code with which a form is refused; nothing but entries has come of it, where it was judged."""
    before = kept.kinds()
    with pytest.raises(ApprovalError) as error:
        await kept.guard.editing.propose(held.approval.id, text, by=by)
    judged = error.value.code in ("edit_same", "edit_refused", "edit_denied_before")
    assert kept.kinds() == [*before, *(["edit.begun", "edit.refused"] if judged else [])]
    assert kept.approvals.get(held.approval.id).status is ApprovalStatus.PENDING
    return error.value.code


async def test_the_form_passes_once_and_the_call_never(kept: Kept) -> None:
    """Always: the form's approval releases the form's bytes once, and neither the call nor anything else."""
    held = await kept.held(call(DESTROY), kept.requester())
    assert kept.guard.editing.editable(held.approval) == Editable("command", DESTROY)
    new = await kept.guard.editing.propose(held.approval.id, MILDER, by=ALICE)
    old = kept.approvals.get(held.approval.id)
    assert (old.status, old.instead, old.reason) == (ApprovalStatus.DENIED, new.id, f"command: {MILDER}")
    assert (new.status, new.votes) == (ApprovalStatus.PENDING, ())
    assert new.digest != old.digest
    assert (new.token, new.principal, new.session) == (old.token, old.principal, old.session)
    assert new.subject is not None
    assert new.subject.edited == old.id
    assert kept.kinds()[-4:] == ["edit.begun", "approval.voted", "approval.edited", "approval.opened"]
    told = await kept.guard.release(held, kept.requester())
    assert isinstance(told, Stop)
    assert told.verdict.reason is Reason.APPROVAL_EDITED
    assert f"command: {MILDER}" in refusal_text("Bash", told)
    waiting = await kept.guard.judge(call(MILDER), kept.requester())
    assert isinstance(waiting, Wait)
    assert waiting.approval.id == new.id
    with pytest.raises(ApprovalError) as error:
        await kept.approvals.decide(new.id, Decision.APPROVE, by=ALICE)
    assert error.value.code == "own_form", "it destroys, and nobody knows where"
    await kept.approvals.decide(new.id, Decision.APPROVE, by=BERT)
    assert kept.approvals.get(old.id).status is ApprovalStatus.DENIED
    again = await kept.guard.judge(call(DESTROY), kept.requester())
    assert isinstance(again, Stop)
    assert again.verdict.reason is Reason.APPROVAL_EDITED
    for other in (f"{MILDER}/x", f"{MILDER} && ls"):
        assert isinstance(await kept.guard.judge(call(other), kept.requester()), Wait)
    stranger = kept.requester(grant_owner="oleg", token_id="tok_2", lineage=("tok_2",))
    assert isinstance(await kept.guard.judge(call(MILDER), stranger), Wait)
    passed = await kept.guard.judge(call(MILDER), kept.requester())
    assert isinstance(passed, Go)
    assert passed.approval == new.id
    assert isinstance(await kept.guard.judge(call(MILDER), kept.requester()), Wait)


async def test_the_editors_vote_counts_for_nothing_yet(kept: Kept) -> None:
    """Whoever wrote the form has denied the call and approved nothing: his vote for the form is one of its own."""
    held = await kept.held(call(DESTROY), kept.requester())
    new = await kept.guard.editing.propose(held.approval.id, MILDER, by=ALICE)
    old = kept.approvals.get(held.approval.id)
    assert [vote.decision for vote in old.votes] == [Decision.DENY]
    assert kept.approvals.tally(new).given == 0
    assert kept.approvals.usable(kept.requester().principal, new.digest) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (DESTROY, "edit_same"),
        ("stayhand token mint --env production", "edit_refused"),
        ("", "edit_invalid"),
        (" \n ", "edit_invalid"),
        ("rm \u202e/srv", "edit_invalid"),
        ("x" * (editing.MOST_CHARS + 1), "edit_invalid"),
    ],
)
async def test_a_form_that_is_none_changes_nothing(kept: Kept, text: str, code: str) -> None:
    """The same call, what the policy denies, nothing, hidden characters, too much: the call waits on."""
    held = await kept.held(call(DESTROY), kept.requester())
    assert await refused(kept, held, text) == code


async def test_only_who_could_answer_the_call_rewrites_it(kept: Kept) -> None:
    """Not the requester's owner, not somebody newer than the call, not a viewer."""
    held = await kept.held(call(DESTROY), kept.requester())
    assert await refused(kept, held, MILDER, OLGA) == "own_approval"
    assert await refused(kept, held, MILDER, NEWCOMER) == "newer_than_approval"
    assert await refused(kept, held, MILDER, Approver("vera", "viewer")) == "approver_not_permitted"


async def test_an_ended_token_and_a_settled_call_take_no_form(kept: Kept) -> None:
    """What is over stays over: no form is opened for a revoked token, nor after a decision."""
    held = await kept.held(call(DESTROY), kept.requester())
    kept.is_live = False
    assert await refused(kept, held, MILDER) == "edit_refused"
    kept.is_live = True
    await kept.approve(held)
    with pytest.raises(ApprovalError) as error:
        await kept.guard.editing.propose(held.approval.id, MILDER, by=ALICE)
    assert error.value.code == "approval_decided"
    assert kept.guard.editing.editable(kept.approvals.get(held.approval.id)) is None


async def test_a_form_that_needs_nobody_is_only_told(kept: Kept) -> None:
    """What the policy permits is no question: the call is denied, the form is told, nobody is asked."""
    held = await kept.held(call(DESTROY), kept.requester())
    found = await kept.guard.editing.propose(held.approval.id, "ls /srv", by=ALICE)
    assert (found.id, found.instead) == (held.approval.id, PERMITTED)
    assert kept.kinds().count("approval.opened") == 1


async def test_a_form_that_waits_already_is_joined(kept: Kept) -> None:
    """The agent asked for it before: no second question is opened, and the first one keeps its bytes."""
    other = await kept.held(call(MILDER), kept.requester())
    held = await kept.held(call(DESTROY), kept.requester())
    found = await kept.guard.editing.propose(held.approval.id, MILDER, by=ALICE)
    assert found.id == other.approval.id
    assert len(found.authors) == 1, "and its author"
    assert kept.approvals.get(held.approval.id).instead == other.approval.id
    third = await kept.held(call("rm -rf /srv/third"), kept.requester())
    await kept.approvals.decide(other.approval.id, Decision.DENY, by=ALICE)
    assert await refused(kept, third, MILDER) == "edit_denied_before"


JSON = b'{"path": "/srv/x", "force": true}'
REQUEST = Outgoing("POST", "/graphql", "", (("content-type", "application/json"),), b'{"query": "x"}')


@pytest.mark.parametrize(
    ("tool_call", "what"),
    [
        (ToolCall("1", "remove", JSON), "arguments"),
        (ToolCall("1", "apply_patch", b"*** Begin", CallForm.TEXT), "text"),
        (ToolCall("1", "infra/x", REQUEST.encode(), CallForm.REQUEST), "body"),
        (ToolCall("1", "infra/x", replace(REQUEST, body=b"").encode(), CallForm.REQUEST), ""),
        (ToolCall("1", "infra/x", replace(REQUEST, body=b"\xff").encode(), CallForm.REQUEST), ""),
        (
            ToolCall(
                "1",
                "infra/x",
                replace(REQUEST, headers=(("content-encoding", "gzip"),)).encode(),
                CallForm.REQUEST,
            ),
            "",
        ),
        (ToolCall("1", "remove", JSON, served=Served("notes", "remove", "x")), ""),
        (ToolCall("1", "web_search", b"{}", CallForm.HOSTED), ""),
        (ToolCall("1", "Bash", b'{"command": "rm\\u202e"}'), ""),
        (ToolCall("1", "Bash", b'{"command": "a\\tb"}'), ""),
        (ToolCall("1", "Bash", b"no json"), ""),
        (ToolCall("1", "Bash", b'{"command": "ls", "timeout": 5, "share": 0.5}'), "command"),
        (ToolCall("1", "Bash", b'{"command": "ls", "timeout": 123456789012345678901234567890}'), "arguments"),
        (ToolCall("1", "Bash", b'{"command": "ls", "share": 1.0000000000000000001}'), "arguments"),
        (ToolCall("1", "Bash", b'{"command": "ls", "more": "' + b"x" * editing.MOST_ARGUMENTS + b'"}'), ""),
        (ToolCall("1", "Bash", b'{"command": "' + b"x" * editing.MOST_CHARS + b'y"}'), ""),
    ],
)
def test_what_a_browser_would_change_is_not_offered(tool_call: ToolCall, what: str) -> None:
    """Texts that show exactly as they are can be edited; hidden, binary, encoded and foreign ones cannot."""
    found = editing._editable(tool_call)
    assert (found.what if found else "") == what


@given(text=st.text(min_size=1, max_size=80))
def test_nothing_but_the_text_changes(text: str) -> None:
    """Whatever is typed, tool, form, schema and every other argument stay as the agent sent them."""
    base = ToolCall("1", "Bash", b'{"command": "ls", "timeout": 5}', schema="abc")
    before = editing._editable(base)
    assert before is not None
    try:
        edited = editing._edited(base, before, text)
    except ApprovalError as error:
        assert error.code == "edit_invalid"  # noqa: PT017 - one of two outcomes
        return
    assert (edited.name, edited.form, edited.schema) == (base.name, base.form, base.schema)
    assert loads_object(edited.arguments) == {"command": text, "timeout": 5}


async def test_what_is_remembered_is_bounded(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest calls are forgotten, and are then denied with a reason as before."""
    monkeypatch.setattr(editing, "MOST_CALLS", 2)
    found = Editing(kept.approvals, kept.guard.considered)
    held = [await kept.held(call(f"rm -rf /srv/{name}"), kept.requester()) for name in "abc"]
    for one in held:
        found.note(one.approval.id, one.judgement.call, kept.requester())
    assert [found.editable(one.approval) is not None for one in held] == [False, True, True]
    with pytest.raises(ApprovalError, match="cannot be edited"):
        await found.propose(held[0].approval.id, MILDER, by=ALICE)


async def test_nobody_takes_the_memory_of_others(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has too many held calls loses his own oldest one, and nobody else's."""
    monkeypatch.setattr(editing, "MOST_OF_ONE", 2)
    found = Editing(kept.approvals, kept.guard.considered)
    other = kept.requester(grant_owner="oleg", token_id="tok_2", lineage=("tok_2",))
    first = await kept.held(call(DESTROY), other)
    found.note(first.approval.id, first.judgement.call, other)
    held = [await kept.held(call(f"rm -rf /srv/{name}"), kept.requester()) for name in "abc"]
    for one in held:
        found.note(one.approval.id, one.judgement.call, kept.requester())
    assert [found.editable(one.approval) is not None for one in (first, *held)] == [True, False, True, True]
