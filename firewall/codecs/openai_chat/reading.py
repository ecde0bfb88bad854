"""What one choice of a chunk or of a whole answer says: text, reasoning, calls, its end."""

from collections.abc import Callable
from dataclasses import dataclass, field

from firewall.codecs.openai_chat.calls import Call, Choice, made
from firewall.codecs.openai_chat.tables import CALLS, CHOICE, REASONING, SPOKEN, TEXT
from firewall.codecs.upstream_json import JsonObject, malformed
from firewall.core.fast_init import maker

MAX_CHOICES = 128

_EMPTY: tuple[object, ...] = (None, "", [], {})

Shown = Callable[[], bytes]
"""Gives what is shown for a member that no table knows: the bytes around it."""


@dataclass(slots=True)
class Said:
    """What was found."""

    text: bool = False
    reasoning: bool = False
    calls: list[Call] = field(default_factory=list)


_said = maker(Said)


def choice_of(value: JsonObject, choices: dict[int, Choice]) -> Choice:
    """Return the state of the choice that `value` belongs to, a new one where it is the first of it.

    Raises: ProtocolError (502) when it has no index or one beyond reason.
    """
    index = value.get("index")
    if type(index) is not int or not 0 <= index < MAX_CHOICES:
        malformed("a choice without an index")
    found = choices.get(index)
    if found is None:
        found = choices[index] = made(index)
    return found


def delta_of(value: JsonObject) -> JsonObject:
    """Return the delta of a choice, empty where it has none.

    Raises: ProtocolError (502) when it is no object.
    """
    delta = value.get("delta")
    if delta is None:
        return {}
    if not isinstance(delta, dict):
        malformed("a delta is no object")
    return delta


def read(choice: JsonObject, said: JsonObject, state: Choice, shown: Shown, *, streamed: bool) -> Said:
    """Read a choice; `said` is its delta or message, `shown` is asked only where there is more than text.

    Raises: ProtocolError (502) when calls contradict each other.
    """
    found = _said()
    for key, value in said.items():
        if key == "role" or (not value and value in _EMPTY):
            continue
        if key in SPOKEN and not isinstance(value, str):
            _unknown(f"?{key}", key, state, found, shown=shown)
        elif key in TEXT:
            found.text = True
        elif key in REASONING:
            found.reasoning = True
        elif key in CALLS:
            _calls(key, value, state, found, shown=shown, streamed=streamed)
        else:
            _unknown(f"?{key}", key, state, found, shown=shown)
    if not choice.keys() <= CHOICE or (streamed and "message" in choice):
        for key, value in choice.items():
            odd = key not in CHOICE or (streamed and key == "message")
            if odd and value not in _EMPTY:
                _unknown(f"!{key}", key, state, found, shown=shown)
    return found


def _calls(key: str, value: object, state: Choice, found: Said, *, shown: Shown, streamed: bool) -> None:
    if key == "function_call":
        call = state.call_named(key)
        call.raws.append(shown())
        call.fill(value, "function")
        found.calls.append(call)
        return
    if not isinstance(value, list) or not all(isinstance(piece, dict) for piece in value):
        malformed("`tool_calls` is no list of objects")
    for place, piece in enumerate(value):
        call = state.call_at(piece.get("index") if streamed else place)
        call.add(piece, shown())
        found.calls.append(call)


def _unknown(key: str, member: str, state: Choice, found: Said, *, shown: Shown) -> None:
    call = state.call_named(key, member)
    call.raws.append(shown())
    found.calls.append(call)
