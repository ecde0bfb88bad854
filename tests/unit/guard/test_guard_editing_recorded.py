"""Who tries which form of a call is an entry before anything is asked about it, and so is what became of it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from firewall.approvals.edits import RATE
from firewall.approvals.people import Approver
from firewall.core.approval import ApprovalStatus
from firewall.core.call import ToolCall
from firewall.core.errors import ApprovalError, LimitError, StoreError
from firewall.core.ids import sha256_hex
from firewall.core.ports import Sequencer
from firewall.core.work import Outcome, Unit
from firewall.guard.answer import Wait
from firewall.guard.editing import Editing
from firewall.guard.judgement import Judgement
from firewall.guard.requester import Requester
from tests.support.guarding import ALICE, DESTROY, Kept, call, keeping

MILDER = "rm -rf /srv/data/cache"
DENIED = "stayhand token mint --env production"
BERT = Approver("bert", "approver", ("oncall",))
SHUT = "the log cannot be written, so nothing may pass"


class Asked:
    """Stands before the policy, and notes what the log held whenever it was asked."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self.kinds: list[list[str]] = []

    async def __call__(self, tool_call: ToolCall, requester: Requester) -> Judgement:
        """Judge as the guard does."""
        self.kinds.append(self._kept.kinds())
        return await self._kept.guard.considered(tool_call, requester)


class Shutting:
    """A writer that can be shut for one kind of entry."""

    def __init__(self, writer: Sequencer) -> None:
        self._writer = writer
        self.shut = ""

    async def submit(self, unit: Unit) -> Outcome:
        """Write, unless an entry of that kind is in it."""
        if any(one.kind == self.shut for one in unit.records):
            raise StoreError(SHUT)
        return await self._writer.submit(unit)

    def __getattr__(self, name: str) -> object:
        return getattr(self._writer, name)


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    """A guard over the shipped policies."""
    async with keeping(tmp_path) as found:
        yield found


async def _held(kept: Kept, command: str = DESTROY) -> tuple[Wait, Editing, Asked]:
    asked = Asked(kept)
    editing = Editing(kept.approvals, asked)
    held = await kept.held(call(command), kept.requester())
    editing.note(held.approval.id, held.judgement.call, kept.requester())
    return held, editing, asked


def _data(kept: Kept, kind: str) -> dict[str, object]:
    """Return the unsealed data of the last entry of a kind, with its number and principal."""
    seq = len(kept.kinds()) - 1 - kept.kinds()[::-1].index(kind)
    body = kept.body(seq)
    data = body["data"]
    assert isinstance(data, dict)
    return {**data, "seq": seq, "principal": body["principal"]}


async def test_a_form_is_recorded_before_anything_is_asked(kept: Kept) -> None:
    """Whoever wrote it, and its hash, stand in the log when the policy is asked; the edit names that entry."""
    held, editing, asked = await _held(kept)
    await editing.propose(held.approval.id, MILDER, by=ALICE)
    (before,) = asked.kinds
    assert before[-1] == "edit.begun"
    begun, edited = _data(kept, "edit.begun"), _data(kept, "approval.edited")
    assert begun["form"] == sha256_hex(f"command: {MILDER}".encode())
    assert begun["digest"] == held.approval.digest
    assert begun["principal"] == edited["principal"] != ""
    assert edited["begun"] == begun["seq"]
    assert "edit.refused" not in kept.kinds()


@pytest.mark.parametrize(("text", "why"), [(DENIED, "edit_refused"), (DESTROY, "edit_same")])
async def test_what_became_of_a_refused_form_is_an_entry(kept: Kept, text: str, why: str) -> None:
    """It names the first one, the code, the form's own digest and its verdict; the call waits on."""
    held, editing, _ = await _held(kept)
    with pytest.raises(ApprovalError):
        await editing.propose(held.approval.id, text, by=ALICE)
    refused, begun = _data(kept, "edit.refused"), _data(kept, "edit.begun")
    assert (refused["begun"], refused["why"]) == (begun["seq"], why)
    assert refused["principal"] == begun["principal"]
    assert refused["reason"] != ""
    assert (refused["edited"] == held.approval.digest) is (why == "edit_same")
    assert kept.approvals.get(held.approval.id).status is ApprovalStatus.PENDING


async def test_what_asks_nothing_leaves_nothing(kept: Kept) -> None:
    """A form with hidden characters, or of somebody who may not answer, is refused before it is judged."""
    held, editing, asked = await _held(kept)
    before = kept.kinds()
    for text, by in (("rm \u202e/srv", ALICE), (MILDER, Approver("olga", "approver"))):
        with pytest.raises(ApprovalError):
            await editing.propose(held.approval.id, text, by=by)
    await kept.approve(held)
    with pytest.raises(ApprovalError, match="already decided"):
        await editing.propose(held.approval.id, MILDER, by=ALICE)
    assert asked.kinds == []
    assert kept.kinds() == [*before, "approval.voted"]


@pytest.mark.parametrize("kind", ["edit.begun", "approval.edited"])
async def test_without_its_entry_nothing_is_asked_or_opened(tmp_path: Path, kind: str) -> None:
    """Where the log takes no entry, the policy is not asked, or nothing comes of its answer."""
    async with keeping(tmp_path) as kept:
        held, editing, asked = await _held(kept)
        shutting = Shutting(kept.installation.writer)
        kept.approvals.edits._sequencer = shutting  # type: ignore[assignment]  # all but one kind goes through
        shutting.shut = kind
        with pytest.raises(StoreError):
            await editing.propose(held.approval.id, MILDER, by=ALICE)
        assert len(asked.kinds) == (kind != "edit.begun")
        assert kept.kinds().count("approval.opened") == 1
        assert kept.approvals.get(held.approval.id).status is ApprovalStatus.PENDING


async def _tries(kept: Kept, held: Wait, editing: Editing, by: Approver, number: int) -> None:
    for one in range(number):
        with pytest.raises(ApprovalError):
            await editing.propose(held.approval.id, f"{DENIED} --{by.name}-{one}", by=by)
    del kept


async def test_one_person_tries_so_many_forms_and_no_more(kept: Kept) -> None:
    """Under all names together; then nothing is asked, an entry a minute says so, and others are not kept back."""
    held, editing, asked = await _held(kept)
    mail = Approver("alice@example.com", "approver")
    alice = replace(ALICE, aliases=("alice@example.com",))
    await _tries(kept, held, editing, alice, RATE.burst)
    for by in (alice, mail, ALICE):
        with pytest.raises(LimitError) as error:
            await editing.propose(held.approval.id, MILDER, by=by)
        assert (error.value.code, error.value.status) == ("edit_throttled", 429)
        assert 0 < error.value.retry_after_s <= 120
    assert len(asked.kinds) == RATE.burst
    assert kept.kinds().count("limit.hit") == 2, "one for each name of the minute"
    await _tries(kept, held, editing, BERT, 1)
    kept.clock.forward(error.value.retry_after_s)
    await _tries(kept, held, editing, ALICE, 1)
