"""Turns, written as messages of the Messages API."""

from collections.abc import Iterator

import orjson

from firewall.codecs.neutral import ids, media, names
from firewall.codecs.neutral.anthropic.models import Facts
from firewall.codecs.neutral.form import (
    Audio,
    Call,
    Document,
    Image,
    Part,
    Request,
    Result,
    Role,
    Text,
    Thinking,
    Turn,
)
from firewall.codecs.neutral.interface import There
from firewall.codecs.neutral.losses import Losses, untranslatable

JsonObject = dict[str, object]

_LONGEST_NAME = 128
_ROLES = {Role.USER: "user", Role.ASSISTANT: "assistant"}
OPENING = "(The conversation begins with an earlier answer.)"
"""Stands where an answer comes first: this dialect wants a user to begin."""
GO_ON = "Continue."
"""Stands where an answer comes last: elsewhere that asks for the next one, here for the rest of the same."""
UNPARSED = "unparsed_arguments"
"""Holds the arguments of a call of the history that are no JSON object: there is no other place for them here."""


def conversation(
    request: Request, there: There, facts: Facts, losses: Losses
) -> tuple[tuple[str, ...], list[JsonObject]]:
    """Return the system prompt and the messages.

    Raises: ProtocolError (400) `untranslatable`.
    """
    messages = _Messages()
    turns = request.turns
    for index, turn in enumerate(turns):
        if turn.role is Role.SYSTEM:
            _instruct(messages, turn, is_last_word=_ends(turns, index), facts=facts)
            continue
        blocks = [block for part in _thoughts_first(turn, there) for block in _blocks(part, there, losses)]
        if blocks:
            messages.add(_ROLES[turn.role], blocks)
    if messages.all and messages.all[0]["role"] == "assistant":
        messages.all.insert(0, {"role": "user", "content": [_text(OPENING)]})
    if messages.all and messages.all[-1]["role"] == "assistant" and not _waits(turns):
        messages.add("user", [_text(GO_ON)])
    return request.system, messages.all


class _Messages:
    """Messages as they grow: neighbours of one role are one."""

    def __init__(self) -> None:
        self.all: list[JsonObject] = []

    def add(self, role: str, blocks: list[JsonObject]) -> None:
        """Take blocks of a role."""
        last = self.all[-1] if self.all else None
        if last is not None and last["role"] == role and role != "system":
            content = last["content"]
            if isinstance(content, list):
                content.extend(blocks)
        else:
            self.all.append({"role": role, "content": blocks})

    @property
    def last_role(self) -> str:
        """Who spoke last."""
        return str(self.all[-1]["role"]) if self.all else ""


def _instruct(messages: _Messages, turn: Turn, *, is_last_word: bool, facts: Facts) -> None:
    """Place instructions from the middle: as such where model and place allow it, else as words of the user."""
    words = [_text(part.text) for part in turn.parts if isinstance(part, Text)]
    if facts.hears_midway and is_last_word and messages.last_role == "user":
        messages.add("system", words)
    else:
        messages.add("user", words)


def _ends(turns: tuple[Turn, ...], index: int) -> bool:
    """Tell whether an answer, or nothing, follows."""
    return index + 1 == len(turns) or turns[index + 1].role is Role.ASSISTANT


def _waits(turns: tuple[Turn, ...]) -> bool:
    """Tell whether the last turn has a call that nobody has answered: the provider shall say so itself."""
    return any(isinstance(part, Call) for part in turns[-1].parts)


def _blocks(part: Part, there: There, losses: Losses) -> Iterator[JsonObject]:
    match part:
        case Text():
            yield _text(part.text)
        case Image():
            yield {"type": "image", "source": _source(part)}
        case Document():
            yield _document(part)
        case Audio():
            untranslatable("audio", "this provider hears no sound")
        case Call():
            yield _call(part)
        case Result():
            yield _result(part)
        case Thinking():
            if is_own(part, there):
                yield _thinking(part)
            else:
                losses.add("thinking")


def is_own(thought: Thinking, there: There) -> bool:
    """Tell whether a thought may go to a provider: it made it, and sealed it."""
    return bool(there.provider and thought.seal) and thought.origin == there.provider


def _thoughts_first(turn: Turn, there: There) -> tuple[Part, ...]:
    """Return the parts with a thought of the provider in front, where it put it: others place it later."""
    parts = turn.parts
    first = next((part for part in parts if isinstance(part, Thinking) and is_own(part, there)), None)
    if first is None or first is parts[0]:
        return parts
    return (first, *(part for part in parts if part is not first))


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text}


def _source(image: Image) -> JsonObject:
    if image.url:
        return {"type": "url", "url": image.url}
    return {"type": "base64", "media_type": image.media_type, "data": image.data}


def _document(document: Document) -> JsonObject:
    written: JsonObject = {"type": "document"}
    if document.url:
        written["source"] = {"type": "url", "url": document.url}
    elif document.media_type == "application/pdf":
        written["source"] = {"type": "base64", "media_type": document.media_type, "data": document.data}
    else:
        words = media.plain_text(document.data) if media.is_text(document.media_type) else None
        if words is None:
            untranslatable("a document", f"this provider reads no `{document.media_type}`")
        written["source"] = {"type": "text", "media_type": "text/plain", "data": words}
    if document.name:
        written["title"] = document.name
    return written


def _call(call: Call) -> JsonObject:
    return {
        "type": "tool_use",
        "id": ids.outward(call.id, ids.ANTHROPIC),
        "name": names.fitted(call.name, namespace=call.namespace, longest=_LONGEST_NAME),
        "input": _arguments(call.arguments),
    }


def _arguments(text: str) -> JsonObject:
    if not text.strip():
        return {}
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = None
    return value if isinstance(value, dict) else {UNPARSED: text}


def _result(result: Result) -> JsonObject:
    written: JsonObject = {"type": "tool_result", "tool_use_id": ids.outward(result.call_id, ids.ANTHROPIC)}
    shown = [_shown(part) for part in result.parts if part != Text("")]
    if shown:
        written["content"] = shown
    if result.is_error:
        written["is_error"] = True
    return written


def _shown(part: Text | Image | Document) -> JsonObject:
    match part:
        case Text():
            return _text(part.text)
        case Image():
            return {"type": "image", "source": _source(part)}
        case Document():
            return _document(part)


def _thinking(part: Thinking) -> JsonObject:
    if not part.text:
        return {"type": "redacted_thinking", "data": part.seal}
    return {"type": "thinking", "thinking": part.text, "signature": part.seal}
