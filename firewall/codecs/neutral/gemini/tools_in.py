"""Tools as the Gemini API declares them, read into the neutral form.

Tools that the provider runs itself are refused, but a search of the web beside functions is listed as lost.
"""

from collections.abc import Iterator, Mapping

from firewall.codecs.gemini.fields import folded
from firewall.codecs.neutral import fields
from firewall.codecs.neutral.form import Choosing, Tool, ToolChoice
from firewall.codecs.neutral.gemini.schemas import json_schema, lowered
from firewall.codecs.neutral.losses import Losses, only, untranslatable

Json = Mapping[str, object]

_SEARCHES = ("googleSearch", "googleSearchRetrieval")
_DECLARATION = frozenset({
    "behavior", "description", "name", "parameters", "parametersJsonSchema", "response", "responseJsonSchema",
})  # fmt: skip
_ADVISORY = ("response", "responseJsonSchema")
_MODES = {
    "": Choosing.AUTO,
    "MODE_UNSPECIFIED": Choosing.AUTO,
    "AUTO": Choosing.AUTO,
    "VALIDATED": Choosing.AUTO,
    "ANY": Choosing.REQUIRED,
    "NONE": Choosing.NONE,
}


def declared(value: Json, losses: Losses) -> tuple[Tool, ...]:
    """Return the functions of a request.

    Raises: ProtocolError (400) `untranslatable` or `invalid_request`, naming the tool.
    """
    given = value.get("tools")
    found: list[Tool] = []
    searches = ""
    for where, raw in fields.tables({"tools": [given]} if isinstance(given, Mapping) else value, "tools"):
        for name, one in folded(raw, where, "client").items():
            if name == "functionDeclarations":
                found += _functions({name: one}, losses, where)
            elif one is not None and name in _SEARCHES:
                searches = f"{where}.{name}"
                losses.add(f"tools.{name}")
            elif one is not None:
                untranslatable(f"{where}.{name}", "its own provider runs it or shows it")
    if searches and not found:
        untranslatable(searches, "it is run by the provider itself")
    return tuple(found)


def _functions(tool: Json, losses: Losses, where: str) -> Iterator[Tool]:
    for path, raw in fields.tables(tool, "functionDeclarations", where):
        function = folded(raw, path, "client")
        only(function, _DECLARATION, path)
        for note in _ADVISORY:
            losses.add_those({f"tools.{note}": function.get(note)}, (f"tools.{note}",))
        if str(function.get("behavior") or "BLOCKING").upper() == "NON_BLOCKING":
            untranslatable(f"{path}.behavior", "results have to come with the next request there")
        schema = fields.optional_table(function, "parametersJsonSchema", path)
        parameters = fields.optional_table(function, "parameters", path)
        if schema is not None:
            schema = lowered(schema)
        elif parameters is not None:
            schema = json_schema(parameters, losses, f"{path}.parameters")
        yield Tool(
            fields.text(function, "name", path), fields.optional_text(function, "description", path), schema
        )


def choice(value: Json, losses: Losses) -> ToolChoice | None:
    """Return the tool choice.

    Raises: ProtocolError (400) `untranslatable` or `invalid_request`, naming the field.
    """
    config = fields.optional_table(value, "toolConfig")
    if config is None:
        return None
    known = folded(config, "toolConfig", "client")
    losses.add_those({"toolConfig.retrievalConfig": known.get("retrievalConfig")}, ("toolConfig.retrievalConfig",))
    calling = fields.optional_table(known, "functionCallingConfig", "toolConfig")
    if calling is None:
        return None
    where = "toolConfig.functionCallingConfig"
    calling = folded(calling, where, "client")
    choosing = _MODES.get(fields.optional_text(calling, "mode", where).upper())
    if choosing is None:
        fields.wrong(f"{where}.mode", "`AUTO`, `ANY`, `NONE` or `VALIDATED`")
    names = fields.texts(calling, "allowedFunctionNames", where)
    if choosing is Choosing.REQUIRED and len(names) == 1:
        return ToolChoice(Choosing.NAMED, names[0])
    return ToolChoice(choosing, allowed=names if choosing is not Choosing.NONE else ())
