"""What a client says beside the arguments of a call, in its `_meta`: what goes on as it is, and what is judged.

INVARIANT: a member of `_meta` that a server may hear of is one that is named here and of the form that is written
here, or it is among what is judged: no server does something else by a member that nobody has seen. Both are
searched for credentials.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

import orjson

from firewall.codecs.mcp.claims import capabilities_of, info_of, is_text
from firewall.codecs.mcp.versions import CAPABILITIES_KEY, INFO_KEY, VERSION_KEY

MAX_ID_CHARS = 200
META = "mcp:_meta"
"""Under which the rest of `_meta` is judged: no schema of a tool has it."""
CALL_IDS = ("claudecode/toolUseId", "callId")
"""Where clients say by which id their model knows the call."""
_MAX_TRACE_CHARS = 512
_LEVELS = frozenset({"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"})
_TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def _is_id(value: object) -> bool:
    return is_text(value, MAX_ID_CHARS)


def _is_token(value: object) -> bool:
    return _is_id(value) or (isinstance(value, int) and not isinstance(value, bool))


def is_level(value: object) -> bool:
    """Tell whether something is one of the eight words for how much a server logs."""
    return isinstance(value, str) and value in _LEVELS


def _is_trace(value: object) -> bool:
    return is_text(value, _MAX_TRACE_CHARS)


_PLAIN: Mapping[str, Callable[[object], bool]] = MappingProxyType(
    {
        "progressToken": _is_token,
        VERSION_KEY: _is_id,
        INFO_KEY: lambda value: info_of(value) == value,
        CAPABILITIES_KEY: lambda value: capabilities_of(value) == value,
        "io.modelcontextprotocol/logLevel": is_level,
        "traceparent": lambda value: isinstance(value, str) and _TRACE.fullmatch(value) is not None,
        "tracestate": _is_trace,
        "baggage": _is_trace,
        **dict.fromkeys((*CALL_IDS, "threadId", "vscode.conversationId", "vscode.requestId"), _is_id),
    }
)
"""What goes on unjudged, and its form: members of the protocol, and ids by which clients know their calls."""

_CODEX = "x-codex-turn-metadata"
_OF_CODEX = frozenset({_CODEX, "itemId", "sessionId", "windowId"})
"""What Codex says about its own turn, another thing with every call; `callId` and `threadId` are plain notes."""


def own_notes_of(meta: Mapping[str, object]) -> frozenset[str]:
    """Return the names of what a client notes for itself: no server is sent it, so no approval hangs on it."""
    return _OF_CODEX & meta.keys() if _CODEX in meta else frozenset()


def noted_of(meta: Mapping[str, object]) -> dict[str, object]:
    """Return the members that may go on where nobody judges the rest: claims as far as they are formed."""
    found = {name: value for name, value in meta.items() if name in _PLAIN and _PLAIN[name](value)}
    if isinstance(meta.get(CAPABILITIES_KEY), dict):
        found[CAPABILITIES_KEY] = capabilities_of(meta[CAPABILITIES_KEY])
    if info := info_of(meta.get(INFO_KEY)):
        found[INFO_KEY] = info
    return found


def plain_of(meta: Mapping[str, object]) -> bytes:
    """Return the values of the members of `_meta` that go on unjudged, as JSON: no credential may stand in them.

    Without their names: what is called a token of progress is none.
    """
    plain = [value for name, value in meta.items() if name in _PLAIN and _PLAIN[name](value)]
    return orjson.dumps(plain) if plain else b""


def judged_of(meta: Mapping[str, object]) -> dict[str, object]:
    """Return the members of a call's `_meta` that must be judged with its arguments."""
    unsent = own_notes_of(meta)
    return {
        name: value
        for name, value in meta.items()
        if name not in unsent and (name not in _PLAIN or not _PLAIN[name](value))
    }
