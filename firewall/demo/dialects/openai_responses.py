"""OpenAI Responses as the scripted provider speaks it; its rules on history are in `responses_rules`.

Every tool call is told four times (`output_item.added`, deltas, `….done`, `output_item.done`) and once more in
`response.completed`, as the real API does.
"""

import json
from collections.abc import Iterator

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
from firewall.demo.dialects import responses_rules
from firewall.demo.dialects.responses_rules import kind
from firewall.demo.reading import Json, content_blocks, flag, names, spoken, table, tables, text
from firewall.demo.seal import Seal

KEY_HEADER = "authorization"
CREATED_AT = 1_790_000_000
"""Answers hold no clock, so that the same request gets the same bytes."""


def read(value: Json, path: str, *, seal: Seal) -> Conversation:
    """Read a request of `POST /v1/responses`.

    Raises: Violation with the real API's words when a field is missing or the history breaks a rule.
    """
    del path
    model = text(value, "model")
    if not model:
        raise Violation("Missing required parameter: 'model'.", param="model", code="missing_required_parameter")
    previous = text(value, "previous_response_id")
    if previous:
        raise Violation(
            f"Previous response with id '{previous}' not found.",
            param="previous_response_id",
            code="previous_response_not_found",
        )
    items = _items(value)
    responses_rules.check(items, seal=seal)
    said = [place for place, item in enumerate(items) if _is_prompt(item)]
    last = said[-1] if said else 0
    history = [_piece(item) for item in items]
    return Conversation(
        model=model,
        prompt=spoken(_texts(items[last])) if items else "",
        prompts=len(said),
        step=steps(history[last:]),
        depth=depth(history),
        tools=_tools(value, items),
        is_streamed=flag(value, "stream"),
        schema=table(table(table(value, "text"), "format"), "schema"),
        wants_thinking="reasoning.encrypted_content" in names(value, "include"),
    )


def _items(value: Json) -> list[Json]:
    given = value.get("input")
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": given}]
    return tables(value, "input")


def _texts(item: Json) -> list[str]:
    return [text(block, "text") for block in content_blocks(item.get("content"))]


def _is_prompt(item: Json) -> bool:
    return kind(item) == "message" and text(item, "role") == "user" and bool(spoken(_texts(item)))


def _piece(item: Json) -> Piece:
    if kind(item) in responses_rules.CALLS:
        return Piece.CALL
    is_said = kind(item) == "message" and text(item, "role") == "assistant"
    return Piece.ANSWER if is_said or kind(item) == "reasoning" else Piece.OTHER


def _tools(value: Json, items: list[Json]) -> tuple[Tool, ...]:
    declared = tables(value, "tools")
    for item in items:
        if kind(item) == "additional_tools":
            declared += tables(item, "tools")
    found: list[Tool] = []
    for tool in declared:
        if text(tool, "type") == "namespace":
            found += [_tool(inner, text(tool, "name")) for inner in tables(tool, "tools")]
        elif text(tool, "type") in ("function", "custom"):
            found.append(_tool(tool, ""))
    return tuple(found)


def _tool(tool: Json, namespace: str) -> Tool:
    return Tool(
        name=text(tool, "name"),
        arguments=table(table(tool, "parameters"), "properties"),
        is_freeform=text(tool, "type") == "custom",
        namespace=namespace,
    )


def answer(reply: Reply) -> Json:
    """Return the whole answer as the API gives it without `stream`."""
    return _response(reply, status="completed", output=_output(reply)) | {
        "completed_at": CREATED_AT + 1,
        "usage": {
            "input_tokens": reply.input_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": reply.output_tokens,
            "output_tokens_details": {"reasoning_tokens": len(reply.thinking) // 4},
            "total_tokens": reply.input_tokens + reply.output_tokens,
        },
    }


def _response(reply: Reply, *, status: str, output: list[Json]) -> Json:
    return {
        "id": f"resp_0{reply.id}",
        "object": "response",
        "created_at": CREATED_AT,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "model": reply.model,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": "medium", "summary": None},
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
        "user": None,
        "metadata": {},
    }


def _output(reply: Reply) -> list[Json]:
    """Order the items: reasoning stands directly before what it led to, the first call where there is one."""
    said = [_message(reply)] if reply.text else []
    calls = [_call(call) for call in reply.calls]
    if not reply.thinking or not (said or calls):
        return said + calls
    following = text(calls[0], "call_id") if calls else "message"
    reasoning = _reasoning(reply, following)
    return [*said, reasoning, *calls] if calls else [reasoning, *said]


def _message(reply: Reply) -> Json:
    return {
        "id": f"msg_0{reply.id}",
        "type": "message",
        "status": "completed",
        "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": reply.text}],
        "phase": "commentary" if reply.calls else "final_answer",
        "role": "assistant",
    }


def _reasoning(reply: Reply, following: str) -> Json:
    ident = f"rs_0{reply.id}"
    return {
        "id": ident,
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": reply.thinking}],
        "encrypted_content": reply.seal.wrap({"id": ident, "next": following, "text": reply.thinking}),
    }


