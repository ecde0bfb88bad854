"""A request of Chat Completions, read into the neutral form: its options; what it says is read in `messages_in`.

Source: https://developers.openai.com/api/reference/resources/chat, the openai SDK 3.52, opencode 1.18.33; options
of compatible providers as in the codec's tables.
"""

from collections.abc import Mapping

from firewall.codecs.neutral import fields, turns
from firewall.codecs.neutral.form import (
    Choosing,
    Effort,
    Output,
    Reasoning,
    Request,
    Sampling,
    Tool,
    ToolChoice,
)
from firewall.codecs.neutral.losses import Losses, only, untranslatable
from firewall.codecs.neutral.openai_chat import messages_in
from firewall.codecs.openai_chat.tables import HOSTED_TOOLS
from firewall.core.call import CallForm

Json = Mapping[str, object]

_ADVISORY = (
    "chat_template_kwargs", "logit_bias", "metadata", "min_p", "prediction", "prompt_cache_key",
    "prompt_cache_options", "prompt_cache_retention", "repetition_penalty", "safety_identifier", "service_tier",
    "user",
)  # fmt: skip
_READ = frozenset({
    "enable_thinking", "frequency_penalty", "include_reasoning", "logprobs", "max_completion_tokens", "max_tokens",
    "messages", "modalities", "model", "n", "parallel_tool_calls", "presence_penalty", "reasoning",
    "reasoning_effort", "response_format", "seed", "stop", "store", "stream", "stream_options", "temperature",
    "thinking", "tool_choice", "tools", "top_k", "top_p", "usage", "verbosity",
})  # fmt: skip
_KNOWN = _READ.union(_ADVISORY)
_FUNCTION = frozenset({"description", "name", "parameters", "strict"})
_MODES = {"auto": Choosing.AUTO, "none": Choosing.NONE, "required": Choosing.REQUIRED}


def read_request(value: Json, losses: Losses, *, path: str) -> Request:
    """Read a request.

    Raises: ProtocolError (400) `untranslatable` or `invalid_request`, naming the field.
    """
    del path
    _refuse(value)
    losses.add_those(value, _ADVISORY)
    if value.get("store"):
        losses.add("store")
    system, said = messages_in.conversation(value, losses)
    limit = fields.whole(value, "max_completion_tokens")
    options = fields.optional_table(value, "stream_options") or {}
    return Request(
        model=fields.text(value, "model"),
        system=system,
        turns=turns.joined(said),
        tools=tuple(_tool(tool, losses, where) for where, tool in fields.tables(value, "tools")),
        choice=_choice(value.get("tool_choice")),
        parallel=fields.flag(value, "parallel_tool_calls"),
        output=_output(fields.optional_table(value, "response_format")),
        max_tokens=limit if limit is not None else fields.whole(value, "max_tokens"),
        stop=_stop(value),
        reasoning=_reasoning(value),
        sampling=Sampling(
            temperature=fields.number(value, "temperature"),
            top_p=fields.number(value, "top_p"),
            top_k=fields.whole(value, "top_k"),
            seed=fields.whole(value, "seed"),
            presence_penalty=fields.number(value, "presence_penalty"),
            frequency_penalty=fields.number(value, "frequency_penalty"),
        ),
        verbosity=fields.optional_text(value, "verbosity"),
        is_streamed=fields.flag(value, "stream") is True,
        wants_usage=fields.flag(options, "include_usage", "stream_options") is True,
    )


def _refuse(value: Json) -> None:
    """Refuse the options that change what is answered and that nobody else has."""
    if value.get("functions") is not None or value.get("function_call") is not None:
        untranslatable("functions", "state them as `tools`")
    only(value, _KNOWN.union({"function_call", "functions", "top_logprobs"}), "")
    if fields.whole(value, "n") not in (None, 1):
        untranslatable("n", "it gives one answer at a time")
    if fields.flag(value, "logprobs") or value.get("top_logprobs"):
        untranslatable("logprobs", "it tells no probabilities")
    if any(one != "text" for one in fields.texts(value, "modalities")):
        untranslatable("modalities", "it answers in text alone")


