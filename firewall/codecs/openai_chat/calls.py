"""Calls of a chat answer as their pieces build them."""

from dataclasses import dataclass, field

from firewall.codecs.interface import Refused, Released, Ruling
from firewall.codecs.openai_chat.tables import CALL_MEMBERS, CALL_TYPES
from firewall.codecs.upstream_json import JsonObject, is_strict_object, malformed
from firewall.core.call import CallForm, ToolCall
from firewall.core.fast_init import maker

Key = int | str
"""Which call of a choice: the index in `tool_calls`, `function_call`, or a mark and the name of a
member that no table knows (`?` of a delta or message, `!` of a choice)."""


@dataclass(slots=True, eq=False)
class Call:
    """One call of a choice, or a member that no table knows."""

    key: Key
    oddity: str = ""
    """Why it is no plain call: the type or member that no table knows."""
    id: str = ""
    name: str = ""
    form: CallForm = CallForm.JSON
    typed: str = ""
    parts: list[str] = field(default_factory=list)
    raws: list[bytes] = field(default_factory=list)
    ruling: Ruling | None = None
    told: bool = False
    """Its refusal has been written."""

    @property
    def is_released(self) -> bool:
        """Whether it may leave."""
        return isinstance(self.ruling, Released)

    @property
    def is_refused(self) -> bool:
        """Whether a text takes its place."""
        return isinstance(self.ruling, Refused)

    def add(self, piece: JsonObject, raw: bytes) -> None:
        """Take one piece of `tool_calls`.

        Raises: ProtocolError (502) when the pieces contradict each other.
        """
        self.raws.append(raw)
        identity = piece.get("id")
        if identity:
            if not isinstance(identity, str) or self.id not in ("", identity):
                malformed("the id of a call changes")
            self.id = identity
        type_ = piece.get("type")
        if type_ is not None:
            self._type(type_ if isinstance(type_, str) else "?")
        for member, inside in piece.items():
            if member in CALL_MEMBERS or inside is None:
                continue
            self._type(member)
            if member in CALL_TYPES:
                self.fill(inside, member)

    def fill(self, inside: object, type_: str) -> None:
        """Take one piece of what its type names: name and arguments.

        Raises: ProtocolError (502) when it is no object of strings, or names the call again.
        """
        if not isinstance(inside, dict):
            malformed("a call is no object")
        for member, text in inside.items():
            if text is None:
                continue
            if member == "name" and isinstance(text, str):
                if text and self.name:
                    malformed("a call is named twice")
                self.name = self.name or text
            elif member == CALL_TYPES[type_] and isinstance(text, str):
                self.parts.append(text)
            elif member in ("name", CALL_TYPES[type_]):
                malformed(f"`{member}` of a call is no string")
            else:
                self.oddity = self.oddity or str(member)

    def call(self) -> ToolCall:
        """Return the finished call.

        Raises: ProtocolError (502) when it has no name.
        """
        if self.oddity:
            return ToolCall(self.id, f"unknown:{self.oddity}", b"".join(self.raws))
        if not self.name:
            malformed("a call without a name")
        arguments = "".join(self.parts).encode()
        plain = self.form is CallForm.TEXT or not arguments.strip() or is_strict_object(arguments)
        return ToolCall(self.id, self.name if plain else f"unknown:{self.name}", arguments, self.form)

    def _type(self, type_: str) -> None:
        if type_ not in CALL_TYPES:
            self.oddity = self.oddity or type_
            return
        if self.typed not in ("", type_):
            malformed("the type of a call changes")
        self.typed = type_
        self.form = CallForm.TEXT if type_ == "custom" else CallForm.JSON


@dataclass(slots=True, eq=False)
class Choice:
    """One candidate answer."""

    index: int
    calls: dict[Key, Call] = field(default_factory=dict)
    finish: str = ""
    """Why it ended; empty while it has not."""
    closed: bool = False
    """Its calls are complete and wait for rulings."""
    spoke: bool = False
    """It has said some text."""

    def call_at(self, index: object) -> Call:
        """Return the call that a piece of `tool_calls` belongs to, a new one where it is the next.

        Raises: ProtocolError (502) when the index leaves a gap: readers put such a call in different places.
        """
        if type(index) is not int or index < 0:
            malformed("a call without an index")
        found = self.calls.get(index)
        if found is None:
            if index != sum(isinstance(key, int) for key in self.calls):
                malformed("the index of a call leaves a gap")
            found = self.calls[index] = Call(index)
        return found

    def call_named(self, key: str, oddity: str = "") -> Call:
        """Return the call of the deprecated `function_call`, or what stands for a member that no table knows."""
        return self.calls.setdefault(key, Call(key, oddity))

    @property
    def is_ruled(self) -> bool:
        """Whether all its calls are ruled on and none can come."""
        return self.closed and all(call.ruling is not None for call in self.calls.values())

    @property
    def is_refused(self) -> bool:
        """Whether it had calls and all were refused."""
        return bool(self.calls) and all(call.is_refused for call in self.calls.values())

    @property
    def is_renumbered(self) -> bool:
        """Whether a call was refused, so that those behind it move up."""
        return any(call.is_refused for key, call in self.calls.items() if isinstance(key, int))

    def place(self, call: Call) -> int:
        """Return the index that a released call has among the released ones."""
        return sum(
            isinstance(key, int) and key < int(call.key) and not one.is_refused for key, one in self.calls.items()
        )


made = maker(Choice)
