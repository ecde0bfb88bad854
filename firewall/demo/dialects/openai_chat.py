"""OpenAI Chat Completions as the scripted provider speaks it, with the rules that the real one enforces.

The rules: every tool call of an assistant message is answered by exactly one of the tool messages that directly
follow it, and every tool message answers one. Parallel calls are streamed interleaved, as some servers do.
"""

import json
from collections.abc import Iterator
from itertools import chain, zip_longest

from firewall.demo.conversation import (
    Conversation,
    Frame,
    Mark,
    Piece,
    Reply,
    Spoken,
    Tool,
    Violation,
    depth,
    pieces,
    steps,
)
from firewall.demo.reading import Json, content_blocks, flag, spoken, table, tables, text
from firewall.demo.seal import Seal

KEY_HEADER = "authorization"
CREATED_AT = 1_790_000_000
"""Answers hold no clock, so that the same request gets the same bytes."""
ROLES = ("system", "developer", "user", "assistant", "tool", "function")


def read(value: Json, path: str, *, seal: Seal) -> Conversation:
    """Read a request of `POST /v1/chat/completions`.

    Raises: Violation with the real API's words when a field is missing or the history breaks a rule.
    """
    del path, seal
    model = text(value, "model")
    if not model:
        raise Violation("you must provide a model parameter")
    messages = tables(value, "messages")
    if not messages:
        raise Violation(
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array "
            "instead.",
            param="messages",
            code="empty_array",
        )
    _check_shape(messages)
    _check_pairs(messages)
    said = [place for place, message in enumerate(messages) if _is_prompt(message)]
    last = said[-1] if said else 0
    history = [_piece(message) for message in messages]
    return Conversation(
        model=model,
        prompt=spoken(_texts(messages[last])),
        prompts=len(said),
        step=steps(history[last:]),
        depth=depth(history),
        tools=_tools(value),
        is_streamed=flag(value, "stream"),
        wants_usage=flag(table(value, "stream_options"), "include_usage"),
        schema=table(table(table(value, "response_format"), "json_schema"), "schema"),
    )


def _texts(message: Json) -> list[str]:
    return [text(block, "text") for block in content_blocks(message.get("content"))]


def _is_prompt(message: Json) -> bool:
    return text(message, "role") == "user" and bool(spoken(_texts(message)))


def _piece(message: Json) -> Piece:
    if text(message, "role") != "assistant":
        return Piece.OTHER
    return Piece.CALL if message.get("tool_calls") else Piece.ANSWER


def _tools(value: Json) -> tuple[Tool, ...]:
    found: list[Tool] = []
    for tool in tables(value, "tools"):
        inner = table(tool, text(tool, "type") or "function")
        found.append(
            Tool(
                name=text(inner, "name"),
                arguments=table(table(inner, "parameters"), "properties"),
                is_freeform=text(tool, "type") == "custom",
            )
        )
    return tuple(found)


def _check_shape(messages: list[Json]) -> None:
    for place, message in enumerate(messages):
        role, calls = text(message, "role"), message.get("tool_calls")
        if role not in ROLES:
            raise Violation(
                f"Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', 'function', "
                "'tool', and 'developer'.",
                param=f"messages[{place}].role",
                code="invalid_value",
            )
        if calls == []:
            raise Violation(
                f"Invalid 'messages[{place}].tool_calls': empty array. Expected an array with minimum length 1, "
                "but got an empty array instead.",
                param=f"messages[{place}].tool_calls",
                code="empty_array",
            )
        if message.get("content") is None and not calls:
            raise Violation(
                "Invalid value for 'content': expected a string, got null.", param=f"messages.[{place}].content"
            )


def _check_pairs(messages: list[Json]) -> None:
    waiting: dict[str, bool] = {}
    for place, message in enumerate(messages):
        if text(message, "role") == "tool":
            _settle(waiting, text(message, "tool_call_id"), place)
            continue
        _refuse_unanswered(waiting, place)
        calls = [text(call, "id") for call in tables(message, "tool_calls")]
        if len(set(calls)) != len(calls) or not all(calls):
            raise Violation(
                f"Duplicate or missing 'id' in 'messages[{place}].tool_calls'.",
                param=f"messages[{place}].tool_calls",
            )
        waiting = dict.fromkeys(calls, False)
    _refuse_unanswered(waiting, len(messages))


