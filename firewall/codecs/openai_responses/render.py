"""Writing Responses objects and events: refusals, errors, what keeps clients waiting. Pure: ids are hashes."""

import hashlib
from collections.abc import Iterable, Mapping

import orjson

from firewall.codecs import json_span, sse

_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
}


def event(name: str, fields: Mapping[str, object], sequence: int) -> bytes:
    """Return one event as a frame."""
    body = {"type": name, "sequence_number": sequence, **fields}
    return sse.frame(json_span.one_line(orjson.dumps(body)), event=name)


def numbered(events: Iterable[tuple[str, Mapping[str, object]]], first: int) -> bytes:
    """Return events as frames, numbered from `first`."""
    return b"".join(event(name, fields, first + place) for place, (name, fields) in enumerate(events))


def stable_id(prefix: str, *parts: object) -> str:
    """Return an id that is unique for its parts and always the same for them."""
    seed = "\0".join(str(part) for part in parts).encode("utf-8", "surrogatepass")
    return f"{prefix}_{hashlib.sha256(seed).hexdigest()[:48]}"


def message(item_id: str, text: str) -> dict[str, object]:
    """Return a finished assistant message with one text."""
    return {
        "id": item_id,
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [text_part(text)],
    }


def text_part(text: str) -> dict[str, object]:
    """Return a content part with a text."""
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def message_events(item_id: str, text: str, index: int) -> list[tuple[str, dict[str, object]]]:
    """Return the six events that write a message at `index`."""
    spot: dict[str, object] = {"item_id": item_id, "output_index": index, "content_index": 0}
    whole = message(item_id, text)
    start = {**whole, "status": "in_progress", "content": []}
    return [
        ("response.output_item.added", {"output_index": index, "item": start}),
        ("response.content_part.added", {**spot, "part": text_part("")}),
        ("response.output_text.delta", {**spot, "delta": text, "logprobs": []}),
        ("response.output_text.done", {**spot, "text": text, "logprobs": []}),
        ("response.content_part.done", {**spot, "part": text_part(text)}),
        ("response.output_item.done", {"output_index": index, "item": whole}),
    ]


def slim(response: Mapping[str, object]) -> dict[str, object]:
    """Return the opening response object without what makes it long and nobody reads twice."""
    return {**response, "instructions": None, "tools": [], "output": [], "usage": None}


def failed(response: Mapping[str, object], *, code: str, text: str, sequence: int) -> bytes:
    """Return the terminal `response.failed` of the response that was opened with `response`."""
    body = {**slim(response), "status": "failed", "error": {"code": code, "message": text}}
    return event("response.failed", {"response": body}, sequence)


def bare_error(code: str, text: str, sequence: int) -> bytes:
    """Return the terminal `error` event of a stream that opened no response."""
    return event("error", {"code": code, "message": text, "param": None}, sequence)


def error(status: int, code: str, message: str) -> bytes:
    """Return OpenAI's error object as JSON; always carries `code`."""
    kind = _ERROR_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})


def response(response_id: str, model: str, output: list[object]) -> dict[str, object]:
    """Return a complete response object that we wrote ourselves; it has no time and costs no tokens."""
    return {
        "id": response_id,
        "object": "response",
        "created_at": 0,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "model": model,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "truncation": "disabled",
        "usage": {
            "input_tokens": 0,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 0,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 0,
        },
        "metadata": {},
    }
