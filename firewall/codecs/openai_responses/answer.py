"""Whole answers: finding calls, replacing refused ones, and going between the whole and the streamed form."""

from collections.abc import Iterator, Mapping

import orjson

from firewall.codecs import json_span, sse, upstream_json
from firewall.codecs.interface import Answer, ModelRequest, Pending, Refused, Released, Ruling
from firewall.codecs.openai_responses import final, render
from firewall.codecs.openai_responses.calls import JsonObject, call_of, identity_of, malformed
from firewall.codecs.openai_responses.items import Item, item_of
from firewall.codecs.openai_responses.tables import TERMINAL, Kind
from firewall.codecs.steps import Steps
from firewall.core.errors import ProtocolError

_NOT_RULED = Refused("This tool call was not released.")
_STATUS_EVENTS = {"incomplete": "response.incomplete", "failed": "response.failed"}


def read_answer(body: bytes) -> Answer:
    """Find the tool calls of a complete answer; the slot of a call is its place in `output`.

    Raises: ProtocolError (502) when it is no Responses object, or an item or call id is not readable.
    """
    value, items = _read(body)
    calls: list[Pending] = []
    seen: set[str] = set()
    places = json_span.Places(body, ("output",))
    for place, (item, element) in enumerate(zip(items, _output(value), strict=True)):
        if item.kind not in (Kind.CALL, Kind.UNKNOWN):
            continue
        call = call_of(element, item.kind, data=body, start=places.start(place))
        if call.id and call.id in seen:
            malformed("a call id is used twice", code="stream_inconsistent")
        seen.add(call.id)
        calls.append(Pending(item.index, call))
    issued = value.get("id")
    return Answer(
        calls=tuple(calls),
        usage=final.usage_of(value),
        issued=(issued,) if isinstance(issued, str) and issued else (),
    )


def rule_answer(body: bytes, rulings: Mapping[int, Ruling]) -> bytes:
    """Return the answer with refused calls as texts and without the reasoning that was only theirs.

    A call without a ruling counts as refused. `body` itself comes back when all are released.

    Raises: ProtocolError (502) as `read_answer`.
    """
    value, items = _read(body)
    steps = Steps()
    for item in items:
        steps.add(item)
        if item.kind in (Kind.CALL, Kind.UNKNOWN):
            item.ruling = rulings.get(item.index, _NOT_RULED)
    steps.end()
    if all(item.ruling is None or isinstance(item.ruling, Released) for item in items):
        return body
    return final.rewrite(body, ("output",), items, identity_of(value))


def _read(body: bytes) -> tuple[dict[str, object], list[Item]]:
    value = upstream_json.loads_object(body)
    items = [item_of(element, place) for place, element in enumerate(_output(value))]
    return value, items


def _output(value: JsonObject) -> list[dict[str, object]]:
    output = value.get("output")
    if not isinstance(output, list) or not all(isinstance(element, dict) for element in output):
        malformed("an answer without a list `output`")
    return output


def answer_of(stream: bytes) -> bytes:
    """Fold a complete, already ruled stream into the answer that the same request without `stream` gets.

    A stream that ended in an `error` event folds into OpenAI's error object.

    Raises: ProtocolError (502) when it has no terminal event.
    """
    splitter = sse.Splitter()
    done: dict[int, bytes] = {}
    for frame in [*splitter.feed(stream), *splitter.finish()]:
        value = orjson.loads(frame.data) if frame.lines and frame.data != b"[DONE]" else {}
        name = value.get("type")
        if name == "response.output_item.done":
            done[value["output_index"]] = json_span.cut(frame.data, ("item",)) or b"null"
        elif name == "error":
            return render.error(502, str(value.get("code")), str(value.get("message")))
        elif name in TERMINAL:
            response = json_span.cut(frame.data, ("response",)) or b"{}"
            if value["response"].get("output") or not done:
                return response
            output = b"[" + b",".join(done[index] for index in sorted(done)) + b"]"
            return orjson.dumps({**value["response"], "output": orjson.Fragment(output)})
    raise ProtocolError("the stream has no end", code="stream_truncated", side="upstream")


