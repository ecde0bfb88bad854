"""Messages of the Messages API, read into turns: content blocks of a conversation, one by one.

Blocks of tools that the provider runs itself, ids of files kept there and types that nobody knows are refused.
"""

from collections.abc import Callable, Iterator, Mapping

import orjson

from firewall.codecs.neutral import fields, ids, marks, media
from firewall.codecs.neutral.form import Call, Document, Image, Part, Result, Role, Text, Thinking, Turn
from firewall.codecs.neutral.losses import Losses, only, untranslatable

Json = Mapping[str, object]

_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM}
_NOTES = ("cache_control", "citations")
_OF_OTHERS = frozenset({"content", "role"})
_OF_SYSTEM = _OF_OTHERS | {"clear_at", "output_config"}
_CHANGES = ("tool_addition", "tool_removal")
"""Blocks of the system that `tools_in` reads."""


def system(value: Json, losses: Losses) -> Iterator[Text]:
    """Yield the texts of the system prompt.

    Raises: ProtocolError as `turns_of`.
    """
    yield from _texts(value, "system", losses, "")


def turns_of(value: Json, losses: Losses) -> Iterator[Turn]:
    """Yield the messages as turns, not yet joined; what was to be shown for a turn that is over is left out.

    Raises: ProtocolError (400) `untranslatable` or `invalid_request`, naming the field.
    """
    messages = list(fields.tables(value, "messages"))
    users = [place for place, (_, message) in enumerate(messages) if message.get("role") == "user"]
    for place, (where, message) in enumerate(messages):
        is_over = bool(users) and place < users[-1]
        if not (is_over and message.get("role") == "system" and message.get("clear_at") == "next_user_message"):
            yield _turn(message, losses, where)


def _turn(message: Json, losses: Losses, where: str) -> Turn:
    role = _ROLES.get(str(message.get("role")))
    if role is None:
        fields.wrong(f"{where}.role", "`user`, `assistant` or `system`")
    only(message, _OF_SYSTEM if role is Role.SYSTEM else _OF_OTHERS, where)
    config = fields.optional_table(message, "output_config", where)
    only(config or {}, frozenset({"effort"}), f"{where}.output_config")
    content = message.get("content")
    if isinstance(content, str):
        return Turn(role, (Text(content),))
    if role is Role.SYSTEM:
        return Turn(role, tuple(_texts(message, "content", losses, where)))
    parts = [
        part for path, block in fields.tables(message, "content", where) for part in _parts(block, losses, path)
    ]
    return Turn(role, tuple(parts))


def _texts(value: Json, key: str, losses: Losses, where: str) -> Iterator[Text]:
    words = value.get(key)
    if isinstance(words, str):
        yield Text(words)
        return
    for path, block in fields.tables(value, key, where):
        if block.get("type") in _CHANGES:
            continue
        if block.get("type") != "text":
            untranslatable(path, "only text is known there")
        yield from _text(block, losses, path)


def _parts(block: Json, losses: Losses, where: str) -> Iterator[Part]:
    reader = _READERS.get(str(block.get("type")))
    if reader is None:
        untranslatable(where, f"the block `{block.get('type')}` is known to its own provider alone")
    yield from reader(block, losses, where)


def _text(block: Json, losses: Losses, where: str) -> Iterator[Text]:
    only(block, frozenset({"cache_control", "citations", "text", "type"}), where)
    losses.add_those(block, ("cache_control",))
    if block.get("citations"):
        losses.add("citations")
    yield Text(fields.text(block, "text", where))


def _image(block: Json, losses: Losses, where: str) -> Iterator[Image]:
    only(block, frozenset({"cache_control", "source", "type"}), where)
    losses.add_those(block, ("cache_control",))
    source = fields.table(block, "source", where)
    match source.get("type"):
        case "base64":
            kind, data = fields.text(source, "media_type", where), fields.text(source, "data", where)
            yield Image(media_type=kind, data=data)
        case "url":
            yield Image(url=fields.text(source, "url", f"{where}.source"))
        case _:
            untranslatable(f"{where}.source", "it is kept at its own provider")


