"""Turns, written as messages of Chat Completions.

What a tool shows beside text follows its results as a message of the user: this dialect's results are text.
Thoughts go back to the very server that they are from, which may demand them while calls are being made (DeepSeek
does); OpenAI's own models keep theirs to themselves and know no such member.
"""

from firewall.codecs.neutral import ids, media, names
from firewall.codecs.neutral.form import (
    Audio,
    Call,
    Document,
    Image,
    Request,
    Result,
    Role,
    Text,
    Thinking,
    Turn,
)
from firewall.codecs.neutral.interface import There
from firewall.codecs.neutral.losses import Losses, refuse_begun, untranslatable
from firewall.codecs.neutral.openai_chat.models import facts_of
from firewall.core.call import CallForm

JsonObject = dict[str, object]

_SHOWN_BELOW = "(What the tool shows follows in the next message.)"
_SHOWN = "What the tool `{name}` shows:"
_FAILED = "Error: "


def messages(request: Request, there: There, losses: Losses) -> list[JsonObject]:
    """Return the messages.

    Raises: ProtocolError (400) `untranslatable`.
    """
    out: list[JsonObject] = []
    if request.system:
        out.append({"role": "system", "content": "\n\n".join(request.system)})
    for turn in request.turns:
        match turn.role:
            case Role.USER:
                out += _user(turn, request)
            case Role.ASSISTANT:
                out += _assistant(turn, there, losses)
            case Role.SYSTEM:
                words = [part.text for part in turn.parts if isinstance(part, Text)]
                out.append({"role": "system", "content": "\n\n".join(words)})
    if request.is_begun:
        refuse_begun()
    return out


def _user(turn: Turn, request: Request) -> list[JsonObject]:
    out: list[JsonObject] = []
    shown: list[JsonObject] = []
    said: list[JsonObject] = []
    for part in turn.parts:
        if isinstance(part, Result):
            out.append(_result(part, request, shown))
        elif isinstance(part, Text | Image | Document | Audio):
            said.append(_content(part))
        else:
            untranslatable(type(part).__name__.lower(), "a user cannot say that there")
    if shown or said:
        out.append({"role": "user", "content": _joined([*shown, *said])})
    return out


def _result(result: Result, request: Request, shown: list[JsonObject]) -> JsonObject:
    words = [part.text for part in result.parts if isinstance(part, Text)]
    others = [_content(part) for part in result.parts if not isinstance(part, Text)]
    if others:
        name = result.name or request.tool_of(result.call_id) or result.call_id
        shown += [{"type": "text", "text": _SHOWN.format(name=name)}, *others]
        words.append(_SHOWN_BELOW)
    text = "\n\n".join(words)
    return {
        "role": "tool",
        "tool_call_id": ids.outward(result.call_id, ids.OPENAI_CHAT),
        "content": _FAILED + text if result.is_error else text,
    }


def _assistant(turn: Turn, there: There, losses: Losses) -> list[JsonObject]:
    words: list[str] = []
    calls: list[JsonObject] = []
    thoughts: list[str] = []
    for part in turn.parts:
        match part:
            case Text():
                words.append(part.text)
            case Call():
                calls.append(_call(part))
            case Thinking():
                if part.text and part.origin == there.provider != "" and not facts_of(there.model).is_openai:
                    thoughts.append(part.text)
                else:
                    losses.add("thinking")
            case Image() | Document() | Audio() | Result():
                untranslatable(type(part).__name__.lower(), "an answer holds text and calls there")
    if not words and not calls:
        return []
    message: JsonObject = {"role": "assistant", "content": "\n\n".join(words) if words else None}
    if thoughts:
        message["reasoning_content"] = "\n\n".join(thoughts)
    if calls:
        message["tool_calls"] = calls
    return [message]


def _call(call: Call) -> JsonObject:
    identity = ids.outward(call.id, ids.OPENAI_CHAT)
    name = names.fitted(call.name, namespace=call.namespace)
    if call.form is CallForm.TEXT:
        return {"id": identity, "type": "custom", "custom": {"name": name, "input": call.arguments}}
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": call.arguments}}


def _content(part: Text | Image | Document | Audio) -> JsonObject:
    match part:
        case Text():
            return {"type": "text", "text": part.text}
        case Image():
            image: JsonObject = {"url": part.url or media.data_url(part.media_type, part.data)}
            if part.detail:
                image["detail"] = part.detail
            return {"type": "image_url", "image_url": image}
        case Document():
            return _document(part)
        case Audio():
            sound = {"data": part.data, "format": part.media_type.removeprefix("audio/")}
            return {"type": "input_audio", "input_audio": sound}


def _document(document: Document) -> JsonObject:
    if document.url:
        untranslatable("a document by its address", "this provider fetches none; send it by value")
    if media.is_text(document.media_type):
        words = media.plain_text(document.data)
        if words is None:
            untranslatable("a document", "its text is not in UTF-8")
        return {"type": "text", "text": f"{document.name}\n\n{words}" if document.name else words}
    name = document.name or f"document.{document.media_type.rpartition('/')[2] or 'bin'}"
    file = {"filename": name, "file_data": media.data_url(document.media_type, document.data)}
    return {"type": "file", "file": file}


def _joined(parts: list[JsonObject]) -> object:
    """Return text as a plain string, which every compatible server reads, and a list only where there is more."""
    if all(part["type"] == "text" for part in parts):
        return "\n\n".join(str(part["text"]) for part in parts)
    return parts
