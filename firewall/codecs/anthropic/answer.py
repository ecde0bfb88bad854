"""Whole answers of the Messages API: finding calls, replacing refused ones, folding and unfolding streams."""

import hashlib
from collections.abc import Iterator, Mapping

import orjson

from firewall.codecs import json_span, sse
from firewall.codecs.anthropic import render
from firewall.codecs.anthropic.blocks import call_of, kind_of
from firewall.codecs.anthropic.notes import Notes
from firewall.codecs.anthropic.tables import Kind
from firewall.codecs.interface import Answer, ModelRequest, Pending, Refused, Ruling
from firewall.codecs.upstream_json import JsonObject, loads_object, malformed

_STREAMED = {"text": ("text", ""), "thinking": ("thinking", "")}
_WITH_INPUT = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
_ENDS = ("stop_reason", "stop_sequence", "stop_details", "container")


def read_answer(body: bytes) -> Answer:
    """Find the tool calls of a complete answer.

    Raises: ProtocolError (side upstream) when it is not a message.
    """
    message, content = _message(body)
    notes = Notes()
    notes.message(message)
    calls: list[Pending] = []
    seen: set[str] = set()
    places = json_span.Places(body, ("content",))
    for place, block in enumerate(content):
        notes.block(block)
        call = call_of(block, places, place)
        if call is None:
            continue
        if call.id and call.id in seen:
            malformed("two calls have the same id", code="answer_malformed")
        seen.add(call.id)
        calls.append(Pending(len(calls), call))
    return Answer(tuple(calls), notes.usage, notes.issued)


def rule_answer(body: bytes, rulings: Mapping[int, Ruling]) -> bytes:
    """Return the answer with refused calls replaced by text; `body` itself when all are released.

    Raises: ProtocolError as `read_answer`; ValueError when a call has no ruling.
    """
    message, content = _message(body)
    changes: dict[json_span.Span, bytes] = {}
    elements = json_span.Places(body, ("content",))
    held = (Kind.CALL, Kind.UNKNOWN)
    places = [place for place, block in enumerate(content) if kind_of(block)[0] in held]
    for slot, place in enumerate(places):
        ruling = rulings.get(slot)
        if ruling is None:
            raise ValueError(f"slot {slot} has no ruling")
        if isinstance(ruling, Refused):
            changes[elements.span(place)] = orjson.dumps({"type": "text", "text": ruling.text})
    if changes and len(changes) == len(places) and message.get("stop_reason") == "tool_use":
        reason = json_span.locate(body, ("stop_reason",))
        if reason:
            changes[reason] = b'"end_turn"'
    return json_span.splice(body, changes) if changes else body


def answer_of(stream: bytes) -> bytes:
    """Fold a complete, already ruled stream into one message.

    Raises: ProtocolError (side upstream) when the stream has no regular end.
    """
    message: JsonObject = {}
    blocks: list[_Fold] = []
    ended = False
    splitter = sse.Splitter()
    for frame in (*splitter.feed(stream), *splitter.finish()):
        if frame.lines == 0:
            continue
        value = loads_object(frame.data)
        match value.get("type"):
            case "message_start":
                message = _object(value, "message")
            case "content_block_start":
                blocks.append(_Fold(_object(value, "content_block"), frame.data))
            case "content_block_delta":
                _at(blocks, value).add(_object(value, "delta"))
            case "message_delta":
                _merge(message, value)
            case "message_stop":
                ended = True
                break
            case "error":
                break
            case _:
                continue
    if not ended:
        malformed("the stream has no regular end", code="stream_truncated")
    message["content"] = [block.whole() for block in blocks]
    return orjson.dumps(message)


def stream_of(answer: bytes) -> bytes:
    """Unfold a complete, already ruled answer into its stream.

    Raises: ProtocolError (side upstream) when it is not a message.
    """
    message, content = _message(answer)
    ends = {name: message[name] for name in _ENDS if name in message}
    begin = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    begin.pop("context_management", None)
    out = [render.event({"type": "message_start", "message": begin})]
    starts = json_span.starts(answer, ("content",))
    for index, (block, start) in enumerate(zip(content, starts, strict=True)):
        out += _unfolded(index, block, json_span.cut(answer, ("input",), start))
    end: JsonObject = {"type": "message_delta", "delta": ends, "usage": message.get("usage") or {}}
    if message.get("context_management") is not None:
        end["context_management"] = message["context_management"]
    out += (render.event(end), render.event({"type": "message_stop"}))
    return b"".join(out)