def _tool(tool: Json, losses: Losses, where: str) -> Tool:
    type_ = tool.get("type")
    if isinstance(type_, str) and type_ in HOSTED_TOOLS:
        untranslatable(where, f"`{type_}` is run by the provider itself")
    if type_ == "custom":
        custom = fields.table(tool, "custom", where)
        return Tool(
            name=fields.text(custom, "name", f"{where}.custom"),
            description=fields.optional_text(custom, "description", f"{where}.custom"),
            form=CallForm.TEXT,
            grammar=fields.optional_table(custom, "format", f"{where}.custom"),
        )
    if type_ != "function":
        untranslatable(where, f"the tool type `{type_}` is unknown there")
    only(tool, frozenset({"cache_control", "function", "type"}), where)
    losses.add_those(tool, ("cache_control",))
    function, within = fields.table(tool, "function", where), f"{where}.function"
    only(function, _FUNCTION, within)
    return Tool(
        name=fields.text(function, "name", within),
        description=fields.optional_text(function, "description", within),
        schema=fields.optional_table(function, "parameters", within),
        strict=fields.flag(function, "strict", within),
    )


def _choice(choice: object) -> ToolChoice | None:
    if choice is None:
        return None
    if isinstance(choice, str):
        mode = _MODES.get(choice)
        if mode is None:
            fields.wrong("tool_choice", "`auto`, `none` or `required`, or name a tool")
        return ToolChoice(mode)
    if not isinstance(choice, Mapping):
        fields.wrong("tool_choice", "a string or an object")
    type_ = choice.get("type")
    if type_ == "allowed_tools":
        return _allowed(fields.table(choice, "allowed_tools", "tool_choice"))
    if type_ not in ("custom", "function"):
        untranslatable("tool_choice", f"the tool type `{type_}` is unknown there")
    return ToolChoice(Choosing.NAMED, _named(choice, "tool_choice"))


def _allowed(allowed: Json) -> ToolChoice:
    where = "tool_choice.allowed_tools"
    mode = _MODES.get(fields.text(allowed, "mode", where))
    if mode is None:
        fields.wrong(f"{where}.mode", "`auto` or `required`")
    listed = (_named(tool, path) for path, tool in fields.tables(allowed, "tools", where))
    return ToolChoice(mode, allowed=tuple(listed))


def _named(tool: Json, where: str) -> str:
    kind = "custom" if tool.get("type") == "custom" else "function"
    return fields.text(fields.table(tool, kind, where), "name", f"{where}.{kind}")


def _output(wanted: Json | None) -> Output | None:
    if wanted is None:
        return None
    type_ = wanted.get("type")
    if type_ == "text":
        return None
    if type_ == "json_object":
        return Output()
    if type_ != "json_schema":
        untranslatable("response_format.type", "it is unknown there")
    schema, within = fields.table(wanted, "json_schema", "response_format"), "response_format.json_schema"
    return Output(
        schema=fields.optional_table(schema, "schema", within) or {"type": "object"},
        name=fields.optional_text(schema, "name", within),
        description=fields.optional_text(schema, "description", within),
        strict=fields.flag(schema, "strict", within),
    )


def _stop(value: Json) -> tuple[str, ...]:
    stop = value.get("stop")
    return (stop,) if isinstance(stop, str) else fields.texts(value, "stop")


def _reasoning(value: Json) -> Reasoning | None:
    """Read how much to think, as OpenAI says it, as OpenRouter does, and as other compatible providers do."""
    effort = _effort(value, "reasoning_effort", "")
    asked = fields.optional_table(value, "reasoning")
    if asked is not None:
        effort = effort or _effort(asked, "effort", "reasoning")
        if effort is None and fields.flag(asked, "enabled", "reasoning") is False:
            effort = Effort.NONE
        hidden = fields.flag(asked, "exclude", "reasoning")
        budget = fields.whole(asked, "max_tokens", "reasoning")
        return Reasoning(effort, budget, is_shown=None if hidden is None else not hidden)
    thinking = fields.optional_table(value, "thinking")
    if thinking is not None:
        if thinking.get("type") == "disabled":
            return Reasoning(Effort.NONE)
        return Reasoning(effort, fields.whole(thinking, "budget_tokens", "thinking"))
    wanted = fields.flag(value, "enable_thinking")
    if effort is None and wanted is False:
        effort = Effort.NONE
    shown = fields.flag(value, "include_reasoning")
    if effort is None and wanted is None and shown is None:
        return None
    return Reasoning(effort, is_shown=shown)


def _effort(value: Json, key: str, where: str) -> Effort | None:
    effort = fields.optional_text(value, key, where)
    if not effort:
        return None
    try:
        return Effort(effort)
    except ValueError:
        fields.wrong(fields.at(where, key), "one of " + ", ".join(f"`{one.value}`" for one in Effort))
