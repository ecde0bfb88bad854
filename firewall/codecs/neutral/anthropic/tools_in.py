"""Tools of a request of the Messages API: those that it declares, and what its messages change of them.

A message of the system may offer a tool more, by its definition, or withdraw one. Only the answer that comes next
matters to a provider that knows no such changes, so what counts is what is offered by then. Tools that wait to be
found (`defer_loading`) are offered from the start: elsewhere there is no search that could find them.
"""

from collections.abc import Iterator, Mapping

import orjson

from firewall.codecs.anthropic import tables
from firewall.codecs.neutral import fields
from firewall.codecs.neutral.form import Tool
from firewall.codecs.neutral.losses import Losses, only, untranslatable

Json = Mapping[str, object]

_TOOL = frozenset({
    "allowed_callers", "cache_control", "defer_loading", "description", "eager_input_streaming", "input_examples",
    "input_schema", "name", "strict", "type",
})  # fmt: skip
_TOOL_ADVISORY = ("cache_control", "defer_loading", "eager_input_streaming")


def tools_of(value: Json, losses: Losses) -> tuple[Tool, ...]:
    """Return the tools that are offered for the next answer.

    Raises: ProtocolError (400) `untranslatable` or `invalid_request`, naming the field.
    """
    offered = {tool.name: tool for tool in _declared(value, losses)}
    for where, block in _changes(value):
        tool, within = fields.table(block, "tool", where), f"{where}.tool"
        type_ = tool.get("type")
        if type_ == "tool_definition" and block["type"] == "tool_addition":
            added = _tool(fields.table(tool, "definition", within), losses, f"{within}.definition")
            offered[added.name] = added
        elif type_ != "tool_reference":
            untranslatable(within, "its own provider alone knows what it names")
        elif block["type"] == "tool_removal":
            offered.pop(fields.text(tool, "name", within), None)
    return tuple(offered.values())


def _declared(value: Json, losses: Losses) -> Iterator[Tool]:
    for where, tool in fields.tables(value, "tools"):
        yield _tool(tool, losses, where)


def _changes(value: Json) -> Iterator[tuple[str, Json]]:
    for where, message in fields.tables(value, "messages"):
        if message.get("role") == "system" and isinstance(message.get("content"), list):
            for path, block in fields.tables(message, "content", where):
                if block.get("type") in ("tool_addition", "tool_removal"):
                    yield path, block


def _tool(tool: Json, losses: Losses, where: str) -> Tool:
    type_ = tool.get("type")
    if isinstance(type_, str) and tables.is_hosted_tool(type_):
        untranslatable(where, f"`{type_}` is run by the provider itself")
    if type_ not in (None, "custom"):
        untranslatable(where, f"only its own provider knows the tool `{type_}`")
    only(tool, _TOOL, where)
    callers = fields.texts(tool, "allowed_callers", where)
    if callers and "direct" not in callers:
        untranslatable(f"{where}.allowed_callers", "calls from the provider's sandbox are unknown there")
    losses.add_those(tool, _TOOL_ADVISORY)
    schema = fields.optional_table(tool, "input_schema", where)
    return Tool(
        name=fields.text(tool, "name", where),
        description=_described(tool, where),
        schema=schema,
        strict=fields.flag(tool, "strict", where),
    )


def _described(tool: Json, where: str) -> str:
    """Return the description; examples have no place of their own elsewhere and are told in it."""
    said = fields.optional_text(tool, "description", where)
    examples = [orjson.dumps(one).decode() for _, one in fields.tables(tool, "input_examples", where)]
    return "\n".join((said, "Examples of arguments:", *examples)).lstrip() if examples else said
