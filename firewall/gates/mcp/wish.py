"""A `tools/call` as a client wrote it: which tool, which exact arguments, and what it brings back.

INVARIANT: what can change what a server does is among what is judged. The answers to a server's own questions
(`inputResponses`) are, beside the arguments, with which questions they answer (`legs.py`), and so is what stands
in `_meta` and is no plain note (`beside.py`); a member that is not known here is refused by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from firewall.classify.mcp.roots import ANSWERS
from firewall.codecs.mcp import messages
from firewall.codecs.mcp.errors import INVALID_PARAMS, McpError
from firewall.codecs.mcp.messages import Message
from firewall.core.fast_init import fast_init
from firewall.gates.mcp import legs, session_tasks, state
from firewall.gates.mcp.beside import CALL_IDS, MAX_ID_CHARS, META, judged_of, plain_of
from firewall.gates.mcp.showing.asking import ASKED
from firewall.gates.mcp.state import Leg

MAX_NAME_CHARS = 256
_KNOWN = frozenset({"name", "arguments", "_meta", "inputResponses", "requestState"})
_KNOWN_OF_SESSIONS = _KNOWN | {"task"}
RESERVED = frozenset({ANSWERS, legs.QUESTIONS, META})
"""Names that no argument or parameter may have: two things under one name could be told apart by nobody."""
_OURS: Mapping[str, object] = {"requestState": None, "inputResponses": None}
"""What belongs to our own question: the server never sees it."""


@fast_init
@dataclass(frozen=True, slots=True)
class Wish:
    """One call of a tool."""

    tool: str
    given: Mapping[str, object]
    """The arguments, parsed: what is held against the tool's schema."""
    arguments: bytes
    """What is judged: the arguments as they came, with what else a server could act by beside them."""
    beside: bytes
    """What goes along unjudged, and must hold no credential."""
    call_id: str
    """The model's id of the call, a claim; empty: none."""
    progress: str | int | None
    """The token under which the client wants to hear of progress; None: it does not."""
    state: str
    """The `requestState` of ours that it brings; empty: none."""
    action: str
    """What the client's user did with the address that we asked to show (`accept`, …); a claim; empty: nothing."""
    goes_on: bool
    """It asks for a task, as calls of sessions do."""
    forwarded: Message
    """What the server is sent."""


def wish_of(message: Message, leg: Leg | None = None, *, may_go_on: bool = False) -> Wish:
    """Read a call; `leg`: it brings back what its server gave for it; `may_go_on`: it may ask for a task.

    Raises: McpError -32602 for a name or arguments that are none, and for members that nobody knows.
    """
    params, meta = message.params, message.meta
    unknown = params.keys() - (_KNOWN_OF_SESSIONS if may_go_on else _KNOWN)
    if unknown:
        raise _invalid(f"`{_shown(min(unknown))}` of a tool call is not served", "param_unknown", message)
    if "task" in params and not session_tasks.is_wish(params["task"]):
        raise _invalid("`task` of a tool call holds a `ttl` alone, in milliseconds", "param_invalid", message)
    name, given = params.get("name"), params.get("arguments", {})
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME_CHARS or not name.isprintable():
        raise _invalid("`name` must be a tool's name", "tool_unknown", message)
    if not isinstance(given, dict):
        raise _invalid("`arguments` must be an object", "arguments_invalid", message)
    if not RESERVED.isdisjoint(given):
        raise _invalid("an argument has a name under which other things are judged", "argument_reserved", message)
    brought = params.get("requestState")
    ours = brought if state.is_ours(brought) else ""
    sent = legs.unnoted(message)
    return Wish(
        tool=name,
        given=given,
        arguments=_judged(message, leg, meta),
        beside=plain_of(meta),
        call_id=_call_id(meta),
        progress=_token(meta.get("progressToken")),
        state=str(ours),
        goes_on="task" in params,
        action=_action(params.get("inputResponses")) if ours else "",
        forwarded=legs.with_params(sent, **_OURS) if ours else legs.forwarded(sent, leg),
    )


def _judged(message: Message, leg: Leg | None, meta: Mapping[str, object]) -> bytes:
    """Return the bytes that are judged: the client's own, behind what else a server could act by, as it came."""
    found = messages.members(message, ("params",))
    own = found.get("arguments", b"{}")
    # What answers our own question says nothing to the server.
    parts = {name: orjson.dumps(value) for name, value in legs.beside(message, leg).items()}
    if ANSWERS in parts:
        parts[ANSWERS] = found["inputResponses"]
    names = judged_of(meta)
    if names:
        notes = messages.members(message, ("params", "_meta"))
        parts[META] = b"{%b}" % b",".join(b"%b:%b" % (orjson.dumps(name), notes[name]) for name in names)
    if not parts:
        return own
    beside = b",".join(b'"%b":%b' % (name.encode(), data) for name, data in parts.items())
    rest = own[1:].lstrip()
    return b"{%b%b%b" % (beside, b"" if rest == b"}" else b",", rest)


def _call_id(meta: Mapping[str, object]) -> str:
    for name in CALL_IDS:
        found = meta.get(name)
        if isinstance(found, str) and 0 < len(found) <= MAX_ID_CHARS:
            return found
    return ""


def _token(value: object) -> str | int | None:
    is_token = isinstance(value, str | int) and not isinstance(value, bool)
    return value if is_token else None  # type: ignore[return-value]  # as seen above


def _action(responses: object) -> str:
    said = messages.at(responses, [ASKED, "action"])
    return said if isinstance(said, str) and len(said) < MAX_ID_CHARS else ""


def _shown(name: str) -> str:
    return "".join(char if char.isprintable() and char != "`" else "?" for char in name)[:80]


def _invalid(text: str, code: str, message: Message) -> McpError:
    return McpError(text, number=INVALID_PARAMS, code=code, of=message.id)
