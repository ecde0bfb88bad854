"""Header fields of Streamable HTTP: what they say about a message, held against the message itself.

Readers of fields and readers of bodies must never understand different things: what stands in both is compared,
and what is sent to a server is written from the body that was judged (2026-07-28, streamable-http, "Request
Metadata"; sessions: 2025-11-25).
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from firewall.codecs.mcp.errors import HEADER_MISMATCH, INVALID_PARAMS, UNSUPPORTED_VERSION, McpError
from firewall.codecs.mcp.messages import Message
from firewall.codecs.mcp.versions import CAPABILITIES_KEY, LEGACY, MODERN, OLDEST_NAMED, VERSION_KEY
from firewall.core.fast_init import fast_init

Field = tuple[bytes, bytes]
VERSION, METHOD, NAME, SESSION = b"mcp-protocol-version", b"mcp-method", b"mcp-name", b"mcp-session-id"
_SINGLE = frozenset({VERSION, METHOD, NAME, SESSION})
PARAM = b"mcp-param-"
NAMED = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}
"""Methods whose subject a field repeats, and the parameter that names it."""
MOST_PARAMS = 32
_PLAIN = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_CODED = re.compile(r"=\?base64\?(.*)\?=")
_MOST_LEAVES = 10_000


@fast_init
@dataclass(frozen=True, slots=True)
class Head:
    """What the fields of one request say; empty where a field is not there."""

    version: str
    method: str
    name: str
    session: str
    params: tuple[Field, ...]
    """`Mcp-Param-*`, as they came."""
    takes_events: bool
    takes_json: bool


def head_of(fields: Iterable[Field]) -> Head:
    """Read the fields of a request.

    Raises: McpError -32020 `header_duplicate` for one that stands twice, `header_invalid` for one that holds what
    fields do not hold.
    """
    found: dict[bytes, str] = {}
    params: dict[bytes, bytes] = {}
    accepts: list[str] = []
    for name, value in fields:
        if name in _SINGLE:
            if name in found:
                raise _mismatch(f"the header `{name.decode()}` stands twice", "header_duplicate")
            found[name] = _text(name, value)
        elif name.startswith(PARAM):
            if name in params:
                raise _mismatch("a header `mcp-param-…` stands twice", "header_duplicate")
            params[name] = value
        elif name == b"accept":
            accepts.append(value.decode("latin-1").lower())
    if len(params) > MOST_PARAMS:
        raise _mismatch("too many headers `mcp-param-…`", "header_invalid")
    takes_json, takes_events = _taken(",".join(accepts) or "*/*")
    return Head(
        found.get(VERSION, ""),
        found.get(METHOD, ""),
        found.get(NAME, ""),
        found.get(SESSION, ""),
        tuple(params.items()),
        takes_events=takes_events,
        takes_json=takes_json,
    )


def _taken(accepted: str) -> tuple[bool, bool]:
    """Tell whether a client takes JSON, and whether it takes events."""
    is_any = "*/*" in accepted
    takes_json = is_any or "application/json" in accepted or "application/*" in accepted
    return takes_json, is_any or "text/event-stream" in accepted or "text/*" in accepted


def version_of(head: Head, message: Message) -> str:
    """Return the revision that a message speaks, its fields checked against it.

    Raises: McpError -32602 `meta_missing`, -32020 `header_mismatch`, -32022 `version_unsupported`.
    """
    said = message.meta.get(VERSION_KEY)
    if head.version == MODERN or (said is not None and message.method != "initialize"):
        if message.id is not None and message.method:
            _check(head, message)
        return MODERN
    if head.version and head.version not in LEGACY:
        raise _unsupported(head.version, message)
    if message.method == "server/discover":
        raise _missing(message)
    return head.version or OLDEST_NAMED


def fields_for(message: Message, version: str, params: Iterable[Field] = ()) -> list[Field]:
    """Return the fields that repeat a message to a server; `params`: as `checked_params` returned."""
    fields = [(VERSION, version.encode("ascii"))] if version else []
    if version != MODERN:
        return fields
    fields.append((METHOD, encoded(message.method).encode("ascii")))
    subject = message.params.get(NAMED.get(message.method, ""))
    if isinstance(subject, str):
        fields.append((NAME, encoded(subject).encode("ascii")))
    return [*fields, *params]


def checked_params(head: Head, message: Message) -> tuple[Field, ...]:
    """Return the `Mcp-Param-*` fields that may go along with a call: each repeats a value of its arguments.

    Which value it must be says the tool's schema; the server checks that, and we send nothing that was not judged.
    Raises: McpError -32020 `header_mismatch`.
    """
    if not head.params:
        return ()
    held = {_rendered(leaf) for leaf in _leaves(message.params.get("arguments"))}
    for name, value in head.params:
        if decoded(_text(name, value)) not in held:
            raise _mismatch("a header `mcp-param-…` says what the arguments do not", of=message)
    return head.params


def encoded(value: str) -> str:
    """Return a value as a field carries it: plain, or as base64 between marks where it is not plain ASCII."""
    if _PLAIN.fullmatch(value) and not _CODED.fullmatch(value):
        return value
    return f"=?base64?{base64.b64encode(value.encode()).decode('ascii')}?="


def decoded(text: str) -> str | None:
    """Return what a field carries; None where its base64 is none, or not the one way of writing it."""
    found = _CODED.fullmatch(text)
    if found is None:
        return text
    try:
        raw = base64.b64decode(found[1], validate=True)
        value = raw.decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return value if base64.b64encode(raw).decode("ascii") == found[1] else None


def _check(head: Head, message: Message) -> None:
    meta = message.meta
    if VERSION_KEY not in meta or not isinstance(meta.get(CAPABILITIES_KEY), dict):
        raise _missing(message)
    said = meta[VERSION_KEY]
    if head.version != said:
        raise _mismatch("the header `mcp-protocol-version` is not the version in `_meta`", of=message)
    if decoded(head.method) != message.method:
        raise _mismatch("the header `mcp-method` is not the message's method", of=message)
    key = NAMED.get(message.method)
    if key is not None and (not head.name or decoded(head.name) != message.params.get(key)):
        raise _mismatch(f"the header `mcp-name` is not the message's `{key}`", of=message)
    if said != MODERN:
        raise _unsupported(str(said), message)


def _text(name: bytes, value: bytes) -> str:
    text = value.decode("latin-1")
    if not text.isascii() or not text.isprintable():
        raise _mismatch(f"the header `{name.decode('latin-1')[:64]}` must be plain ASCII", "header_invalid")
    return text.strip()


def _leaves(value: object) -> Iterator[object]:
    """Yield the single values of nested arguments."""
    waiting = [value]
    for _ in range(_MOST_LEAVES):
        if not waiting:
            return
        one = waiting.pop()
        if isinstance(one, Mapping):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
        else:
            yield one


def _rendered(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else None


def _missing(message: Message) -> McpError:
    words = f"the `_meta` of each request must hold `{VERSION_KEY}` and `{CAPABILITIES_KEY}`"
    return McpError(words, number=INVALID_PARAMS, code="meta_missing", of=message.id)


def _mismatch(text: str, code: str = "header_mismatch", *, of: Message | None = None) -> McpError:
    return McpError(text, number=HEADER_MISMATCH, code=code, of=of.id if of is not None else None)


def _unsupported(asked: str, message: Message) -> McpError:
    return McpError(
        "unsupported protocol version",
        number=UNSUPPORTED_VERSION,
        code="version_unsupported",
        data={"supported": [MODERN], "requested": asked[:64]},
        of=message.id,
    )
