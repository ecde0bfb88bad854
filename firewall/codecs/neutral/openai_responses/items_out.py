"""Turns, written as items of the Responses API; the same for a request's history and, in part, for an answer."""

from collections.abc import Iterable, Iterator

from firewall.codecs.neutral import ids, media, names
from firewall.codecs.neutral.form import (
    Audio,
    Call,
    Document,
    Image,
    Part,
    Result,
    Role,
    Text,
    Thinking,
    Turn,
)
from firewall.codecs.neutral.interface import There
from firewall.codecs.neutral.losses import Losses, untranslatable
from firewall.codecs.neutral.openai_responses.seals import unsealed
from firewall.core.call import CallForm

JsonObject = dict[str, object]

FAILED = "Error: "
"""Says in words what this dialect has no flag for."""
_ROLES = {Role.USER: "user", Role.ASSISTANT: "assistant", Role.SYSTEM: "developer"}


def items(turns: Iterable[Turn], there: There, losses: Losses) -> list[JsonObject]:
    """Return the items of a conversation.

    Raises: ProtocolError (400) `untranslatable`.
    """
    found: list[JsonObject] = []
    for place, turn in enumerate(turns):
        found += _turn(turn, there, losses, f"messages.{place}")
    return found


def _turn(turn: Turn, there: There, losses: Losses, where: str) -> Iterator[JsonObject]:
    said: list[JsonObject] = []
    for place, part in enumerate(turn.parts):
        path = f"{where}.content.{place}"
        if isinstance(part, Text | Image | Document | Audio):
            said.append(_content(part, path, is_answer=turn.role is Role.ASSISTANT))
            continue
        if said:
            yield _message(turn.role, said)
            said = []
        yield from _item(part, there, losses, path)
    if said:
        yield _message(turn.role, said)


def _message(role: Role, content: list[JsonObject]) -> JsonObject:
    return {"type": "message", "role": _ROLES[role], "content": content}


def _item(part: Part, there: There, losses: Losses, where: str) -> Iterator[JsonObject]:
    match part:
        case Call():
            yield _call(part)
        case Result():
            yield _result(part, where)
        case Thinking() if there.provider and part.origin == there.provider and part.seal:
            identity, sealed = unsealed(part.seal)
            summary = [{"type": "summary_text", "text": part.text}] if part.text else []
            yield {"type": "reasoning", "id": identity, "summary": summary, "encrypted_content": sealed}
        case Thinking():
            losses.add("thinking")
        case _:
            untranslatable(where, "it has no place there")


def _call(call: Call) -> JsonObject:
    is_text = call.form is CallForm.TEXT
    return {
        "type": "custom_tool_call" if is_text else "function_call",
        "call_id": ids.outward(call.id, ids.OPENAI_RESPONSES),
        "name": names.fitted(call.name, namespace=call.namespace),
        "input" if is_text else "arguments": call.arguments,
    }


def _result(result: Result, where: str) -> JsonObject:
    failed = FAILED if result.is_error else ""
    output: object
    if all(isinstance(part, Text) for part in result.parts):
        output = failed + "\n".join(part.text for part in result.parts if isinstance(part, Text))
    else:
        parts = (Text(failed), *result.parts) if failed else result.parts
        output = [_content(part, f"{where}.content.{place}") for place, part in enumerate(parts)]
    return {
        "type": "custom_tool_call_output" if result.form is CallForm.TEXT else "function_call_output",
        "call_id": ids.outward(result.call_id, ids.OPENAI_RESPONSES),
        "output": output,
    }


def _content(part: Part, where: str, *, is_answer: bool = False) -> JsonObject:
    match part:
        case Text():
            return {"type": "output_text" if is_answer else "input_text", "text": part.text}
        case Image() if not is_answer:
            url = part.url or media.data_url(part.media_type, part.data)
            return {"type": "input_image", "image_url": url, "detail": part.detail or "auto"}
        case Document() if not is_answer:
            return _document(part)
    return untranslatable(where, "this provider takes no such content there")


def _document(document: Document) -> JsonObject:
    if document.url:
        return {"type": "input_file", "file_url": document.url}
    ending = "txt" if media.is_text(document.media_type) else document.media_type.rpartition("/")[2] or "pdf"
    return {
        "type": "input_file",
        "filename": document.name or f"document.{ending}",
        "file_data": media.data_url(document.media_type or "application/pdf", document.data),
    }