def _call(call: Spoken) -> Json:
    what, field = ("custom_tool_call", "input") if call.is_freeform else ("function_call", "arguments")
    item: Json = {
        "id": f"{'ctc' if call.is_freeform else 'fc'}_0{call.id}",
        "type": what,
        "status": "completed",
        field: call.arguments,
        "call_id": f"call_{call.id}",
        "name": call.name,
    }
    return item | ({"namespace": call.namespace} if call.namespace else {})


def frames(reply: Reply) -> Iterator[Frame]:
    """Unfold the answer into the events of a stream, numbered in order."""
    for number, (event, mark) in enumerate(_events(reply)):
        yield _frame(event | {"sequence_number": number}, mark)


Event = tuple[Json, Mark]


def _events(reply: Reply) -> Iterator[Event]:
    opened = _response(reply, status="in_progress", output=[])
    yield {"type": "response.created", "response": opened}, Mark.START
    yield {"type": "response.in_progress", "response": opened}, Mark.START
    for index, item in enumerate(_output(reply)):
        mark = Mark.CALL if kind(item) in responses_rules.CALLS else Mark.TEXT
        yield {"type": "response.output_item.added", "output_index": index, "item": _opening(item)}, mark
        at: Json = {"item_id": item["id"], "output_index": index}
        yield from ((_padded(event | at), mark) for event in _inside(item))
        yield {"type": "response.output_item.done", "output_index": index, "item": item}, mark
    yield {"type": "response.completed", "response": answer(reply)}, Mark.END


def _padded(event: Json) -> Json:
    """Fill deltas up to one length, as the API does so that their sizes tell nothing."""
    if "delta" not in event:
        return event
    return event | {"obfuscation": "Xq7bT2mLw9KdRz"[len(str(event["delta"])) :]}


def _opening(item: Json) -> Json:
    match kind(item):
        case "message":
            return item | {"status": "in_progress", "content": []}
        case "reasoning":
            return item | {"summary": [], "encrypted_content": ""}
        case "function_call":
            return item | {"status": "in_progress", "arguments": ""}
        case _:
            return item | {"status": "in_progress", "input": ""}


def _inside(item: Json) -> Iterator[Json]:
    match kind(item):
        case "message":
            yield from _inside_message(tables(item, "content")[0])
        case "reasoning":
            yield from _inside_reasoning(tables(item, "summary")[0])
        case "function_call":
            yield from _inside_call("response.function_call_arguments", "arguments", text(item, "arguments"))
        case _:
            yield from _inside_call("response.custom_tool_call_input", "input", text(item, "input"))


def _inside_message(part: Json) -> Iterator[Json]:
    said = text(part, "text")
    yield {"type": "response.content_part.added", "content_index": 0, "part": part | {"text": ""}}
    for piece in pieces(said):
        yield {"type": "response.output_text.delta", "content_index": 0, "delta": piece, "logprobs": []}
    yield {"type": "response.output_text.done", "content_index": 0, "text": said, "logprobs": []}
    yield {"type": "response.content_part.done", "content_index": 0, "part": part}


def _inside_reasoning(part: Json) -> Iterator[Json]:
    kind_of = "response.reasoning_summary"
    said = text(part, "text")
    yield {"type": f"{kind_of}_part.added", "summary_index": 0, "part": part | {"text": ""}}
    for piece in pieces(said):
        yield {"type": f"{kind_of}_text.delta", "summary_index": 0, "delta": piece}
    yield {"type": f"{kind_of}_text.done", "summary_index": 0, "text": said}
    yield {"type": f"{kind_of}_part.done", "summary_index": 0, "part": part}


def _inside_call(prefix: str, field: str, written: str) -> Iterator[Json]:
    for piece in pieces(written):
        yield {"type": f"{prefix}.delta", "delta": piece}
    yield {"type": f"{prefix}.done", field: written}


def _frame(event: Json, mark: Mark) -> Frame:
    data = json.dumps(event, separators=(",", ":"))
    return Frame(f"event: {event['type']}\ndata: {data}\n\n".encode(), mark)


def error(violation: Violation) -> Json:
    """Return the API's error object."""
    kind_of = "invalid_request_error" if violation.status < 500 else "server_error"
    return {
        "error": {
            "message": violation.message,
            "type": kind_of,
            "param": violation.param or None,
            "code": violation.code or None,
        }
    }


def error_frame(violation: Violation, reply: Reply) -> bytes:
    """Return the failure as it arrives in the middle of a stream."""
    failed = _response(reply, status="failed", output=[])
    failed["error"] = {"code": violation.code or "server_error", "message": violation.message}
    return _frame({"type": "response.failed", "response": failed}, Mark.END).data


def count(conversation: Conversation) -> Json:
    """Answer `input_tokens`."""
    return {"object": "response.input_tokens", "input_tokens": conversation.size_bytes // 4}


def bad_key() -> Violation:
    """Return the refusal of a key that is not the provider's."""
    return Violation("Incorrect API key provided.", status=401, code="invalid_api_key")
