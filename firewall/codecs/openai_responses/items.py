"""The items of one answer: shared by the streamed and the whole form."""

from dataclasses import dataclass

from firewall.codecs.openai_responses.calls import Draft, JsonObject, identity_of
from firewall.codecs.openai_responses.tables import Kind, kind_of
from firewall.codecs.steps import Member, Role

ROLES = {
    Kind.TEXT: Role.FREE,
    Kind.HOSTED: Role.FREE,
    Kind.REASONING: Role.REASONING,
    Kind.CALL: Role.CALL,
    Kind.UNKNOWN: Role.CALL,
}


@dataclass(slots=True, kw_only=True)
class Item(Member):
    """One output item, or one event that no table knows."""

    index: int
    """Its `output_index`; -1 for an event that belongs to no item."""
    kind: Kind
    type: str
    identity: str = ""
    """Its call id or id."""
    draft: Draft | None = None
    done: bool = False
    replaced: bool = False
    """Its text has taken its place, or nothing has."""
    offset: int | None = None
    """How far its index moved, fixed with its first frame."""


def item_of(value: JsonObject, index: int) -> Item:
    """Return the item that an object of `output` begins."""
    kind = kind_of(value)
    return Item(
        role=ROLES[kind],
        index=index,
        kind=kind,
        type=str(value.get("type")),
        identity=identity_of(value),
        draft=Draft(value) if kind is Kind.CALL else None,
    )
