"""The frames and objects of Chat Completions that we write ourselves, and what refused calls leave behind."""

import orjson

from firewall.codecs import sse
from firewall.codecs.interface import Refused
from firewall.codecs.openai_chat.calls import Call, Choice
from firewall.codecs.openai_chat.tables import ERRORS, REASONING, STOPS_FOR_CALLS
from firewall.codecs.upstream_json import JsonObject, loads_object

DONE = b"[DONE]"


def chunk(value: JsonObject) -> bytes:
    """Return a chunk as a frame."""
    return sse.frame(orjson.dumps(value))


def error(status: int, code: str, message: str) -> bytes:
    """Return the dialect's error object as JSON."""
    return orjson.dumps(error_object(code, message, status=status))


def error_object(code: str, message: str, *, status: int) -> JsonObject:
    """Return the dialect's error object."""
    kind = ERRORS.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def error_event(code: str, message: str) -> bytes:
    """Return the event that ends a stream in an error."""
    return chunk(error_object(code, message, status=502))


def rewritten_chunk(data: bytes, choices: dict[int, Choice]) -> bytes:
    """Return the frame of a chunk without what was refused; empty when nothing is left of it."""
    value = loads_object(data)
    left = value.get("usage") is not None
    for choice in _objects(value.get("choices")):
        state = choices[int(str(choice.get("index")))]
        delta = choice.get("delta")
        rewrite(choice, delta if isinstance(delta, dict) else {}, state, streamed=True)
        left = left or bool(choice.get("finish_reason")) or any(one is not None for one in _dict(delta).values())
    return chunk(value) if left else b""


def rewrite(choice: JsonObject, said: JsonObject, state: Choice, *, streamed: bool) -> None:
    """Replace refused calls in a choice by text and renumber the others; `said` is its delta or message."""
    words = [*_without_calls(said, state, streamed=streamed), *_without_unknown(choice, said, state)]
    if state.is_refused:
        for key in REASONING & said.keys():
            del said[key]
        for key in ("finish_reason", "native_finish_reason"):
            if choice.get(key) in STOPS_FOR_CALLS:
                choice[key] = "stop"
    if not words:
        return
    if choice.get("logprobs") is not None:
        choice["logprobs"] = None
    text = "\n\n".join(words)
    before = said.get("content")
    if isinstance(before, list):
        said["content"] = [*before, {"type": "text", "text": text}]
    else:
        spoken = before if isinstance(before, str) else ""
        said["content"] = f"{spoken}\n\n{text}" if spoken or (streamed and state.spoke) else text
    state.spoke = True


def _without_calls(said: JsonObject, state: Choice, *, streamed: bool) -> list[str]:
    words: list[str] = []
    kept: list[JsonObject] = []
    pieces = _objects(said.get("tool_calls"))
    for place, piece in enumerate(pieces):
        call = state.calls[int(str(piece.get("index"))) if streamed else place]
        if call.is_refused:
            words += _told(call)
            continue
        if streamed:
            piece["index"] = state.place(call)
        kept.append(piece)
    if kept:
        said["tool_calls"] = kept
    elif pieces:
        del said["tool_calls"]
    old = state.calls.get("function_call")
    if old is not None and old.is_refused and said.pop("function_call", None) is not None:
        words += _told(old)
    return words


def _without_unknown(choice: JsonObject, said: JsonObject, state: Choice) -> list[str]:
    words: list[str] = []
    for holder, mark in ((said, "?"), (choice, "!")):
        for key in list(holder):
            call = state.calls.get(f"{mark}{key}")
            if call is not None and call.is_refused:
                del holder[key]
                words += _told(call)
    return words


def _told(call: Call) -> list[str]:
    if call.told or not isinstance(call.ruling, Refused):
        return []
    call.told = True
    return [call.ruling.text]


def _objects(value: object) -> list[JsonObject]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _dict(value: object) -> JsonObject:
    return value if isinstance(value, dict) else {}
