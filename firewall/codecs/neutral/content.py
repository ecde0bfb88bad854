"""What was asked and answered, as the GenAI conventions write messages: JSON for a trace, where that is wanted.

Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ (`gen_ai.input.messages`,
`gen_ai.output.messages`, 1.44.0). Pictures and files are named by kind, never carried.
"""

from collections.abc import Callable, Iterable, Mapping

import orjson

from firewall.codecs.neutral.events import Refusal
from firewall.codecs.neutral.form import Call, Part, Result, Text, Thinking
from firewall.codecs.neutral.losses import Losses
from firewall.codecs.neutral.registry import reader
from firewall.core.dialect import Dialect
from firewall.core.errors import ProtocolError

Hide = Callable[[str], str]
"""Takes out what nobody may read."""
MOST_CHARS = 64 << 10
"""Of one attribute; of a longer conversation the newest messages are kept."""
_Json = dict[str, object]


def input_messages(value: Mapping[str, object], dialect: Dialect, path: str, hide: Hide) -> str:
    """Return the messages of a request, oldest first; empty for one that cannot be read."""
    try:
        request = reader(dialect).read_request(value, Losses(), path=path)
    except ProtocolError:
        return ""
    messages: list[_Json] = [_message("system", [Text(text)], hide) for text in request.system]
    messages += [_message(turn.role.value, turn.parts, hide) for turn in request.turns]
    return _written(messages)


def output_messages(answer: bytes, dialect: Dialect, hide: Hide) -> str:
    """Return the message of a whole answer; empty for what is none."""
    try:
        found = reader(dialect).read_answer(answer, seed="")
    except ProtocolError:
        return ""
    return _written([_message("assistant", found.parts, hide) | {"finish_reason": found.stop.value}])


def _message(role: str, parts: Iterable[Part | Refusal], hide: Hide) -> _Json:
    return {"role": role, "parts": [_part(part, hide) for part in parts]}


def _part(part: Part | Refusal, hide: Hide) -> _Json:
    match part:
        case Text() | Refusal():
            return {"type": "text", "content": hide(part.text)}
        case Thinking():
            return {"type": "reasoning", "content": hide(part.text)}
        case Call():
            return {"type": "tool_call", "id": part.id, "name": part.name, "arguments": hide(part.arguments)}
        case Result():
            texts = [hide(one.text) if isinstance(one, Text) else f"({_kind(one)})" for one in part.parts]
            return {"type": "tool_call_response", "id": part.call_id, "response": "\n".join(texts)}
        case _:
            return {"type": _kind(part)}


def _kind(part: object) -> str:
    return type(part).__name__.lower()


def _written(messages: list[_Json]) -> str:
    """Write as many of the newest messages as fit."""
    kept: list[bytes] = []
    left = MOST_CHARS
    for message in reversed(messages):
        text = orjson.dumps(message)
        left -= len(text) + 1
        if left < 0:
            break
        kept.append(text)
    return f"[{b','.join(reversed(kept)).decode()}]" if kept else ""