def _document(block: Json, losses: Losses, where: str) -> Iterator[Part]:
    only(block, frozenset({"cache_control", "citations", "context", "source", "title", "type"}), where)
    losses.add_those(block, _NOTES)
    name = fields.optional_text(block, "title", where)
    context = fields.optional_text(block, "context", where)
    if context:
        yield Text(context)
    source = fields.table(block, "source", where)
    within = f"{where}.source"
    match source.get("type"):
        case "base64":
            kind, data = fields.text(source, "media_type", within), fields.text(source, "data", within)
            yield Document(media_type=kind, data=data, name=name)
        case "text":
            yield Document("text/plain", media.packed_text(fields.text(source, "data", within)), name=name)
        case "url":
            yield Document("application/pdf", url=fields.text(source, "url", within), name=name)
        case "content":
            if isinstance(source.get("content"), str):
                yield Text(fields.text(source, "content", within))
            else:
                for path, inner in fields.tables(source, "content", within):
                    yield from _shown(inner, losses, path)
        case _:
            untranslatable(within, "it is kept at its own provider")


def _search_result(block: Json, losses: Losses, where: str) -> Iterator[Part]:
    only(block, frozenset({"cache_control", "citations", "content", "source", "title", "type"}), where)
    losses.add_those(block, _NOTES)
    yield Text(
        f"{fields.optional_text(block, 'title', where)}\n{fields.optional_text(block, 'source', where)}".strip()
    )
    for path, inner in fields.tables(block, "content", where):
        yield from _shown(inner, losses, path)


def _tool_reference(block: Json, losses: Losses, where: str) -> Iterator[Part]:
    """A search over tools found this one; elsewhere all tools are declared from the start."""
    losses.add_those(block, ("cache_control",))
    yield Text(f"The tool `{fields.text(block, 'tool_name', where)}` can be called.")


def _tool_use(block: Json, losses: Losses, where: str) -> Iterator[Part]:
    only(block, frozenset({"cache_control", "caller", "id", "input", "name", "type"}), where)
    losses.add_those(block, ("cache_control",))
    caller = fields.optional_table(block, "caller", where)
    if caller is not None and caller.get("type") != "direct":
        untranslatable(f"{where}.caller", "calls from the provider's sandbox are unknown there")
    arguments = orjson.dumps(fields.table(block, "input", where)).decode()
    yield Call(ids.inward(fields.text(block, "id", where)), fields.text(block, "name", where), arguments)


def _tool_result(block: Json, losses: Losses, where: str) -> Iterator[Part]:
    only(block, frozenset({"cache_control", "content", "is_error", "tool_use_id", "type"}), where)
    losses.add_those(block, ("cache_control",))
    content = block.get("content")
    parts: list[Text | Image | Document] = []
    if isinstance(content, str):
        parts = [Text(content)] if content else []
    else:
        for path, inner in fields.tables(block, "content", where):
            parts += _shown(inner, losses, path)
    identity = ids.inward(fields.text(block, "tool_use_id", where))
    yield Result(identity, tuple(parts), is_error=fields.flag(block, "is_error", where) is True)


def _shown(block: Json, losses: Losses, where: str) -> Iterator[Text | Image | Document]:
    """Read what a tool may show: text, pictures, documents."""
    for part in _parts(block, losses, where):
        if not isinstance(part, Text | Image | Document):
            untranslatable(where, "a tool cannot show that there")
        if part != Text(""):
            yield part


def _thinking(block: Json, losses: Losses, where: str) -> Iterator[Part]:
    del losses
    origin, seal = marks.unmarked(fields.optional_text(block, "signature", where))
    yield Thinking(fields.optional_text(block, "thinking", where), seal, origin)


def _redacted(block: Json, losses: Losses, where: str) -> Iterator[Part]:
    del losses
    origin, seal = marks.unmarked(fields.optional_text(block, "data", where))
    yield Thinking("", seal, origin)


_READERS: Mapping[str, Callable[[Json, Losses, str], Iterator[Part]]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "tool_reference": _tool_reference,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
}
