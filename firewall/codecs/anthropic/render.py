"""The frames and objects of the Messages API that we write ourselves."""

import orjson

from firewall.codecs import json_span, sse
from firewall.codecs.anthropic.tables import ERRORS
from firewall.codecs.sse import Frame
from firewall.codecs.upstream_json import JsonObject

PING = sse.frame(b'{"type": "ping"}', event="ping")


def event(value: JsonObject) -> bytes:
    """Return an event as a frame; its name is its type."""
    return sse.frame(orjson.dumps(value), event=str(value["type"]))


def text_block(index: int, text: str) -> bytes:
    """Return the frames of a text block."""
    start = {"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}}
    delta = {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": text}}
    return event(start) + event(delta) + event({"type": "content_block_stop", "index": index})


def ended_turn(frame: Frame) -> bytes:
    """Return a `message_delta` frame with the stop reason `end_turn`, all else as it was."""
    span = json_span.locate(frame.data, ("delta", "stop_reason"))
    if span is None:
        return frame.raw
    head, found, tail = frame.raw.partition(frame.data)
    return head + json_span.splice(found, {span: b'"end_turn"'}) + tail


def error_object(code: str, message: str, *, status: int) -> JsonObject:
    """Return the dialect's error object."""
    kind = ERRORS.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return {"type": "error", "error": {"type": kind, "message": message, "code": code}}


def error(status: int, code: str, message: str) -> bytes:
    """Return the dialect's error object as JSON; `code` stands beside its type."""
    return orjson.dumps(error_object(code, message, status=status))


def error_event(code: str, message: str) -> bytes:
    """Return the event that ends a stream in an error."""
    return event(error_object(code, message, status=502))
