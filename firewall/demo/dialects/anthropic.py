"""Anthropic Messages as the scripted provider speaks it, with the rules that the real one enforces.

The rules: every `tool_use` has its `tool_result` first thing in the next message and the other way round, ids are
unique, thinking blocks are ours, unmodified and in order, and a tool call that was thought about keeps its
thinking while its turn lasts.
"""

import json
from collections.abc import Iterator, Mapping

from firewall.demo.conversation import Conversation, Frame, Mark, Reply, Seal, Tool, Violation, pieces
from firewall.demo.reading import Json, content_blocks, flag, spoken, table, tables, text

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
    turns = [(text(message, "role"), content_blocks(message.get("content"))) for message in messages]
    _check_shape(turns)
    _check_pairs(turns)
    thinks = text(table(value, "thinking"), "type") in ("enabled", "adaptive")
    _check_thinking(turns, seal, thinks=thinks)
    said = [place for place, turn in enumerate(turns) if _is_prompt(turn)]
    last = said[-1] if said else 0
    return Conversation(
        model=model,
        prompt=spoken(text(block, "text") for block in turns[last][1]),
        prompts=len(said),
        step=_answers(turns[last:]),
        tools=_tools(value),
        is_streamed=flag(value, "stream"),
        wants_thinking=thinks,
    )


Message = tuple[str, list[Json]]


def _tools(value: Json) -> tuple[Tool, ...]:
    found = tuple(
        Tool(name=text(tool, "name"), arguments=table(table(tool, "input_schema"), "properties"))
        for tool in tables(value, "tools")
        if "input_schema" in tool
    )
    if len({tool.name for tool in found}) != len(found):
        raise Violation("tools: Tool names must be unique.")
    return found


def _is_prompt(message: Message) -> bool:
    role, blocks = message
    said = spoken(text(block, "text") for block in blocks)
    return role == "user" and bool(said) and not any(text(block, "type") == "tool_result" for block in blocks)


def _answers(turns: list[Message]) -> int:
    roles = [role for role, _ in turns if role != "system"]
    return sum(
        1
        for place, role in enumerate(roles)
        if role == "assistant" and (place == 0 or roles[place - 1] != "assistant")
    )


def _check_shape(turns: list[Message]) -> None:
    for place, (role, blocks) in enumerate(turns):
        if role not in ("user", "assistant", "system"):
            raise Violation(f"messages.{place}.role: Input should be 'user' or 'assistant'")
        if not blocks and place < len(turns) - 1:
            raise Violation(
                f"messages.{place}: all messages must have non-empty content except for the optional final "
                "assistant message"
            )
        if any(text(block, "type") == "text" and not text(block, "text") for block in blocks):
            raise Violation("messages: text content blocks must be non-empty")


def _check_pairs(turns: list[Message]) -> None:
    joined = _joined(turns)
    seen: set[str] = set()
    waiting: list[str] = []
    for place, role, blocks in joined:
        results = _leading_results(blocks) if role == "user" else []
        _check_results(place, blocks, waiting)
        missing = [ident for ident in waiting if ident not in results]
        if missing:
            raise _unanswered(place - 1, missing)
        waiting = [text(block, "id") for block in blocks if text(block, "type") == "tool_use"]
        if role == "assistant" and (seen & set(waiting) or len(set(waiting)) != len(waiting)):
            raise Violation("messages: `tool_use` ids must be unique")
        seen.update(waiting)
    if waiting:
        raise _unanswered(joined[-1][0], waiting)


def _joined(turns: list[Message]) -> list[tuple[int, str, list[Json]]]:
    """Merge neighbours of one role, as the API does; system messages in between do not count."""
    joined: list[tuple[int, str, list[Json]]] = []
    for place, (role, blocks) in enumerate(turns):
        if role == "system":
            continue
        if joined and joined[-1][1] == role:
            joined[-1][2].extend(blocks)
        else:
            joined.append((place, role, list(blocks)))
    return joined


def _leading_results(blocks: list[Json]) -> list[str]:
    found: list[str] = []
    for block in blocks:
        if text(block, "type") != "tool_result":
            break
        found.append(text(block, "tool_use_id"))
    return found


def _check_results(place: int, blocks: list[Json], waiting: list[str]) -> None:
    seen: set[str] = set()
    for at, block in enumerate(blocks):
        if text(block, "type") != "tool_result":
            continue
        ident = text(block, "tool_use_id")
        if ident not in waiting:
            raise Violation(
                f"messages.{place}.content.{at}: unexpected `tool_use_id` found in `tool_result` blocks: {ident}. "
                "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            )
        if ident in seen:
            raise Violation(
                f"messages.{place}.content.{at}: each tool_use must have a single result. Found multiple "
                f"`tool_result` blocks with id: {ident}"
            )
        seen.add(ident)


def _unanswered(place: int, idents: list[str]) -> Violation:
    return Violation(
        f"messages.{place}: `tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(idents)}. Each `tool_use` block must have a corresponding `tool_result` block in the next "
        "message."
    )


def _check_thinking(turns: list[Message], seal: Seal, *, thinks: bool) -> None:
    last_prompt = max((place for place, turn in enumerate(turns) if _is_prompt(turn)), default=0)
    for place, (role, blocks) in enumerate(turns):
        if role != "assistant":
            continue
        for at, block in enumerate(blocks):
            if text(block, "type") == "thinking" and not seal.fits(
                text(block, "signature"), "thinking", text(block, "thinking")
            ):
                raise Violation(f"messages.{place}.content.{at}: Invalid `signature` in `thinking` block")
        if thinks and place > last_prompt:
            _check_kept_thinking(place, blocks)


def _check_kept_thinking(place: int, blocks: list[Json]) -> None:
    """A call says in its id whether thinking came with it: then the message must still start with it."""
    kinds = [text(block, "type") for block in blocks]
    thought = any(_was_thought_about(block) for block in blocks)
    if thought and kinds[0] != "thinking":
        raise Violation(
            f"messages.{place}.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
            f"`{kinds[0]}`. When `thinking` is enabled, a final `assistant` message must start with "
            "a thinking block (preceding the lastmost set of `tool_use` and `tool_result` blocks)."
        )


def _was_thought_about(block: Mapping[str, object]) -> bool:
    return text(block, "type") == "tool_use" and text(block, "id").startswith("toolu_01T")


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
    yield _frame("ping", {}, Mark.START)
    for index, block in enumerate(_content(reply)):
        mark = Mark.CALL if block["type"] == "tool_use" else Mark.TEXT
        yield _frame("content_block_start", {"index": index, "content_block": _opening(block)}, mark)
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
