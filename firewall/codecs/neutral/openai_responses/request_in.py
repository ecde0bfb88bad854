"""A request of the Responses API, read into the neutral form: its options; the input is read in `items_in`.

Source: https://developers.openai.com/api/reference/resources/responses/methods/create, Codex CLI 0.169.
"""

from collections.abc import Iterator, Mapping

from firewall.codecs.neutral import fields, turns
from firewall.codecs.neutral.form import (
    Choosing,
    Effort,
    Output,
    Reasoning,
    Request,
    Role,
    Sampling,
    Text,
    ToolChoice,
    Turn,
)
from firewall.codecs.neutral.losses import Losses, only, untranslatable
from firewall.codecs.neutral.openai_responses import items_in, tools_in

Json = Mapping[str, object]

_ADVISORY = (
    "access_programs", "client_metadata", "context_management", "max_tool_calls", "metadata", "prompt_cache_key",
    "prompt_cache_options", "prompt_cache_retention", "safety_identifier", "service_tier", "user",
)  # fmt: skip
"""Labels, prices, caches, and what concerns only tools that the provider runs (`max_tool_calls`)."""
_INERT = frozenset({"background", "conversation", "include", "store", "stream_options", "truncation"})
"""Looked at here, or without meaning where nothing is kept at the provider; the codec refused what is more."""
_READ = frozenset({
    "input", "instructions", "max_output_tokens", "model", "parallel_tool_calls", "reasoning", "stream",
    "temperature", "text", "tool_choice", "tools", "top_p",
})  # fmt: skip
_KNOWN = _READ.union(_ADVISORY, _INERT, {"top_logprobs"})
_INCLUDED = frozenset({
    "code_interpreter_call.outputs", "computer_call_output.output.image_url", "file_search_call.results",
    "message.input_image.image_url", "reasoning.encrypted_content", "web_search_call.action.sources",
    "web_search_call.results",
})  # fmt: skip
"""More about items that only this API's own tools and inputs give: there are none in another provider's answer."""
_CHOICES = {"auto": Choosing.AUTO, "none": Choosing.NONE, "required": Choosing.REQUIRED}
_CALLED = ("custom", "function")


def read_request(value: Json, losses: Losses, *, path: str) -> Request:
    """Read a request.

    Raises: ProtocolError (400) `untranslatable` or `invalid_request`, naming the field.
    """
    del path
    _check(value, losses)
    said = items_in.conversation(value, losses)
    system, rest = _opening(said.turns)
    instructions = fields.optional_text(value, "instructions")
    choice = _choice(value)
    output, verbosity = _text(value)
    return Request(
        model=fields.text(value, "model"),
        system=(instructions, *system) if instructions else system,
        turns=turns.joined(rest),
        tools=tools_in.distinct((*tools_in.declared(value, losses, choice=choice), *said.tools)),
        choice=choice,
        parallel=fields.flag(value, "parallel_tool_calls"),
        output=output,
        max_tokens=fields.whole(value, "max_output_tokens"),
        reasoning=_reasoning(value, losses),
        sampling=Sampling(temperature=fields.number(value, "temperature"), top_p=fields.number(value, "top_p")),
        verbosity=verbosity,
        is_streamed=fields.flag(value, "stream") is True,
        wants_usage=True,
    )


def _check(value: Json, losses: Losses) -> None:
    only(value, _KNOWN, "")
    losses.add_those(value, _ADVISORY)
    for name in fields.texts(value, "include"):
        if name not in _INCLUDED:
            untranslatable("include", f"`{name}` is given by its own provider alone")
    if value.get("top_logprobs"):
        untranslatable("top_logprobs", "log probabilities are given by its own provider alone")
    if value.get("truncation") == "auto":
        losses.add("truncation")


def _opening(said: tuple[Turn, ...]) -> tuple[tuple[str, ...], tuple[Turn, ...]]:
    """Return the instructions that stand before the first word of anybody else, and all that follows."""
    count = next((place for place, turn in enumerate(said) if turn.role is not Role.SYSTEM), len(said))
    return tuple(_words(said[:count])), said[count:]


def _words(instructions: tuple[Turn, ...]) -> Iterator[str]:
    for place, turn in enumerate(instructions):
        for part in turn.parts:
            if not isinstance(part, Text):
                untranslatable(f"input.{place}", "instructions can only be text there")
            if part.text:
                yield part.text


def _choice(value: Json) -> ToolChoice | None:
    choice = value.get("tool_choice")
    if choice is None:
        return None
    if isinstance(choice, str):
        if choice not in _CHOICES:
            fields.wrong("tool_choice", "`auto`, `none`, `required` or an object")
        return ToolChoice(_CHOICES[choice])
    table = fields.table(value, "tool_choice")
    kind = table.get("type")
    if kind in _CALLED:
        return ToolChoice(Choosing.NAMED, fields.text(table, "name", "tool_choice"))
    if kind == "allowed_tools":
        return _allowed(table)
    return untranslatable("tool_choice", f"only its own provider knows the tool `{kind}`")


def _allowed(table: Json) -> ToolChoice:
    choosing = _CHOICES.get(str(table.get("mode", "auto")))
    if choosing not in (Choosing.AUTO, Choosing.REQUIRED):
        fields.wrong("tool_choice.mode", "`auto` or `required`")
    names: list[str] = []
    for where, tool in fields.tables(table, "tools", "tool_choice"):
        if tool.get("type") not in _CALLED:
            untranslatable(where, f"only its own provider knows the tool `{tool.get('type')}`")
        names.append(fields.text(tool, "name", where))
    return ToolChoice(choosing, allowed=tuple(names))


def _text(value: Json) -> tuple[Output | None, str]:
    """Return the form of the answer's text, and how wordy it shall be."""
    text = fields.optional_table(value, "text")
    if text is None:
        return None, ""
    only(text, frozenset({"format", "verbosity"}), "text")
    verbosity = fields.optional_text(text, "verbosity", "text")
    wanted = fields.optional_table(text, "format", "text")
    where = "text.format"
    match None if wanted is None else wanted.get("type"):
        case None | "text":
            return None, verbosity
        case "json_object":
            return Output(), verbosity
        case "json_schema" if wanted is not None:
            only(wanted, frozenset({"description", "name", "schema", "strict", "type"}), where)
            output = Output(
                schema=fields.table(wanted, "schema", where),
                name=fields.optional_text(wanted, "name", where),
                description=fields.optional_text(wanted, "description", where),
                strict=fields.flag(wanted, "strict", where),
            )
            return output, verbosity
    return untranslatable(where, "only text and JSON are known there")


def _reasoning(value: Json, losses: Losses) -> Reasoning | None:
    wanted = fields.optional_table(value, "reasoning")
    if wanted is None:
        return None
    for name in wanted:
        if name not in ("effort", "generate_summary", "summary"):
            losses.add_those({f"reasoning.{name}": wanted[name]}, (f"reasoning.{name}",))
    effort = fields.optional_text(wanted, "effort", "reasoning")
    summary = wanted.get("summary") or wanted.get("generate_summary")
    if not effort and summary is None:
        return None
    return Reasoning(effort=_effort(effort) if effort else None, is_shown=None if summary is None else True)


def _effort(name: str) -> Effort:
    try:
        return Effort(name)
    except ValueError:
        fields.wrong("reasoning.effort", "a level that is known here, `none` to `max`")
