"""What an agent's hook says: one event, whichever agent wrote it.

Must not know: sockets, the guard. Everything but the call itself is a claim of the agent's machine: it may raise a
verdict or narrow a search, never lower or widen one (DESIGN 2.11).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import orjson

from firewall.codecs.json_span import locate
from firewall.core.call import CallForm, ToolCall
from firewall.core.errors import ProtocolError

MAX_NAME = 256
"""Characters of a tool's name."""
MAX_CLAIM = 4096
"""Characters of a session, a folder or an id."""


class EventKind(StrEnum):
    """What an event is about."""

    CALL = "call"
    """A tool is about to run: it is judged."""
    DONE = "done"
    """A tool has run."""
    BEAT = "beat"
    """Something else happens in a session: the hook is alive."""


@dataclass(frozen=True, slots=True)
class HookEvent:
    """One event of an agent's session."""

    kind: EventKind
    name: str
    """The event as the agent calls it."""
    call: ToolCall | None = None
    """The call that is about to run."""
    session: str = ""
    cwd: str = ""
    """Where the agent says that it works; absolute, or empty."""
    use_id: str = ""
    """The id that the agent gives the call; empty: none."""


def text_of(value: Mapping[str, object], key: str, *, most: int = MAX_CLAIM) -> str:
    """Return a text of an event, empty where there is none.

    Raises: ProtocolError where it is no text, or longer than `most` characters.
    """
    found = value.get(key)
    if found is None:
        return ""
    if not isinstance(found, str) or len(found) > most:
        raise ProtocolError(f"`{key}` must be a text of at most {most} characters", code="hook_event_invalid")
    return found


def named(value: Mapping[str, object], key: str) -> str:
    """Return a tool's or an event's name. Raises: ProtocolError where there is none."""
    name = text_of(value, key, most=MAX_NAME)
    if not name:
        raise ProtocolError(f"`{key}` is missing", code="hook_event_invalid")
    return name


def folder_of(value: Mapping[str, object], key: str = "cwd") -> str:
    """Return a folder that an event claims; one that is no absolute path says nothing. Raises: ProtocolError."""
    found = text_of(value, key)
    return found if found.startswith("/") else ""


def call_of(data: bytes, value: Mapping[str, object], path: tuple[str, ...], *, name: str, ident: str) -> ToolCall:
    """Return the call whose arguments stand at `path` of an event, as the very bytes that stand there.

    A text there is JSON within JSON, as some agents write it. Raises: ProtocolError for anything else.
    """
    found: object = value
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    if found is None:
        return ToolCall(ident, name, b"{}")
    if isinstance(found, str):
        return ToolCall(ident, name, found.encode("utf-8", "surrogatepass"))
    if not isinstance(found, Mapping):
        raise ProtocolError(f"`{'.'.join(path)}` must be an object", code="hook_event_invalid")
    span = locate(data, path)
    return ToolCall(ident, name, data[span[0] : span[1]] if span else orjson.dumps(found))


def freeform(name: str, text: str, *, ident: str) -> ToolCall:
    """Return the call of a tool that takes text instead of an object."""
    return ToolCall(ident, name, text.encode("utf-8", "surrogatepass"), form=CallForm.TEXT)


def unknown_event(name: str) -> ProtocolError:
    """Return the error for an event that this version does not know."""
    return ProtocolError(f"the event `{name[:80]}` is not known here", code="hook_event_unknown")