def _settle(waiting: dict[str, bool], ident: str, place: int) -> None:
    param = f"messages.[{place}].role"
    if not waiting:
        raise Violation(
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
            "'tool_calls'.",
            param=param,
        )
    if ident not in waiting:
        raise Violation(
            f"Invalid parameter: 'tool_call_id' of '{ident}' not found in 'tool_calls' of previous message.",
            param=f"messages.[{place}].tool_call_id",
        )
    if waiting[ident]:
        raise Violation(f"Duplicate tool message for 'tool_call_id' of '{ident}'.", param=param)
    waiting[ident] = True


def _refuse_unanswered(waiting: dict[str, bool], place: int) -> None:
    missing = [ident for ident, is_answered in waiting.items() if not is_answered]
    if missing:
        raise Violation(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(missing)}",
            param=f"messages.[{place}].role",
        )


def answer(reply: Reply) -> Json:
    """Return the whole answer as the API gives it without `stream`."""
    message: Json = {"role": "assistant", "content": reply.text or None, "refusal": None, "annotations": []}
    if reply.calls:
        message["tool_calls"] = [_call(call) for call in reply.calls]
    choice: Json = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(reply)}
    return _envelope(reply, "chat.completion", [choice]) | {"usage": _usage(reply), "service_tier": "default"}


def _envelope(reply: Reply, kind: str, choices: list[Json]) -> Json:
    return {
        "id": f"chatcmpl-{reply.id}",
        "object": kind,
        "created": CREATED_AT,
        "model": reply.model,
        "system_fingerprint": "fp_scripted",
        "choices": choices,
    }


def _call(call: Spoken) -> Json:
    if call.is_freeform:
        return {"id": _id(call), "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    return {"id": _id(call), "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _id(call: Spoken) -> str:
    return f"call_{call.id}"


def _finish(reply: Reply) -> str:
    return "tool_calls" if reply.calls else "stop"


def _usage(reply: Reply) -> Json:
    return {
        "prompt_tokens": reply.input_tokens,
        "completion_tokens": reply.output_tokens,
        "total_tokens": reply.input_tokens + reply.output_tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def frames(reply: Reply) -> Iterator[Frame]:
    """Unfold the answer into the chunks of a stream, the pieces of parallel calls interleaved."""
    yield _delta(reply, {"role": "assistant", "content": "", "refusal": None}, Mark.START)
    for piece in pieces(reply.text):
        yield _delta(reply, {"content": piece}, Mark.TEXT)
    rows = zip_longest(*(_deltas(place, call) for place, call in enumerate(reply.calls)))
    for change in chain.from_iterable(rows):
        if change is not None:
            yield _delta(reply, {"tool_calls": [change]}, Mark.CALL)
    yield _delta(reply, {}, Mark.END, finish=_finish(reply))
    if reply.wants_usage:
        yield _frame(_envelope(reply, "chat.completion.chunk", []) | {"usage": _usage(reply)}, Mark.END)
    yield Frame(b"data: [DONE]\n\n", Mark.END)


def _deltas(place: int, call: Spoken) -> Iterator[Json]:
    kind, field = ("custom", "input") if call.is_freeform else ("function", "arguments")
    yield {"index": place, "id": _id(call), "type": kind, kind: {"name": call.name, field: ""}}
    for piece in pieces(call.arguments):
        yield {"index": place, kind: {field: piece}}


def _delta(reply: Reply, delta: Json, mark: Mark, *, finish: str | None = None) -> Frame:
    choice: Json = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    padding = "Xq7bT2mLw9KdRzXq7bT2mLw9KdRz"[len(str(delta)) % 14 :]
    chunk = _envelope(reply, "chat.completion.chunk", [choice]) | {"obfuscation": padding}
    return _frame(chunk | ({"usage": None} if reply.wants_usage else {}), mark)


def _frame(chunk: Json, mark: Mark) -> Frame:
    return Frame(f"data: {json.dumps(chunk, separators=(',', ':'))}\n\n".encode(), mark)


def error(violation: Violation) -> Json:
    """Return the API's error object."""
    return {
        "error": {
            "message": violation.message,
            "type": "invalid_request_error" if violation.status < 500 else "server_error",
            "param": violation.param or None,
            "code": violation.code or None,
        }
    }


def error_frame(violation: Violation, reply: Reply) -> bytes:
    """Return the error as it arrives in the middle of a stream."""
    del reply
    return f"data: {json.dumps(error(violation))}\n\n".encode()


def bad_key() -> Violation:
    """Return the refusal of a key that is not the provider's."""
    return Violation("Incorrect API key provided.", status=401, code="invalid_api_key")


def count(conversation: Conversation) -> Json:
    """Answer a count; Chat Completions has no such route, so this is only for completeness of the protocol."""
    return {"input_tokens": conversation.size_bytes // 4}
