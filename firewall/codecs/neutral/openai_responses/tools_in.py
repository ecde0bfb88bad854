"""Tools as the Responses API declares them, read into the neutral form.

Tools that the provider runs itself are refused, but a search of the web beside tools that the client runs: agents
declare it with every request (Codex does), and their loop needs it for nothing. It is listed as lost.
"""

from collections.abc import Iterable, Iterator, Mapping

from firewall.codecs.neutral import fields
from firewall.codecs.neutral.form import Choosing, Tool, ToolChoice
from firewall.codecs.neutral.losses import Losses, only, untranslatable
from firewall.codecs.openai_responses import tables
from firewall.core.call import CallForm

Json = Mapping[str, object]

SEARCH = "tool_search"
_TOOL = frozenset({
    "allowed_callers", "async", "defer_loading", "description", "format", "name", "output_schema", "parameters",
    "strict", "type",
})  # fmt: skip
_ADVISORY = ("defer_loading", "output_schema")
_SEARCHING = frozenset({"description", "execution", "parameters", "type"})
_WEB = "web_search"
_MAX_DEPTH = 4


def declared(
    holder: Json, losses: Losses, *, where: str = "", choice: ToolChoice | None = None
) -> tuple[Tool, ...]:
    """Return the tools of a request, or of an item that declares some.

    Raises: ProtocolError (400) `untranslatable` or `invalid_request`, naming the tool.
    """
    found: list[Tool] = []
    dropped = ""
    for path, tool in fields.tables(holder, "tools", where):
        if str(tool.get("type")).startswith(_WEB):
            dropped = dropped or path
            losses.add(f"tools.{_WEB}")
        else:
            found += _tools(tool, losses, path)
    if dropped and not where and not (found or _declares_more(holder)):
        untranslatable(dropped, f"`{_WEB}` is run by the provider itself")
    if dropped and choice is not None and choice.choosing is Choosing.REQUIRED and not found:
        untranslatable("tool_choice", f"`{_WEB}` is run by the provider itself")
    return tuple(found)


def distinct(tools: Iterable[Tool]) -> tuple[Tool, ...]:
    """Return each tool once: what is declared again replaces what was, as a search that found it repeats it."""
    return tuple({(tool.namespace, tool.name): tool for tool in tools}.values())


def _declares_more(holder: Json) -> bool:
    items = holder.get("input")
    kinds = [item.get("type") for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []
    return any(kind in tables.DECLARING_ITEMS for kind in kinds)


def _tools(tool: Json, losses: Losses, where: str, *, depth: int = 0) -> Iterator[Tool]:
    match tool.get("type"):
        case "function" | "custom":
            yield _called(tool, losses, where)
        case "namespace" if depth < _MAX_DEPTH:
            yield from _space(tool, losses, where, depth=depth)
        case "tool_search" if tool.get("execution") == "client":
            only(tool, _SEARCHING, where)
            yield Tool(
                SEARCH,
                fields.optional_text(tool, "description", where),
                fields.optional_table(tool, "parameters", where),
                type=SEARCH,
            )
        case str() as kind if kind in tables.HOSTED_TOOLS or kind in ("shell", SEARCH):
            untranslatable(where, f"`{kind}` is run by the provider itself")
        case kind:
            untranslatable(where, f"only its own provider knows the tool `{kind}`")


def _space(space: Json, losses: Losses, where: str, *, depth: int) -> Iterator[Tool]:
    only(space, frozenset({"description", "name", "tools", "type"}), where)
    name = fields.text(space, "name", where)
    said = fields.optional_text(space, "description", where)
    for path, inner in fields.tables(space, "tools", where):
        for tool in _tools(inner, losses, path, depth=depth + 1):
            about = f"{said}\n\n{tool.description}".strip()
            said = ""  # what is said of all of them stands with the first
            yield Tool(
                tool.name,
                about,
                tool.schema,
                strict=tool.strict,
                form=tool.form,
                grammar=tool.grammar,
                namespace=tool.namespace or name,
            )


def _called(tool: Json, losses: Losses, where: str) -> Tool:
    only(tool, _TOOL, where)
    losses.add_those(
        {f"tools.{name}": tool.get(name) for name in _ADVISORY}, [f"tools.{name}" for name in _ADVISORY]
    )
    callers = fields.texts(tool, "allowed_callers", where)
    if callers and "direct" not in callers:
        untranslatable(f"{where}.allowed_callers", "calls from the provider's sandbox are unknown there")
    if tool.get("async"):
        untranslatable(f"{where}.async", "results have to come with the next request there")
    name, about = fields.text(tool, "name", where), fields.optional_text(tool, "description", where)
    if tool.get("type") == "custom":
        shape = fields.optional_table(tool, "format", where)
        plain = shape is None or shape.get("type") == "text"
        return Tool(name, about, form=CallForm.TEXT, grammar=None if plain else shape)
    schema = fields.optional_table(tool, "parameters", where)
    return Tool(name, about, schema, strict=fields.flag(tool, "strict", where))
