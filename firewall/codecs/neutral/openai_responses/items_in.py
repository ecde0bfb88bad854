"""The input of a Responses request, read into turns: messages, calls, their results, reasoning, declared tools."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import orjson

from firewall.codecs.neutral import fields, ids, marks, media
from firewall.codecs.neutral.form import (
    Call,
    Document,
    Image,
    Result,
    Role,
    Text,
    Thinking,
    Tool,
    Turn,
)
from firewall.codecs.neutral.losses import Losses, only, untranslatable
from firewall.codecs.neutral.openai_responses import tools_in
from firewall.core.call import CallForm

Json = Mapping[str, object]
Shown = Text | Image | Document

_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "developer": Role.SYSTEM, "system": Role.SYSTEM}
_SEARCHED = ("web_search_call",)
"""Searches that the provider made: their results stand in no item, so leaving them out loses a line of history."""
_MADE = frozenset({
    "arguments", "call_id", "created_by", "execution", "id", "input", "name", "namespace", "output", "status",
    "tools", "type",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Said:
    """What the input holds."""

    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...]
    """Declared within it."""


def conversation(value: Json, losses: Losses) -> Said:
    """Read the input.

    Raises: ProtocolError (400) `untranslatable` or `invalid_request`, naming the item.
    """
    given = value.get("input")
    if isinstance(given, str):
        return Said((Turn(Role.USER, (Text(given),)),), ())
    turns: list[Turn] = []
    tools: list[Tool] = []
    for where, item in fields.tables(value, "input"):
        kind = item.get("type", "message" if "role" in item else "item_reference")
        if kind in ("additional_tools", "tool_search_output"):
            tools += tools_in.declared(item, losses, where=where)
        if kind in _SEARCHED:
            losses.add(f"input.{kind}")
        elif kind != "additional_tools":
            reader = _READERS.get(kind) if isinstance(kind, str) else None
            if reader is None:
                untranslatable(where, f"the item `{kind}` is known to its own provider alone")
            turns.append(reader(item, losses, where))
    return Said(tuple(turns), tuple(tools))


def _message(item: Json, losses: Losses, where: str) -> Turn:
    only(item, frozenset({"content", "id", "phase", "role", "status", "type"}), where)
    losses.add_those({"input.phase": item.get("phase")}, ("input.phase",))
    role = _ROLES.get(str(item.get("role")))
    if role is None:
        fields.wrong(f"{where}.role", "`user`, `assistant`, `system` or `developer`")
    return Turn(role, tuple(_content(item, "content", losses, where)))


def _content(holder: Json, key: str, losses: Losses, where: str) -> Iterator[Shown]:
    content = holder.get(key)
    if isinstance(content, str):
        yield Text(content)
        return
    for path, part in fields.tables(holder, key, where):
        match part.get("type"):
            case "input_text" | "output_text" | "text" | "summary_text" | "reasoning_text":
                if part.get("annotations"):
                    losses.add("input.annotations")
                yield Text(fields.text(part, "text", path))
            case "refusal":
                yield Text(fields.text(part, "refusal", path))
            case "input_image":
                yield _image(part, path)
            case "input_file":
                yield _file(part, path)
            case kind:
                untranslatable(path, f"the content `{kind}` is known to its own provider alone")


def _image(part: Json, where: str) -> Image:
    only(part, frozenset({"detail", "image_url", "prompt_cache_breakpoint", "type"}), where)
    url, detail = fields.text(part, "image_url", where), fields.optional_text(part, "detail", where)
    inline = media.parse_data_url(url)
    if inline is not None:
        return Image(media_type=inline[0], data=inline[1], detail=detail)
    _must_be_web(url, f"{where}.image_url")
    return Image(url=url, detail=detail)


def _file(part: Json, where: str) -> Document:
    only(part, frozenset({"detail", "file_data", "file_url", "filename", "type"}), where)
    name = fields.optional_text(part, "filename", where)
    url = fields.optional_text(part, "file_url", where)
    if url:
        _must_be_web(url, f"{where}.file_url")
        return Document("application/pdf", url=url, name=name)
    data = fields.text(part, "file_data", where)
    inline = media.parse_data_url(data)
    kind, packed = inline if inline is not None else ("application/pdf", data)
    return Document(kind, data=packed, name=name)


def _must_be_web(url: str, where: str) -> None:
    if not url.startswith(("https://", "http://")):
        untranslatable(where, "only data and web addresses can be carried")


def _reasoning(item: Json, losses: Losses, where: str) -> Turn:
    sealed = fields.optional_text(item, "encrypted_content", where)
    origin, seal = marks.unmarked(sealed)
    words = [
        part.text
        for key in ("summary", "content")
        for part in _content(item, key, losses, where)
        if isinstance(part, Text)
    ]
    return Turn(Role.ASSISTANT, (Thinking("\n\n".join(words), seal, origin),))


def _call(item: Json, losses: Losses, where: str) -> Turn:
    del losses
    only(item, _MADE, where)
    is_custom = item.get("type") == "custom_tool_call"
    space = fields.optional_text(item, "namespace", where)
    call = Call(
        _identity(item, where),
        fields.text(item, "name", where),
        fields.text(item, "input" if is_custom else "arguments", where),
        form=CallForm.TEXT if is_custom else CallForm.JSON,
        namespace=space,
    )
    return Turn(Role.ASSISTANT, (call,))


def _output(item: Json, losses: Losses, where: str) -> Turn:
    only(item, _MADE, where)
    form = CallForm.TEXT if item.get("type") == "custom_tool_call_output" else CallForm.JSON
    parts = tuple(part for part in _content(item, "output", losses, where) if part != Text(""))
    is_error = item.get("status") == "incomplete"
    return Turn(Role.USER, (Result(_identity(item, where), parts, is_error=is_error, form=form),))


def _search(item: Json, losses: Losses, where: str) -> Turn:
    del losses
    only(item, _MADE, where)
    if item.get("execution") == "server":
        untranslatable(where, "the provider made this search itself")
    given = item.get("arguments")
    arguments = given if isinstance(given, str) else orjson.dumps(given if given is not None else {}).decode()
    return Turn(Role.ASSISTANT, (Call(_identity(item, where), tools_in.SEARCH, arguments),))


def _searched(item: Json, losses: Losses, where: str) -> Turn:
    only(item, _MADE, where)
    tools = tools_in.declared(item, losses, where=where)
    names = [f"{tool.namespace}__{tool.name}" if tool.namespace else tool.name for tool in tools]
    said = f"These tools can be called now: {', '.join(names)}" if names else "No tool was found."
    return Turn(Role.USER, (Result(_identity(item, where), (Text(said),)),))


def _identity(item: Json, where: str) -> str:
    found = fields.text(item, "call_id", where)
    if not found:
        fields.wrong(f"{where}.call_id", "a call's id")
    return ids.inward(found)


_READERS: Mapping[str, Callable[[Json, Losses, str], Turn]] = {
    "message": _message,
    "reasoning": _reasoning,
    "function_call": _call,
    "custom_tool_call": _call,
    "function_call_output": _output,
    "custom_tool_call_output": _output,
    "tool_search_call": _search,
    "tool_search_output": _searched,
}
