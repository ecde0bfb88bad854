"""Anthropic Messages as the scripted provider speaks it; its rules on history are in `anthropic_rules`."""

import json
from collections.abc import Iterator, Mapping

from firewall.demo.conversation import (
    Conversation,
    Frame,
    Mark,
    Piece,
    Reply,
    Tool,
    Violation,
    depth,
    pieces,
    steps,
)
from firewall.demo.dialects import anthropic_rules
from firewall.demo.reading import Json, content_blocks, flag, spoken, table, tables, text
from firewall.demo.seal import Seal

KEY_HEADER = "x-api-key"
KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def read(value: Json, path: str, *, seal: Seal) -> Conversation:
    """Read a request of `POST /v1/messages`.

    Raises: Violation with the real API's words when the history breaks a rule.
    """
    del path
    model = text(value, "model")
    if not model:
        raise Violation("model: Field required")
    messages = tables(value, "messages")
    if not messages:
        raise Violation("messages: at least one message is required")
    turns: list[anthropic_rules.Message] = [
        (text(message, "role"), content_blocks(message.get("content"))) for message in messages
    ]
    thinks = text(table(value, "thinking"), "type") in ("enabled", "adaptive")
    anthropic_rules.check(turns, seal=seal, thinks=thinks)
    said = [place for place, turn in enumerate(turns) if anthropic_rules.is_prompt(turn)]
    last = said[-1] if said else 0
    history = [_piece(turn) for turn in turns]
    return Conversation(
        model=model,
        prompt=spoken(text(block, "text") for block in turns[last][1]),
        prompts=len(said),
        step=steps(history[last:]),
        depth=depth(history),
        tools=_tools(value),
        is_streamed=flag(value, "stream"),
        wants_thinking=thinks,
        schema=table(table(table(value, "output_config"), "format"), "schema"),
    )


def _tools(value: Json) -> tuple[Tool, ...]:
    found = tuple(
        Tool(name=text(tool, "name"), arguments=table(table(tool, "input_schema"), "properties"))
        for tool in tables(value, "tools")
        if "input_schema" in tool
    )
    if len({tool.name for tool in found}) != len(found):
        raise Violation("tools: Tool names must be unique.")
    return found


def _piece(message: anthropic_rules.Message) -> Piece:
    role, blocks = message
    if role != "assistant":
        return Piece.OTHER
    return Piece.CALL if any(text(block, "type") == "tool_use" for block in blocks) else Piece.ANSWER


def answer(reply: Reply) -> Json:
    """Return the whole answer as the API gives it without `stream`."""
    return {
        "id": f"msg_01{reply.id}",
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": _content(reply),
        "stop_reason": _stop_reason(reply),
        "stop_sequence": None,
        "usage": _usage(reply, reply.output_tokens),
    }


def _content(reply: Reply) -> list[Json]:
    blocks: list[Json] = []
    if reply.thinking:
        signature = reply.seal.sign("thinking", reply.thinking)
        blocks.append({"type": "thinking", "thinking": reply.thinking, "signature": signature})
    if reply.text:
        blocks.append({"type": "text", "text": reply.text})
    mark = "T" if reply.thinking else "N"
    blocks += [
        {"type": "tool_use", "id": f"toolu_01{mark}{call.id[:22]}", "name": call.name, "input": call.values}
        for call in reply.calls
    ]
    return blocks


def _stop_reason(reply: Reply) -> str:
    return "tool_use" if reply.calls else "end_turn"


def _usage(reply: Reply, output_tokens: int) -> Json:
    return {
        "input_tokens": reply.input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output_tokens,
        "service_tier": "standard",
    }


def frames(reply: Reply) -> Iterator[Frame]:
    """Unfold the answer into the events of a stream."""
    start = answer(reply) | {"content": [], "stop_reason": None, "usage": _usage(reply, 1)}
    yield _frame("message_start", {"message": start}, Mark.START)
    for index, block in enumerate(_content(reply)):
        mark = Mark.CALL if block["type"] == "tool_use" else Mark.TEXT
        yield _frame("content_block_start", {"index": index, "content_block": _opening(block)}, mark)
        if index == 0:
            yield _frame("ping", {}, mark)
        for delta in _deltas(block):
            yield _frame("content_block_delta", {"index": index, "delta": delta}, mark)
        yield _frame("content_block_stop", {"index": index}, mark)
    delta = {"stop_reason": _stop_reason(reply), "stop_sequence": None}
    usage = {"output_tokens": reply.output_tokens}
    yield _frame("message_delta", {"delta": delta, "usage": usage}, Mark.END)
    yield _frame("message_stop", {}, Mark.END)


def _opening(block: Json) -> Json:
    match block["type"]:
        case "thinking":
            return {"type": "thinking", "thinking": "", "signature": ""}
        case "text":
            return {"type": "text", "text": ""}
        case _:
            return block | {"input": {}}


def _deltas(block: Json) -> Iterator[Mapping[str, object]]:
    match block["type"]:
        case "thinking":
            yield from ({"type": "thinking_delta", "thinking": piece} for piece in pieces(text(block, "thinking")))
            yield {"type": "signature_delta", "signature": block["signature"]}
        case "text":
            yield from ({"type": "text_delta", "text": piece} for piece in pieces(text(block, "text")))
        case _:
            yield {"type": "input_json_delta", "partial_json": ""}
            written = json.dumps(block["input"])
            yield from ({"type": "input_json_delta", "partial_json": piece} for piece in pieces(written))


def _frame(kind: str, fields: Json, mark: Mark) -> Frame:
    data = json.dumps({"type": kind, **fields}, separators=(",", ":"))
    return Frame(f"event: {kind}\ndata: {data}\n\n".encode(), mark)


def error(violation: Violation) -> Json:
    """Return the API's error object."""
    kind = KINDS.get(violation.status, "api_error")
    return {
        "type": "error",
        "error": {"type": kind, "message": violation.message},
        "request_id": "req_011Cscripted",
    }


def error_frame(violation: Violation, reply: Reply) -> bytes:
    """Return the error as it arrives in the middle of a stream."""
    del reply
    return f"event: error\ndata: {json.dumps(error(violation))}\n\n".encode()


def count(conversation: Conversation) -> Json:
    """Answer `count_tokens`."""
    return {"input_tokens": conversation.size_bytes // 4}


def bad_key() -> Violation:
    """Return the refusal of a key that is not the provider's."""
    return Violation("invalid x-api-key", status=401)
