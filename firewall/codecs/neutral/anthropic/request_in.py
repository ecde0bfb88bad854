"""A request of the Messages API, read into the neutral form: its options; what it says is read in `blocks_in`.

Source: https://platform.claude.com/docs/en/api/messages/create, the anthropic SDK 2.11, Claude Code 2.1.329.
"""

from collections.abc import Mapping

from firewall.codecs.neutral import fields, turns
from firewall.codecs.neutral.anthropic import blocks_in, tools_in
from firewall.codecs.neutral.form import (
    Choosing,
    Effort,
    Output,
    Reasoning,
    Request,
    Sampling,
    ToolChoice,
)
from firewall.codecs.neutral.losses import Losses, only, untranslatable

Json = Mapping[str, object]

_ADVISORY = (
    "cache_control", "compaction", "context_management", "diagnostics", "fallback_credit_token", "metadata",
    "service_tier", "speed",
)  # fmt: skip
_READ = frozenset({
    "max_tokens", "messages", "model", "output_config", "output_format", "stop_sequences", "stream", "system",
    "temperature", "thinking", "tool_choice", "tools", "top_k", "top_p",
})  # fmt: skip
_KNOWN = _READ.union(_ADVISORY, {"mcp_servers"})
_CHOICES = {"auto": Choosing.AUTO, "any": Choosing.REQUIRED, "tool": Choosing.NAMED, "none": Choosing.NONE}


def read_request(value: Json, losses: Losses, *, path: str) -> Request:
    """Read a request.

    Raises: ProtocolError (400) `untranslatable` or `invalid_request`, naming the field.
    """
    del path
    only(value, _KNOWN, "")
    losses.add_those(value, _ADVISORY)
    if value.get("mcp_servers"):
        untranslatable("mcp_servers", "these servers are called by the provider itself")
    choice, parallel = _choice(value)
    system = tuple(part.text for part in blocks_in.system(value, losses) if part.text)
    said = turns.joined(blocks_in.turns_of(value, losses))
    return Request(
        model=fields.text(value, "model"),
        system=system,
        turns=said,
        is_begun=turns.answers_last(said),
        tools=tools_in.tools_of(value, losses),
        choice=choice,
        parallel=parallel,
        output=_output(value, losses),
        max_tokens=fields.whole(value, "max_tokens"),
        stop=fields.texts(value, "stop_sequences"),
        reasoning=_reasoning(value),
        sampling=Sampling(
            temperature=fields.number(value, "temperature"),
            top_p=fields.number(value, "top_p"),
            top_k=fields.whole(value, "top_k"),
        ),
        is_streamed=fields.flag(value, "stream") is True,
        wants_usage=True,
    )


def _choice(value: Json) -> tuple[ToolChoice | None, bool | None]:
    """Return the tool choice, and whether several calls may be made at once."""
    choice = fields.optional_table(value, "tool_choice")
    if choice is None:
        return None, None
    choosing = _CHOICES.get(str(choice.get("type")))
    if choosing is None:
        fields.wrong("tool_choice.type", "`auto`, `any`, `tool` or `none`")
    only(choice, frozenset({"disable_parallel_tool_use", "name", "type"}), "tool_choice")
    alone = fields.flag(choice, "disable_parallel_tool_use", "tool_choice")
    name = fields.text(choice, "name", "tool_choice") if choosing is Choosing.NAMED else ""
    return ToolChoice(choosing, name), None if alone is None else not alone


def _output(value: Json, losses: Losses) -> Output | None:
    config = fields.optional_table(value, "output_config")
    where, wanted = "output_format", fields.optional_table(value, "output_format")
    if config is not None:
        only(config, frozenset({"effort", "format", "task_budget"}), "output_config")
        losses.add_those(config, ("task_budget",))
        if config.get("format") is not None:
            where, wanted = "output_config.format", fields.optional_table(config, "format", "output_config")
    if wanted is None:
        return None
    if wanted.get("type") != "json_schema":
        untranslatable(f"{where}.type", "only `json_schema` is known there")
    only(wanted, frozenset({"name", "schema", "type"}), where)
    name = fields.optional_text(wanted, "name", where)
    return Output(schema=fields.table(wanted, "schema", where), name=name, strict=True)


def _reasoning(value: Json) -> Reasoning | None:
    thinking = fields.optional_table(value, "thinking")
    config = fields.optional_table(value, "output_config") or {}
    effort = _effort_of_turn(value) or _effort(config, "output_config")
    if thinking is None:
        return None if effort is None else Reasoning(effort)
    type_ = thinking.get("type")
    if type_ not in ("adaptive", "between_tools", "disabled", "enabled"):
        fields.wrong("thinking.type", "`adaptive`, `between_tools`, `enabled` or `disabled`")
    if type_ == "disabled":
        return Reasoning(Effort.NONE)
    budget = fields.whole(thinking, "budget_tokens", "thinking")
    return Reasoning(effort, budget, is_shown=_is_shown(thinking))


def _effort_of_turn(value: Json) -> Effort | None:
    """Return the effort that the newest message of the system asks for, if one does."""
    found: Effort | None = None
    for where, message in fields.tables(value, "messages"):
        if message.get("role") == "system":
            config = fields.optional_table(message, "output_config", where)
            found = (_effort(config, f"{where}.output_config") if config else None) or found
    return found


def _effort(config: Json, where: str) -> Effort | None:
    effort = fields.optional_text(config, "effort", where)
    if not effort:
        return None
    try:
        return Effort(effort)
    except ValueError:
        fields.wrong(f"{where}.effort", "`low`, `medium`, `high`, `xhigh` or `max`")


def _is_shown(thinking: Json) -> bool | None:
    display = thinking.get("display")
    return None if display is None else display != "omitted"
