"""What is written of a conversation is read back; anything else is an error of the store."""

import pytest

from firewall.core.conversation import Conversation, Message, Part, PartKind, Source, read, written
from firewall.core.errors import StoreError

TOLD = Conversation(
    Source.SESSION,
    (
        Message(4, "user", (Part(PartKind.TEXT, "", "clean up"),)),
        Message(5, "assistant", (Part(PartKind.CALL, "bash", "rm", 7, "x"),), 2),
    ),
)


def test_what_is_written_is_read_back() -> None:
    """Every field survives; the salt makes two equal conversations different bytes."""
    assert read(written(TOLD, "a")) == TOLD
    assert written(TOLD, "a") != written(TOLD, "b")
    assert TOLD.earlier == 3
    assert Conversation(Source.RUN, ()).earlier == 0


@pytest.mark.parametrize(
    "data",
    [b"", b"null", b"[]", b"{}", b'{"source":"x","messages":[]}', b'{"source":"run","messages":[{"turn":1}]}'],
)
def test_anything_else_is_refused(data: bytes) -> None:
    """What cannot be read is an error with words of ours, and says nothing of what it holds."""
    with pytest.raises(StoreError, match="cannot be read"):
        read(data)
