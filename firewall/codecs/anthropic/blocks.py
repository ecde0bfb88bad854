"""Content blocks of an answer as we read them: what kind they are and which call they stand for."""

from dataclasses import dataclass, field
from enum import Enum

from firewall.codecs import json_span
from firewall.codecs.anthropic.tables import BLOCKS, Kind
from firewall.codecs.interface import Refused, Released, Ruling
from firewall.codecs.upstream_json import JsonObject, is_strict_object, malformed
from firewall.core.call import ToolCall


class Fate(Enum):
    """What becomes of a frame."""

    WAITS = "waits"
    LEAVES = "leaves"
    REPLACED = "replaced"


@dataclass(slots=True, eq=False)
class Block:
    """One content block, or a frame that stands alone because no table knows it."""

    kind: Kind
    type: str
    index: int = -1
    """The place in the message; -1 for a frame that belongs to no block."""
    start: JsonObject = field(default_factory=dict)
    inline: bytes = b""
    """`input` as it stood in the first frame, where there was one."""
    parts: list[str] = field(default_factory=list)
    raws: list[bytes] = field(default_factory=list)
    oddity: str = ""
    """The type of a delta that no table knows."""
    open: bool = True
    slot: int | None = None
    ruling: Ruling | None = None
    follows: "Block | None" = None
    """For thinking: the call that it led to."""
    freed: bool = False
    """For thinking: it led to no call."""
    told: bool = False
    """Its refusal has been written."""

    @property
    def fate(self) -> Fate:
        """Whether its frames may leave now. Signed thinking leaves unchanged, whatever the ruling."""
        if self.kind is Kind.TEXT or self.kind is Kind.HOSTED or self.freed:
            return Fate.LEAVES
        if self.kind is Kind.THINKING:
            return Fate.WAITS if self.follows is None or self.follows.ruling is None else Fate.LEAVES
        match self.ruling:
            case None:
                return Fate.WAITS
            case Released():
                return Fate.LEAVES
            case Refused():
                return Fate.REPLACED

    def call(self) -> ToolCall:
        """Return the call that the finished block stands for.

        Raises: ProtocolError (502) when a field that decides what is run is missing or of another type.
        """
        if self.kind is Kind.UNKNOWN or self.oddity:
            name = self.oddity or self.type
            return ToolCall(identity_of(self.start), f"unknown:{name}", b"".join(self.raws))
        if self.parts and self.inline not in (b"", b"{}"):
            malformed("a call states its input twice")
        arguments = "".join(self.parts).encode() or self.inline
        return tool_use(self.start, arguments)


def kind_of(block: JsonObject) -> tuple[Kind, str]:
    """Return what a content block is, and its type.

    Raises: ProtocolError (502) when it has none.
    """
    type_ = block.get("type")
    if not isinstance(type_, str):
        malformed("a content block without a type")
    return BLOCKS.get(type_, Kind.UNKNOWN), type_


def tool_use(block: JsonObject, arguments: bytes) -> ToolCall:
    """Return the call of a `tool_use` block; arguments that are no plain JSON object make it `unknown:`.

    Raises: ProtocolError (502) when it lacks a name or an id.
    """
    name, toolset = block.get("name"), block.get("toolset_name")
    identity = identity_of(block)
    if not isinstance(name, str) or not name or not identity:
        malformed("a call without a name or an id")
    if toolset is not None and not isinstance(toolset, str):
        malformed("`toolset_name` is no string")
    full = f"{toolset}/{name}" if toolset else name
    return ToolCall(identity, full if is_strict_object(arguments) else f"unknown:{full}", arguments)


def identity_of(block: JsonObject) -> str:
    """Return a block's id, empty when it has none."""
    found = block.get("id")
    return found if isinstance(found, str) else ""


def call_of(block: JsonObject, places: json_span.Places, place: int) -> ToolCall | None:
    """Return the call of the block at `place` among those of a whole answer; None when it is none.

    Raises: ProtocolError (502) as `tool_use`.
    """
    kind, type_ = kind_of(block)
    if kind is Kind.CALL:
        return tool_use(block, places.member(place, "input") or b"{}")
    if kind is Kind.UNKNOWN:
        return ToolCall(identity_of(block), f"unknown:{type_}", places.element(place))
    return None
