"""What led to calls, at rest: sealed, bound to its approval, gone with its owner's key."""

from pathlib import Path

import pytest

from firewall.core.approval import Approval, ApprovalStatus
from firewall.core.conversation import Conversation, Kept, Message, Part, PartKind, Source, written
from firewall.core.errors import StoreError
from firewall.core.work import OpenApproval, Unit
from firewall.sequencer.opening import Installation, create, open_installation
from firewall.storage.sqlite import conversations
from firewall.storage.sqlite.schema import open_writer
from tests.support.approving import START_US, StillClock, new_id, subject
from tests.support.guarding import places_in


def told(text: str) -> Conversation:
    """Return a conversation of one text."""
    return Conversation(Source.CALL, (Message(1, "user", (Part(PartKind.TEXT, "", text),)),))


async def opened(installation: Installation, text: str) -> str:
    """Open an approval after a conversation, and return its id."""
    pending = ApprovalStatus.PENDING
    digest, until = text[0] * 64, START_US + 1_000_000
    approval = Approval(
        new_id(), pending, digest, "prn_olga", "tok_1", "", "staging", (), START_US, until, subject=subject()
    )
    step = OpenApproval(approval, 5, conversation=written(told(text), "salt"))
    await installation.writer.submit(Unit(steps=(step,)))
    return approval.id


async def test_it_opens_for_its_own_approval_alone_and_not_after_erasure(tmp_path: Path) -> None:
    """A ciphertext that somebody moved to another approval is refused; an erased key leaves nothing to read."""
    places = places_in(tmp_path)
    create(places)
    installation = open_installation(places, StillClock())
    try:
        first, second = await opened(installation, "alpha canary"), await opened(installation, "beta canary")
        sealed = conversations.get(installation.reader, first)
        assert sealed is not None
        assert b"canary" not in sealed[1]
        found = installation.approving.conversation(first)
        assert found is not None
        assert found.conversation == told("alpha canary")
        connection = open_writer(places.database)
        connection.execute("UPDATE approval_conversations SET sealed = ? WHERE approval = ?", (sealed[1], second))
        connection.close()
        with pytest.raises(StoreError, match="cannot be read"):
            installation.approving.conversation(second)
        installation.keystore.erase("olga")
        assert installation.approving.conversation(first) == Kept(None)
        assert conversations.has(installation.reader, first)
        assert not conversations.has(installation.reader, "apr_other")
    finally:
        await installation.close()
