"""JSON-RPC 2.0 messages as the Model Context Protocol writes them: read strictly, changed by splicing.

INVARIANT: `Message.raw` are the bytes that were received, or those with single values replaced; nothing is ever
written anew that did not have to change. INVARIANT: `value` is what every reader of `raw` understands: one member
of each name, no lone surrogates, no numbers that JSON does not have (`core.strict_json`).
Specs: JSON-RPC 2.0; MCP 2025-03-26, 2025-06-18, 2025-11-25, 2026-07-28 (basic, "Messages").
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import cast

import orjson

from firewall.codecs import json_span
from firewall.codecs.mcp.errors import INVALID_REQUEST, PARSE_ERROR, McpError, data_of, number_of
from firewall.core import strict_json
from firewall.core.errors import FirewallError, ProtocolError
from firewall.core.fast_init import fast_init

Id = str | int
"""Of a request and its answer: text, or a whole number."""
MAX_ID_CHARS = 256
MAX_METHOD_CHARS = 128
_MOST_SAFE = 2**53 - 1
_NONE: Mapping[str, object] = MappingProxyType({})
_MEMBERS = frozenset({"jsonrpc", "id", "method", "params", "result", "error"})


class Kind(StrEnum):
    """What a message is."""

    REQUEST = "request"
    NOTIFICATION = "notification"
    RESULT = "result"
    ERROR = "error"


@fast_init
@dataclass(frozen=True, slots=True)
class Message:
    """One message, as received or as made here; made by `read` and by the functions below alone."""

    raw: bytes
    kind: Kind
    value: Mapping[str, object]
    """All of it, parsed; never to be changed."""
    id: Id | None = None
    """None: a notification, or an error that belongs to nothing that could be read."""
    method: str = ""
    """Empty for answers."""

    @property
    def params(self) -> Mapping[str, object]:
        """The parameters of a request or notification; empty where it has none."""
        found = self.value.get("params")
        return found if isinstance(found, dict) else _NONE  # asked for often: a call of `_object` costs as much

    @property
    def meta(self) -> Mapping[str, object]:
        """`params._meta` of a request or notification, `result._meta` of a result."""
        holder = self.value.get("result" if self.kind is Kind.RESULT else "params")
        found = holder.get("_meta") if isinstance(holder, dict) else None
        return found if isinstance(found, dict) else _NONE

    @property
    def result(self) -> Mapping[str, object]:
        """What a result says; empty for everything else."""
        found = self.value.get("result")
        return found if isinstance(found, dict) else _NONE

    @property
    def error(self) -> Mapping[str, object]:
        """What an error says (`code`, `message`, perhaps `data`); empty for everything else."""
        return _object(self.value.get("error"))

    @property
    def is_answer(self) -> bool:
        """It answers a request."""
        return self.kind in (Kind.RESULT, Kind.ERROR)


def read(raw: bytes) -> Message:
    """Read one message.

    Raises: McpError -32700 (`json_invalid`, `json_too_deep`), -32600 (`json_duplicate_key`, `batch_refused`,
    `message_invalid`), with the id of the message where that could be read.
    """
    try:
        value = strict_json.loads(raw, what="message")
    except ProtocolError as error:
        number = INVALID_REQUEST if error.code == "json_duplicate_key" else PARSE_ERROR
        raise McpError(error.public, number=number, code=error.code) from error
    if isinstance(value, list):
        raise McpError("batches are not served: send each message by itself", code="batch_refused")
    if not isinstance(value, dict):
        raise _invalid("a message must be a JSON object", None)
    if value.get("jsonrpc") != "2.0":
        raise _invalid('a message must say "jsonrpc": "2.0"', _id_of(value))
    return _asking(raw, value) if "method" in value else _answering(raw, value)


def unknown_member(message: Message) -> str | None:
    """Return the first member beside `params` that messages of JSON-RPC do not have, None: there is none."""
    return next((name for name in message.value if name not in _MEMBERS), None)


def request(id_: Id, method: str, params: Mapping[str, object] = _NONE) -> Message:
    """Make a request."""
    value: dict[str, object] = {"jsonrpc": "2.0", "id": id_, "method": method}
    if params:
        value["params"] = dict(params)
    return Message(_written(value), Kind.REQUEST, value, id_, method)


def notification(method: str, params: Mapping[str, object] = _NONE) -> Message:
    """Make a notification."""
    value: dict[str, object] = {"jsonrpc": "2.0", "method": method}
    if params:
        value["params"] = dict(params)
    return Message(_written(value), Kind.NOTIFICATION, value, None, method)


def result(id_: Id, said: Mapping[str, object]) -> Message:
    """Make the answer to a request."""
    value: dict[str, object] = {"jsonrpc": "2.0", "id": id_, "result": dict(said)}
    return Message(_written(value), Kind.RESULT, value, id_)


def failure(id_: Id | None, number: int, text: str, data: object = None) -> Message:
    """Make the answer that a request failed; `id_` None: its id could not be read."""
    said: dict[str, object] = {"code": number, "message": text}
    if data is not None:
        said["data"] = data
    value: dict[str, object] = {"jsonrpc": "2.0", "id": id_, "error": said}
    return Message(_written(value), Kind.ERROR, value, id_)


def failed(id_: Id | None, error: FirewallError) -> Message:
    """Make the answer for an error of ours: its number, what may be shown of it, and its stable word."""
    return failure(id_, number_of(error), error.public, data_of(error))


def with_id(message: Message, id_: Id) -> Message:
    """Return the same request or answer under another id; the rest of its bytes as they are.

    Raises: KeyError for a message without one.
    """
    span = json_span.locate(message.raw, ("id",))
    if span is None:
        raise KeyError("id")
    raw = json_span.splice(message.raw, {span: orjson.dumps(id_)})
    return Message(
        raw, message.kind, {**message.value, "id": id_}, id_, message.method
    )  # nothing else is read anew


def changed(message: Message, values: Mapping[tuple[str | int, ...], object]) -> Message:
    """Return the message with the values at some paths replaced (`("params", "name")`); other bytes stay.

    Raises: KeyError for a path that the message does not have.
    """
    if len(values) == 1:
        (only,) = values
        span = json_span.locate(message.raw, only)
        found = {} if span is None else {only: span}
    else:
        found = json_span.locate_each(message.raw, values)  # one by one, each would be a walk of its own
    spans = {found[path]: orjson.dumps(new) for path, new in values.items()}
    return _reread(json_span.splice(message.raw, spans), message)


def with_meta(message: Message, notes: Mapping[str, object]) -> Message:
    """Return a request with notes added to its `_meta`; its own stay, and so do all other bytes.

    `notes` must not be empty, and none of them may be there already.
    """
    inner = orjson.dumps(dict(notes))[1:-1]
    for path, frame in (
        (("params", "_meta"), b"%b"),
        (("params",), b'"_meta":{%b}'),
        ((), b'"params":{"_meta":{%b}}'),
    ):
        span = json_span.locate(message.raw, path)
        if span is not None:
            return _inserted(message, span, frame % inner)
    raise KeyError("a message without an object")


def members(message: Message, path: tuple[str, ...]) -> dict[str, bytes]:
    """Return the exact bytes of each member of the object at a path; nothing where there is no object."""
    held = _object(at(message.value, path))
    if not held:
        return {}
    if _written(message.value) == message.raw:  # as compactly as we write: then each of its parts is as well
        return {name: orjson.dumps(value) for name, value in held.items()}
    begin = json_span.place(message.raw, path)
    found = json_span.members(message.raw, begin) if begin is not None else ()
    return {name: message.raw[start:end] for name, _, (start, end) in found}


def without(message: Message, names: frozenset[str]) -> Message:
    """Return a request without these members of its parameters; all other bytes of them stay."""
    span = json_span.locate(message.raw, ("params",))
    if span is None:
        return message
    kept = [
        message.raw[key[0] : value[1]]
        for name, key, value in json_span.members(message.raw, span[0])
        if name not in names
    ]
    return _reread(json_span.splice(message.raw, {span: b"{%b}" % b",".join(kept)}), message)


def with_params(message: Message, values: Mapping[str, object]) -> Message:
    """Return a request with parameters added that it does not have, at least one; all other bytes stay.

    Raises: KeyError for a request without parameters.
    """
    span = json_span.locate(message.raw, ("params",))
    if span is None:
        raise KeyError("params")
    return _inserted(message, span, orjson.dumps(dict(values))[1:-1])


def with_result(message: Message, members: Mapping[str, object]) -> Message:
    """Return a result with members added where it has none of their names; all other bytes stay."""
    missing = {name: value for name, value in members.items() if name not in message.result}
    span = json_span.locate(message.raw, ("result",))
    if not missing or span is None:
        return message
    return _inserted(message, span, orjson.dumps(missing)[1:-1])


def written(value: Mapping[str, object]) -> Message:
    """Return a message that was built as a value: for answers of which more changed than single values.

    Raises: McpError as `read`.
    """
    return read(_written(value))


def at(value: object, path: Sequence[str]) -> object:
    """Return what stands at a path of keys, None where nothing does."""
    for step in path:
        value = _object(value).get(step)
    return value


def _inserted(message: Message, span: json_span.Span, inner: bytes) -> Message:
    """Return the message with members put at the beginning of the object at `span`."""
    begin = span[0] + 1
    comma = b"," if message.raw[begin : span[1] - 1].strip() else b""
    return _reread(message.raw[:begin] + inner + comma + message.raw[begin:], message)


def _reread(raw: bytes, message: Message) -> Message:
    value: dict[str, object] = orjson.loads(raw)
    return Message(raw, message.kind, value, cast("Id | None", value.get("id")), message.method)


def _asking(raw: bytes, value: dict[str, object]) -> Message:
    method = value["method"]
    id_ = _id_of(value)
    if "result" in value or "error" in value:
        raise _invalid("a message asks or answers, not both", id_)
    if not isinstance(method, str) or not 0 < len(method) <= MAX_METHOD_CHARS:
        raise _invalid("`method` must be a name", id_)
    params = value.get("params", {})
    if not isinstance(params, dict) or not isinstance(params.get("_meta", {}), dict):
        raise _invalid("`params` must be an object, and so must its `_meta`", id_)
    if "id" not in value:
        return Message(raw, Kind.NOTIFICATION, value, None, method)
    if id_ is None:
        raise _invalid("`id` must be text or a whole number", None)
    return Message(raw, Kind.REQUEST, value, id_, method)


def _answering(raw: bytes, value: dict[str, object]) -> Message:
    id_ = _id_of(value)
    if ("result" in value) == ("error" in value):
        raise _invalid("a message must have a method, a result or an error", id_)
    if "result" in value:
        if id_ is None or not isinstance(value["result"], dict):
            raise _invalid("a result must be an object, under the id of its request", id_)
        return Message(raw, Kind.RESULT, value, id_)
    said = value["error"]
    if not isinstance(said, dict) or not _is_whole(said.get("code")) or not isinstance(said.get("message"), str):
        raise _invalid("an error must have a whole number as its code, and a message", id_)
    if id_ is None and value.get("id") is not None:
        raise _invalid("`id` must be text or a whole number", None)
    return Message(raw, Kind.ERROR, value, id_)


def _id_of(value: Mapping[str, object]) -> Id | None:
    id_ = value.get("id")
    if isinstance(id_, str) and len(id_) <= MAX_ID_CHARS:
        return id_
    if _is_whole(id_) and abs(cast("int", id_)) <= _MOST_SAFE:
        return cast("int", id_)
    return None


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else _NONE


def _written(value: Mapping[str, object]) -> bytes:
    return orjson.dumps(value)


def _invalid(text: str, of: Id | None) -> McpError:
    return McpError(text, code="message_invalid", of=of)