def stream_of(answer: bytes) -> bytes:
    """Unfold a complete, already ruled answer into the stream that the same request with `stream` gets.

    Raises: ProtocolError (502) when it is no Responses object.
    """
    value, _ = _read(answer)
    whole = json_span.one_line(answer)
    opening = {**value, "status": "in_progress", "output": [], "usage": None}
    events: list[tuple[str, Mapping[str, object]]] = [
        ("response.created", {"response": opening}),
        ("response.in_progress", {"response": opening}),
    ]
    span = json_span.locate(whole, ("output",)) or (0, 0)
    raws = (whole[begin:end] for begin, end in json_span.elements(whole, span[0]))
    for index, (element, raw) in enumerate(zip(_output(value), raws, strict=True)):
        events += _item_events(element, raw, index)
    name = _STATUS_EVENTS.get(str(value.get("status")), "response.completed")
    events.append((name, {"response": orjson.Fragment(whole)}))
    return render.numbered(events, 0)


def _item_events(element: JsonObject, raw: bytes, index: int) -> Iterator[tuple[str, Mapping[str, object]]]:
    spot: dict[str, object] = {"item_id": element.get("id", ""), "output_index": index}
    start, inner = _opened(element, spot)
    shown = orjson.Fragment(raw) if start is None else start
    yield "response.output_item.added", {"output_index": index, "item": shown}
    yield from inner
    yield "response.output_item.done", {"output_index": index, "item": orjson.Fragment(raw)}


_Events = list[tuple[str, Mapping[str, object]]]


def _opened(element: JsonObject, spot: dict[str, object]) -> tuple[dict[str, object] | None, _Events]:
    """Return the item as it stands before its events, None for the whole item, and the events that fill it."""
    match element.get("type"):
        case "message":
            return {**element, "status": "in_progress", "content": []}, _message_events(element, spot)
        case "reasoning":
            return {**element, "summary": []}, _summary_events(element, spot)
        case "function_call":
            start = {**element, "status": "in_progress", "arguments": ""}
            return start, _text_events("response.function_call_arguments", "arguments", element, spot)
        case "custom_tool_call":
            start = {**element, "input": ""}
            return start, _text_events("response.custom_tool_call_input", "input", element, spot)
        case _:
            return None, []


def _text_events(name: str, key: str, element: JsonObject, spot: dict[str, object]) -> _Events:
    text = element.get(key)
    return [(f"{name}.delta", {**spot, "delta": text}), (f"{name}.done", {**spot, key: text})]


def _parts(element: JsonObject, key: str) -> list[dict[str, object]]:
    parts = element.get(key)
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _message_events(element: JsonObject, spot: dict[str, object]) -> _Events:
    events: _Events = []
    for place, part in enumerate(_parts(element, "content")):
        here = {**spot, "content_index": place}
        key = "refusal" if part.get("type") == "refusal" else "text"
        name = "response.refusal" if key == "refusal" else "response.output_text"
        extra: dict[str, object] = {} if key == "refusal" else {"logprobs": []}
        events += [
            ("response.content_part.added", {**here, "part": {**part, key: ""}}),
            (f"{name}.delta", {**here, "delta": part.get(key), **extra}),
            (f"{name}.done", {**here, key: part.get(key), **extra}),
            ("response.content_part.done", {**here, "part": part}),
        ]
    return events


def _summary_events(element: JsonObject, spot: dict[str, object]) -> _Events:
    events: _Events = []
    for place, part in enumerate(_parts(element, "summary")):
        here = {**spot, "summary_index": place}
        text = part.get("text")
        events += [
            ("response.reasoning_summary_part.added", {**here, "part": {**part, "text": ""}}),
            ("response.reasoning_summary_text.delta", {**here, "delta": text}),
            ("response.reasoning_summary_text.done", {**here, "text": text}),
            ("response.reasoning_summary_part.done", {**here, "part": part}),
        ]
    return events


def refusal(request: ModelRequest, text: str) -> bytes:
    """Return a whole answer that says only `text`; its ids follow from the request."""
    seed = render.stable_id("resp", request.body, text)
    item_id = render.stable_id("msg", seed)
    return orjson.dumps(render.response(seed, request.model, [render.message(item_id, text)]))
