"""Messages of Chat Completions, read into turns: parts of their content, calls and results, one by one.

What an assistant's message carries of reasoning is nobody's by the time it comes back: it is listed as lost.
"""

from collections.abc import Iterator, Mapping

from firewall.codecs.neutral import fields, ids, media
from firewall.codecs.neutral.form import Audio, Call, Document, Image, Part, Result, Role, Text, Turn
from firewall.codecs.neutral.losses import Losses, only, untranslatable
from firewall.codecs.openai_chat.tables import REASONING
from firewall.core.call import CallForm

Json = Mapping[str, object]

_SYSTEM = ("developer", "system")
_NOTES = ("annotations", "cache_control", "name", "provider_specific_fields")
_USER = frozenset({"cache_control", "content", "name", "role"})
_ASSISTANT = frozenset({"content", "refusal", "role", "tool_calls"}).union(_NOTES, REASONING)
_TOOL = frozenset({"cache_control", "content", "name", "role", "tool_call_id"})
_PART_NOTES = ("cache_control", "prompt_cache_breakpoint")
_CALL = frozenset({"custom", "extra_content", "function", "id", "index", "provider_specific_fields", "type"})


def conversation(value: Json, losses: Losses) -> tuple[tuple[str, ...], list[Turn]]:
    """Return the instructions from the beginning, and the turns behind them, not yet joined.

    Raises: ProtocolError (400) `untranslatable` or `invalid_request`, naming the field.
    """
    system: list[str] = []
    turns: list[Turn] = []
    for where, message in fields.tables(value, "messages"):
        role = message.get("role")
        if role in _SYSTEM and not turns:
            system += [text.text for text in _instructions(message, losses, where) if text.text]
        else:
            turns.append(_turn(message, losses, where))
    return tuple(system), turns


def _turn(message: Json, losses: Losses, where: str) -> Turn:
    role = message.get("role")
    if role == "user":
        only(message, _USER, where)
        losses.add_those(message, _NOTES)
        return Turn(Role.USER, tuple(_content(message, losses, where)))
    if role == "assistant":
        return Turn(Role.ASSISTANT, tuple(_assistant(message, losses, where)))
    if role == "tool":
        return Turn(Role.USER, (_result(message, losses, where),))
    if role == "function":
        untranslatable(where, "state it as a message of the role `tool`")
    if role not in _SYSTEM:
        fields.wrong(f"{where}.role", "`system`, `developer`, `user`, `assistant` or `tool`")
    return Turn(Role.SYSTEM, tuple(_instructions(message, losses, where)))


def _instructions(message: Json, losses: Losses, where: str) -> Iterator[Text]:
    only(message, _USER, where)
    losses.add_those(message, _NOTES)
    for part in _content(message, losses, where):
        if not isinstance(part, Text):
            untranslatable(f"{where}.content", "instructions are text there")
        yield part


def _assistant(message: Json, losses: Losses, where: str) -> Iterator[Part]:
    if message.get("audio") is not None:
        untranslatable(f"{where}.audio", "it is kept at its own provider")
    if message.get("function_call") is not None:
        untranslatable(f"{where}.function_call", "state it as one of `tool_calls`")
    only(message, _ASSISTANT.union({"audio", "function_call"}), where)
    for name in sorted(REASONING):
        if message.get(name):
            losses.add(name)
    if message.get("annotations"):
        losses.add("annotations")
    yield from _content(message, losses, where)
    refusal = fields.optional_text(message, "refusal", where)
    if refusal:
        yield Text(refusal)
    for path, call in fields.tables(message, "tool_calls", where):
        yield _call(call, path)


def _call(call: Json, where: str) -> Call:
    only(call, _CALL, where)
    identity = ids.inward(fields.text(call, "id", where))
    if call.get("custom") is not None:
        custom = fields.table(call, "custom", where)
        name, told = (
            fields.text(custom, "name", f"{where}.custom"),
            fields.text(custom, "input", f"{where}.custom"),
        )
        return Call(identity, name, told, CallForm.TEXT)
    function, within = fields.table(call, "function", where), f"{where}.function"
    arguments = fields.optional_text(function, "arguments", within)
    return Call(identity, fields.text(function, "name", within), arguments if arguments.strip() else "{}")


def _result(message: Json, losses: Losses, where: str) -> Result:
    only(message, _TOOL, where)
    losses.add_those(message, ("cache_control",))
    parts: list[Text | Image | Document] = []
    for part in _content(message, losses, where):
        if not isinstance(part, Text | Image | Document):
            untranslatable(f"{where}.content", "a tool cannot show that there")
        if part != Text(""):
            parts.append(part)
    return Result(
        ids.inward(fields.text(message, "tool_call_id", where)),
        tuple(parts),
        name=fields.optional_text(message, "name", where),
    )


def _content(message: Json, losses: Losses, where: str) -> Iterator[Part]:
    content = message.get("content")
    if isinstance(content, str):
        yield Text(content)
        return
    for path, part in fields.tables(message, "content", where):
        losses.add_those(part, _PART_NOTES)
        yield _part(part, path)


def _part(part: Json, where: str) -> Part:
    type_ = part.get("type")
    if type_ in ("refusal", "text"):
        return Text(fields.text(part, str(type_), where))
    if type_ == "image_url":
        return _image(fields.table(part, "image_url", where), f"{where}.image_url")
    if type_ == "file":
        return _file(fields.table(part, "file", where), f"{where}.file")
    if type_ != "input_audio":
        untranslatable(where, f"the part `{type_}` is unknown there")
    sound, within = fields.table(part, "input_audio", where), f"{where}.input_audio"
    return Audio(f"audio/{fields.text(sound, 'format', within)}", fields.text(sound, "data", within))


def _image(image: Json, where: str) -> Image:
    url, detail = fields.text(image, "url", where), fields.optional_text(image, "detail", where)
    by_value = media.parse_data_url(url)
    if by_value is not None:
        return Image(media_type=by_value[0], data=by_value[1], detail=detail)
    if not url.startswith(("http://", "https://")):
        fields.wrong(f"{where}.url", "an http or https address, or a `data:` address in base64")
    return Image(url=url, detail=detail)


def _file(file: Json, where: str) -> Document:
    if file.get("file_id") is not None:
        untranslatable(f"{where}.file_id", "it is kept at its own provider")
    by_value = media.parse_data_url(fields.text(file, "file_data", where))
    if by_value is None:
        fields.wrong(f"{where}.file_data", "a `data:` address in base64")
    return Document(by_value[0], by_value[1], name=fields.optional_text(file, "filename", where))
