"""The last messages of a request to a model, and of the answer so far, in any of the four dialects.

Read only where people are asked about a call, and for their eyes alone: nothing is judged by it. It knows the
dialects by the names of their fields; what no table knows is given as it is written. INVARIANT: it never raises,
whatever a request holds, and looks at no more than the last messages, the last parts of each and the last
`_TAIL` bytes of an answer.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain

import orjson

from firewall.codecs import sse
from firewall.core.conversation import MOST_MESSAGES, MOST_PARTS, PartKind, Spoken, SpokenPart
from firewall.core.dialect import Dialect
from firewall.core.errors import ProtocolError

_HISTORIES: Mapping[Dialect, str] = {
    Dialect.ANTHROPIC: "messages",
    Dialect.OPENAI_CHAT: "messages",
    Dialect.OPENAI_RESPONSES: "input",
    Dialect.GEMINI: "contents",
}
_ROLES = {"model": "assistant", "function": "tool", "developer": "system"}
_KNOWN_ROLES = frozenset({"user", "assistant", "tool", "system"})
_TEXTS = frozenset({"text", "input_text", "output_text", "summary_text", "reasoning_text", "refusal"})
_THOUGHTS = frozenset({"thinking", "redacted_thinking", "reasoning"})
_MEDIA = frozenset({"image", "image_url", "input_image", "input_audio", "document", "file", "input_file", "audio"})
_GEMINI_MEDIA = frozenset({"inlineData", "inline_data", "fileData", "file_data"})
_TAIL = 256 << 10
"""Bytes of an answer, from its end, that are read."""
_NAME = 200

Json = Mapping[str, object]


def spoken(dialect: Dialect, request: Json) -> tuple[Spoken, ...]:
    """Return the last messages of a request, oldest first."""
    history = request.get(_HISTORIES[dialect])
    items = history if isinstance(history, list) else [] if history is None else [history]
    first = max(0, len(items) - MOST_MESSAGES)
    names = _names(items) if dialect in (Dialect.ANTHROPIC, Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES) else {}
    return tuple(_said(item, turn, names) for turn, item in enumerate(items[first:], first + 1))


def answered(dialect: Dialect, pieces: Sequence[bytes], turn: int) -> tuple[Spoken, ...]:
    """Return what an answer has said so far as the message `turn`; nothing where it has said nothing.

    `pieces`: the answer's stream, or the whole answer in one piece.
    """
    tail = _end(pieces)
    try:
        whole = orjson.loads(tail)
    except orjson.JSONDecodeError:
        text = "".join(_deltas(dialect, tail))
        return (Spoken(turn, "assistant", (SpokenPart(PartKind.TEXT, text),)),) if text else ()
    return _whole(dialect, whole, turn) if isinstance(whole, dict) else ()


def _end(pieces: Sequence[bytes]) -> bytes:
    kept: list[bytes] = []
    size = 0
    for piece in reversed(pieces):
        kept.append(piece)
        size += len(piece)
        if size >= _TAIL:
            break
    return b"".join(reversed(kept))[-_TAIL:]


def _whole(dialect: Dialect, answer: Json, turn: int) -> tuple[Spoken, ...]:
    match dialect:
        case Dialect.ANTHROPIC:
            items: list[object] = [answer]
        case Dialect.OPENAI_CHAT:
            items = [one.get("message") for one in _objects(answer.get("choices"))]
        case Dialect.OPENAI_RESPONSES:
            items = [*_objects(answer.get("output"))]
        case Dialect.GEMINI:
            items = [one.get("content") for one in _objects(answer.get("candidates"))]
    parts = list(chain.from_iterable(_said(item, turn, {}).parts for item in items[-MOST_MESSAGES:]))
    return (Spoken(turn, "assistant", tuple(parts[-MOST_PARTS:])),) if parts else ()


def _deltas(dialect: Dialect, tail: bytes) -> list[str]:
    """Return the texts of a stream, of which the beginning may be missing."""
    splitter = sse.Splitter()
    found: list[str] = []
    try:
        frames = [*splitter.feed(tail[tail.find(b"\n") + 1 :] if len(tail) == _TAIL else tail), *splitter.finish()]
    except ProtocolError:
        return found
    for frame in frames:
        try:
            value = orjson.loads(frame.data)
        except orjson.JSONDecodeError:
            continue
        if isinstance(value, dict):
            found += _delta(dialect, value)
    return found


def _delta(dialect: Dialect, value: Json) -> list[str]:
    match dialect:
        case Dialect.ANTHROPIC:
            told: list[object] = [_object(value.get("delta")).get("text")]
        case Dialect.OPENAI_CHAT:
            told = [_object(one.get("delta")).get("content") for one in _objects(value.get("choices"))]
        case Dialect.OPENAI_RESPONSES:
            told = [value.get("delta")] if value.get("type") == "response.output_text.delta" else []
        case Dialect.GEMINI:
            contents = [_object(one.get("content")) for one in _objects(value.get("candidates"))]
            told = [part.get("text") for one in contents for part in _objects(one.get("parts"))]
    return [text for text in told if isinstance(text, str)]


def _names(items: Sequence[object]) -> dict[str, str]:
    """Return the names of calls in the last messages by their ids, so that results can name their tools."""
    found: dict[str, str] = {}
    for item in items[-2 * MOST_MESSAGES :]:
        if not isinstance(item, dict):
            continue
        blocks = (
            item,
            *_objects(item.get("content"))[-MOST_PARTS:],
            *_objects(item.get("tool_calls"))[-MOST_PARTS:],
        )
        for block in blocks:
            ident, name = block.get("call_id") or block.get("id"), _call_name(block)
            if isinstance(ident, str) and name:
                found[ident] = name
    return found


def _said(item: object, turn: int, names: Mapping[str, str]) -> Spoken:
    if isinstance(item, str):
        return Spoken(turn, "user", (SpokenPart(PartKind.TEXT, item),))
    if not isinstance(item, dict):
        return Spoken(turn, "unknown", (_other(item),))
    makers = list(_makers(item))
    last = makers[-MOST_PARTS:]
    parts = tuple(part for make, block in last for part in make(block, names))
    return Spoken(turn, _role(item), parts, len(makers) - len(last))


Make = Callable[[object, Mapping[str, str]], Sequence[SpokenPart]]


def _makers(item: Json) -> list[tuple[Make, object]]:
    """Return the parts of a message, and what reads each: nothing is read yet."""
    content = item.get("content", item.get("parts"))
    if "role" not in item and item.get("type") not in (None, "message"):
        return [(_block, item)]
    is_result = item.get("role") in ("tool", "function")
    blocks: list[object]
    if is_result:
        blocks = [{"type": "tool_result", **{key: item.get(key) for key in ("tool_call_id", "name", "content")}}]
    else:
        blocks = content if isinstance(content, list) else [] if content is None else [content]
    thought = [
        {"type": "reasoning", "text": item[key]} for key in ("reasoning_content", "reasoning") if item.get(key)
    ]
    said = [{"type": "refusal", "text": item["refusal"]}] if item.get("refusal") else []
    more = [*_objects(item.get("tool_calls")), *([item["function_call"]] if item.get("function_call") else [])]
    return [(_block, one) for one in (*thought, *blocks, *said, *more)]


def _block(block: object, names: Mapping[str, str]) -> Sequence[SpokenPart]:
    if isinstance(block, str):
        return (SpokenPart(PartKind.TEXT, block),)
    if not isinstance(block, dict):
        return (_other(block),)
    return _gemini(block) or (_typed(block, names),)


def _typed(block: Json, names: Mapping[str, str]) -> SpokenPart:
    said, name = block.get("type"), _call_name(block)
    kind = said if isinstance(said, str) else None
    if kind in _THOUGHTS or block.get("thought") is True:
        return SpokenPart(PartKind.THOUGHT, _thought(block))
    if kind in _TEXTS or (kind is None and isinstance(block.get("text"), str)):
        return SpokenPart(PartKind.TEXT, _text(block.get("text", block.get("refusal"))))
    if kind is not None and kind.endswith(("tool_result", "_output")):
        return _result(block, names)
    if name:
        return SpokenPart(PartKind.CALL, _text(_arguments(block)), name)
    if kind in _MEDIA or block.keys() & _GEMINI_MEDIA:
        return SpokenPart(PartKind.MEDIA, "", (kind or "file")[:_NAME])
    return _other(block)


def _gemini(block: Json) -> Sequence[SpokenPart]:
    """Return what a part of Gemini calls or gives back; a text beside it stays visible."""
    call = _object(block.get("functionCall", block.get("function_call")))
    told = _object(block.get("functionResponse", block.get("function_response")))
    found = []
    if call:
        found.append(SpokenPart(PartKind.CALL, _text(call.get("args")), _text(call.get("name"))[:_NAME]))
    if told:
        found.append(SpokenPart(PartKind.RESULT, _text(told.get("response")), _text(told.get("name"))[:_NAME]))
    if found and block.get("text"):
        found.append(SpokenPart(PartKind.TEXT, _text(block.get("text"))))
    return found


def _result(block: Json, names: Mapping[str, str]) -> SpokenPart:
    ident = next((block[key] for key in ("tool_use_id", "tool_call_id", "call_id") if block.get(key)), "")
    name = block.get("name") or names.get(str(ident), ident)
    told = block.get("content", block.get("output"))
    if isinstance(told, list):
        pieces = [_block(one, {}) for one in told[-MOST_PARTS:]]
        told = "\n".join(part.text or f"[{part.name}]" for piece in pieces for part in piece)
    return SpokenPart(PartKind.RESULT, _text(told), _text(name)[:_NAME])


def _call_name(block: Json) -> str:
    kind = block.get("type")
    inner = _object(block.get("function")) or _object(block.get("custom")) or block
    has_arguments = "arguments" in inner or "input" in inner or (isinstance(kind, str) and kind.endswith("_call"))
    name = inner.get("name") or (kind if isinstance(kind, str) and kind.endswith("_call") else "")
    return name[:_NAME] if has_arguments and isinstance(name, str) else ""


def _arguments(block: Json) -> object:
    inner = _object(block.get("function")) or _object(block.get("custom")) or block
    return next((inner[key] for key in ("arguments", "input", "action") if key in inner), "")


def _thought(block: Json) -> str:
    told = next((block[key] for key in ("thinking", "text", "summary", "content") if block.get(key)), "")
    if isinstance(told, list):
        return "\n".join(_text(_object(one).get("text")) for one in told[-MOST_PARTS:])
    return _text(told)


def _other(value: object) -> SpokenPart:
    return SpokenPart(PartKind.OTHER, _text(value))


def _role(item: Json) -> str:
    role, kind = item.get("role"), item.get("type")
    if not isinstance(role, str):
        if not isinstance(kind, str) or kind == "message":
            return "user" if role is None and "parts" in item else "unknown"
        return "tool" if kind.endswith("_output") else "assistant"
    role = _ROLES.get(role, role)
    return role if role in _KNOWN_ROLES else "unknown"


def _text(value: object) -> str:
    """Return a value as text: JSON for what is none."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    try:
        return orjson.dumps(value).decode("utf-8")
    except (orjson.JSONEncodeError, UnicodeDecodeError):
        return "[unreadable]"


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