def refusal(request: ModelRequest, text: str) -> bytes:
    """Return a whole message that says only `text`."""
    digest = hashlib.sha256(request.body + text.encode()).hexdigest()
    return orjson.dumps({
        "id": f"msg_{digest[:24]}", "type": "message", "role": "assistant", "model": request.model,
        "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
    })  # fmt: skip


class _Fold:
    """One block as its events build it."""

    def __init__(self, start: JsonObject, data: bytes) -> None:
        self._block = start
        self._input = json_span.cut(data, ("content_block", "input"))
        self._parts: dict[str, list[str]] = {}

    def add(self, delta: JsonObject) -> None:
        """Take one delta."""
        match delta.get("type"):
            case "text_delta":
                self._text("text", delta.get("text"))
            case "thinking_delta":
                self._text("thinking", delta.get("thinking"))
            case "input_json_delta":
                self._text("input", delta.get("partial_json"))
            case "signature_delta":
                self._block["signature"] = delta.get("signature")
            case "citations_delta":
                cited = self._block.get("citations")
                self._block["citations"] = [*(cited if isinstance(cited, list) else ()), delta.get("citation")]
            case "compaction_delta":
                self._block |= {key: one for key, one in delta.items() if key != "type"}
            case _:
                malformed("a delta of unknown type cannot be folded")

    def whole(self) -> JsonObject:
        """Return the block as it stands in a message; the input of a call keeps its bytes."""
        block = dict(self._block)
        for key in ("text", "thinking"):
            if key in self._parts:
                block[key] = str(block.get(key) or "") + "".join(self._parts[key])
        written = "".join(self._parts.get("input", ())).encode() or self._input
        if written is not None and block.get("type") in _WITH_INPUT:
            loads_object(written)
            block["input"] = orjson.Fragment(written)
        return block

    def _text(self, key: str, text: object) -> None:
        if not isinstance(text, str):
            malformed("a delta without its text")
        self._parts.setdefault(key, []).append(text)


def _message(body: bytes) -> tuple[JsonObject, list[JsonObject]]:
    message = loads_object(body)
    content = message.get("content")
    if message.get("type") != "message" or not isinstance(content, list):
        malformed("it is not a message", code="answer_malformed")
    if not all(isinstance(block, dict) for block in content):
        malformed("a content block is no object", code="answer_malformed")
    return message, content


def _object(value: JsonObject, key: str) -> JsonObject:
    found = value.get(key)
    if not isinstance(found, dict):
        malformed(f"`{key}` is no object")
    return found


def _at(blocks: list[_Fold], value: JsonObject) -> _Fold:
    index = value.get("index")
    if type(index) is not int or not 0 <= index < len(blocks):
        malformed("a delta of no block")
    return blocks[index]


def _merge(message: JsonObject, value: JsonObject) -> None:
    delta, usage = _object(value, "delta"), value.get("usage")
    message |= {key: one for key, one in delta.items() if one is not None or key not in message}
    if isinstance(usage, dict):
        known = message.get("usage")
        fresh = {key: one for key, one in usage.items() if one is not None}
        message["usage"] = {**(known if isinstance(known, dict) else {}), **fresh}
    message |= {key: one for key, one in value.items() if key not in ("type", "delta", "usage")}


def _unfolded(index: int, block: JsonObject, written: bytes | None) -> Iterator[bytes]:
    start, deltas = dict(block), []
    type_ = str(block.get("type"))
    if type_ in _STREAMED:
        key, _ = _STREAMED[type_]
        start[key] = ""
        deltas.append({"type": f"{type_}_delta", key: block.get(key) or ""})
    if type_ == "thinking" and "signature" in block:
        start["signature"] = ""
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    if type_ == "text" and isinstance(block.get("citations"), list):
        start["citations"] = []
        deltas += [{"type": "citations_delta", "citation": one} for one in _list(block["citations"])]
    if type_ in _WITH_INPUT:
        start["input"] = {}
        deltas.append({"type": "input_json_delta", "partial_json": (written or b"{}").decode()})
    yield render.event({"type": "content_block_start", "index": index, "content_block": start})
    for delta in deltas:
        yield render.event({"type": "content_block_delta", "index": index, "delta": delta})
    yield render.event({"type": "content_block_stop", "index": index})


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
