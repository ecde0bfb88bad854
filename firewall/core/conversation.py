"""The conversation that led to a held call, as far as it is kept: bounded, credentials hidden. Pure values.

Written by an agent and by whatever it read, so nothing in it is believed. INVARIANT: it is written down sealed,
and only beside an approval; `Spoken`, which holds what was really said, never leaves the process.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

import orjson

from firewall.core.errors import StoreError

MOST_MESSAGES = 12
MOST_BYTES = 32 << 10
"""Of all texts together, as UTF-8; the newest are kept."""
MOST_PARTS = 24
"""Of one message; the last are kept."""


class PartKind(StrEnum):
    """What a part of a message is."""

    TEXT = "text"
    CALL = "call"
    """A tool call, with its arguments."""
    RESULT = "result"
    """What a tool gave back, as the client says."""
    THOUGHT = "thought"
    MEDIA = "media"
    """An image, a file, a sound: its kind alone."""
    OTHER = "other"
    """Something that no table knows, as it is written."""


class Source(StrEnum):
    """How a conversation was found."""

    CALL = "call"
    """The call stands in an answer to it."""
    SESSION = "session"
    """The last request to a model that names the same session, of the same run."""
    RUN = "run"
    """The last request to a model of the same run; nothing says that the call came of it."""


@dataclass(frozen=True, slots=True)
class SpokenPart:
    """One part of a message as it was said."""

    kind: PartKind
    text: str
    name: str = ""
    """The tool's name or id, or the kind of a medium."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """One message as it was said."""

    turn: int
    """Its number in the request, from 1."""
    role: str
    parts: tuple[SpokenPart, ...]
    """The last ones."""
    earlier: int = 0
    """How many parts before these are left out."""


Led = Callable[[], Sequence[Spoken]]
"""Says the last messages that led to a call, oldest first; asked only where people are asked; never raises."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a message as it is kept."""

    kind: PartKind
    name: str
    head: str
    left_out: int = 0
    """Bytes of the text between `head` and `tail` that are not kept."""
    tail: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it is kept."""

    turn: int
    role: str
    parts: tuple[Part, ...]
    left_out: int = 0
    """Parts before these that are not kept."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """The end of a conversation, oldest message first."""

    source: Source
    messages: tuple[Message, ...]

    @property
    def earlier(self) -> int:
        """How many messages before these are not kept."""
        return self.messages[0].turn - 1 if self.messages else 0


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of the conversation behind an approval."""

    conversation: Conversation | None
    """None: the key was erased."""
    sha256: str = ""
    """Hex, of what was sealed: the same as in the approval's first entry."""


def written(conversation: Conversation, salt: str) -> bytes:
    """Write a conversation, for sealing; with `salt`, random, its hash says nothing to who does not have it."""
    return orjson.dumps({"salt": salt, **asdict(conversation)})


def read(data: bytes) -> Conversation:
    """Read what `written` wrote.

    Raises: StoreError when it is something else.
    """
    try:
        value = orjson.loads(data)
        return Conversation(Source(value["source"]), tuple(_message(one) for one in value["messages"]))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StoreError("a stored conversation cannot be read", detail=type(error).__name__) from error


def _message(row: dict[str, object]) -> Message:
    parts = row["parts"]
    if not isinstance(parts, list):
        raise TypeError("parts")
    kept = tuple(Part(**{**one, "kind": PartKind(one["kind"])}) for one in parts)
    return Message(int(str(row["turn"])), str(row["role"]), kept, int(str(row["left_out"])))
