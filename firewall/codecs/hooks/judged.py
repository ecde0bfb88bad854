"""`POST /v1/judge`: the question of any framework, `{tool, arguments, environment, session}`."""

from collections.abc import Mapping
from dataclasses import dataclass

from firewall.codecs.hooks.event import call_of, folder_of, freeform, named, text_of
from firewall.core.call import ToolCall
from firewall.core.errors import ProtocolError

_KNOWN = frozenset({"tool", "arguments", "environment", "session", "cwd", "id"})


@dataclass(frozen=True, slots=True)
class Question:
    """A call that a framework is about to make, and what it claims about it."""

    call: ToolCall
    environment: str
    """Where it is said to act; it can only make the answer stricter."""
    session: str
    cwd: str


def read(data: bytes, value: Mapping[str, object]) -> Question:
    """Read a question; `value` is `data`, parsed.

    Raises: ProtocolError; also for a field that is not known, since it could mean something.
    """
    strange = sorted(set(value) - _KNOWN)
    if strange:
        raise ProtocolError(f"`{strange[0][:80]}` is not known here", code="judge_field_unknown")
    name, ident = named(value, "tool"), text_of(value, "id")
    arguments = value.get("arguments")
    if isinstance(arguments, str):
        call = freeform(name, arguments, ident=ident)
    else:
        call = call_of(data, value, ("arguments",), name=name, ident=ident)
    return Question(call, text_of(value, "environment"), text_of(value, "session"), folder_of(value))
