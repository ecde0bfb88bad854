"""What led to a held call, as the approval page shows it. Pure.

Written by an agent and by what it read: every text is plain, hidden characters are spelled out, and it stands
under a label of ours, which no text can imitate because it stands outside of it.
"""

from dataclasses import dataclass

from firewall.approvals.conversing import Standing
from firewall.console.marked import show, spell_out
from firewall.core.conversation import Conversation, Kept, Part, PartKind, Source

_ROLES = {
    "user": "the user's side",
    "assistant": "the model",
    "tool": "a tool",
    "system": "the system prompt's side",
}
_SOURCES = {
    Source.CALL: "The call stands in an answer to these messages.",
    Source.SESSION: "The last messages of the same session before the call; nothing proves that it came of them.",
    Source.RUN: "The last messages of the same run before the call, which may have come of another conversation.",
}
_NAME_CHARS = 120


@dataclass(frozen=True, slots=True)
class Piece:
    """One part of a message."""

    label: str
    head: str
    left_out: str
    """How much is left out behind `head`; empty: nothing."""
    tail: str


@dataclass(frozen=True, slots=True)
class Turn:
    """One message."""

    number: int
    role: str
    pieces: tuple[Piece, ...]
    left_out: int
    """Parts before these that are not kept."""


@dataclass(frozen=True, slots=True)
class Talk:
    """The section of the page; without turns it offers them, or says why there are none."""

    state: str
    """`absent`, `offered`, `none`, `erased` or `shown`."""
    source: str = ""
    earlier: int = 0
    turns: tuple[Turn, ...] = ()
    hidden: int = 0
    """Hidden characters that were spelled out."""
    look_alikes: tuple[str, ...] = ()


ABSENT, NONE, ERASED = Talk("absent"), Talk("none"), Talk("erased")
OFFERED = Talk("offered")
_BEFORE = {Standing.NOT_YOURS: ABSENT, Standing.NONE: NONE, Standing.OFFERED: OFFERED}


def unopened(standing: Standing) -> Talk:
    """Return what stands on the page before anything was opened."""
    return _BEFORE[standing]


def talk(kept: Kept) -> Talk:
    """Return what is shown of a conversation."""
    found = kept.conversation
    if found is None:
        return ERASED
    shown = show("\n".join(_texts(found)), ())
    return Talk(
        "shown",
        source=_SOURCES[found.source],
        earlier=found.earlier,
        turns=tuple(
            Turn(one.turn, _ROLES.get(one.role, "somebody unknown"), tuple(map(_piece, one.parts)), one.left_out)
            for one in found.messages
        ),
        hidden=shown.hidden,
        look_alikes=shown.look_alikes,
    )


def _texts(found: Conversation) -> list[str]:
    parts = [part for one in found.messages for part in one.parts]
    return [text for part in parts for text in (part.name, part.head, part.tail)]


def _piece(part: Part) -> Piece:
    return Piece(
        label=_label(part),
        head=spell_out(part.head),
        left_out=f"{part.left_out} bytes are left out here" if part.left_out else "",
        tail=spell_out(part.tail),
    )


def _label(part: Part) -> str:
    name = spell_out(part.name[:_NAME_CHARS]).replace("\n", " ")
    match part.kind:
        case PartKind.TEXT:
            return "Text"
        case PartKind.CALL:
            return f"Call of the tool {name}"
        case PartKind.RESULT:
            return f"What came back of {name}" if name else "What came back of a tool"
        case PartKind.THOUGHT:
            return "Thought"
        case PartKind.MEDIA:
            return f"No text: {name}"
        case PartKind.OTHER:
            return "Something else, as it is written"
