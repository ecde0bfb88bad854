"""What the Responses API knows, as data: options, tools, input items, output items and stream events.

Anything that stands in no table is `unknown`: refused in a request, held in an answer.
Sources: https://developers.openai.com/api/reference/resources/responses, the openai SDK 3.52, Codex CLI 0.169.
"""

from collections.abc import Mapping
from enum import Enum

OPTIONS = frozenset({
    "access_programs", "background", "client_metadata", "context_management", "conversation", "image", "include",
    "input", "instructions", "max_output_tokens", "max_tool_calls", "metadata", "model", "moderation",
    "parallel_tool_calls", "previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_options",
    "prompt_cache_retention", "reasoning", "safety_identifier", "service_tier", "store", "stream",
    "stream_options", "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "user",
})  # fmt: skip
"""Top-level options that only shape the answer, or that `request` looks at itself."""

REFUSED = ("background", "conversation")
"""Options that run or keep things at the provider, out of our sight (DESIGN 6.4); false and null are fine."""

TRANSPORT = frozenset({"stream", "stream_options", "store", "client_metadata"})
"""Options that do not change which answer is asked for."""

CLIENT_TOOLS = frozenset({
    "apply_patch", "computer", "computer_use_preview", "custom", "function", "local_shell", "namespace",
    "tool_search",
})  # fmt: skip
"""Tools whose calls come back to the agent, where we judge them."""

HOSTED_TOOLS = frozenset({
    "code_interpreter", "file_search", "image_generation", "mcp", "programmatic_tool_calling", "web_search",
    "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11",
})  # fmt: skip
"""Tools that the provider runs itself: actions of the request. So is `shell` unless its environment is local."""

INPUT_ITEMS = frozenset({
    "additional_tools", "agent_message", "apply_patch_call", "apply_patch_call_output", "code_interpreter_call",
    "compaction", "compaction_summary", "compaction_trigger", "computer_call", "computer_call_output",
    "configuration_update", "context_compaction", "custom_tool_call", "custom_tool_call_output",
    "file_search_call",
    "function_call", "function_call_output", "image_generation_call", "item_reference", "local_shell_call",
    "local_shell_call_output", "mcp_approval_request", "mcp_approval_response", "mcp_call", "mcp_list_tools",
    "message", "program", "program_output", "reasoning", "shell_call", "shell_call_output", "tool_search_call",
    "tool_search_output", "web_search_call",
})  # fmt: skip
"""History and context. `additional_tools` and `tool_search_output` declare tools, which are read like `tools`."""

DECLARING_ITEMS = frozenset({"additional_tools", "tool_search_output"})


class Kind(Enum):
    """What an output item is to us."""

    TEXT = "text"
    REASONING = "reasoning"
    HOSTED = "hosted"
    CALL = "call"
    UNKNOWN = "unknown"


ITEMS = {
    "message": Kind.TEXT,
    "reasoning": Kind.REASONING,
    "apply_patch_call": Kind.CALL,
    "computer_call": Kind.CALL,
    "custom_tool_call": Kind.CALL,
    "function_call": Kind.CALL,
    "local_shell_call": Kind.CALL,
    "mcp_approval_request": Kind.CALL,
    "shell_call": Kind.CALL,
    "tool_search_call": Kind.CALL,
    "code_interpreter_call": Kind.HOSTED,
    "compaction": Kind.HOSTED,
    "file_search_call": Kind.HOSTED,
    "image_generation_call": Kind.HOSTED,
    "mcp_call": Kind.HOSTED,
    "mcp_list_tools": Kind.HOSTED,
    "program": Kind.HOSTED,
    "program_output": Kind.HOSTED,
    "shell_call_output": Kind.HOSTED,
    "tool_search_output": Kind.HOSTED,
    "web_search_call": Kind.HOSTED,
}
"""Kinds of output items by type; every other type is UNKNOWN."""

LIFECYCLE = frozenset({"response.created", "response.in_progress", "response.queued"})
TERMINAL = frozenset({"response.completed", "response.incomplete", "response.failed", "error"})
LOOSE = frozenset({
    "keepalive", "response.audio.delta", "response.audio.done", "response.audio.transcript.delta",
    "response.audio.transcript.done",
})  # fmt: skip
"""Events that belong to no item and carry nothing that could be run."""

TEXT_EVENTS = frozenset({
    "response.output_text.delta", "response.output_text.done", "response.output_text.annotation.added",
    "response.refusal.delta", "response.refusal.done", "response.content_part.added", "response.content_part.done",
})  # fmt: skip
REASONING_EVENTS = frozenset({
    "response.reasoning_summary_part.added", "response.reasoning_summary_part.done",
    "response.reasoning_summary_text.delta", "response.reasoning_summary_text.done",
    "response.reasoning_text.delta", "response.reasoning_text.done", "response.reasoning_part.added",
    "response.reasoning_part.done", "response.content_part.added", "response.content_part.done",
})  # fmt: skip
CALL_EVENTS = frozenset({
    "response.function_call_arguments.delta", "response.function_call_arguments.done",
    "response.custom_tool_call_input.delta", "response.custom_tool_call_input.done",
    "response.shell_call_command.added", "response.shell_call_command.delta", "response.shell_call_command.done",
    "response.apply_patch_call_operation_diff.delta", "response.apply_patch_call_operation_diff.done",
})  # fmt: skip
HOSTED_EVENTS = (
    "response.code_interpreter_call.", "response.code_interpreter_call_code.", "response.compaction.",
    "response.file_search_call.", "response.image_generation_call.", "response.mcp_call.",
    "response.mcp_call_arguments.", "response.mcp_list_tools.", "response.shell_call_command.",
    "response.shell_call_output_content.", "response.web_search_call.",
)  # fmt: skip
"""Prefixes of the events of items that the provider runs."""


def fits(event: str, kind: Kind) -> bool:
    """Tell whether an event of this type may belong to an item of this kind."""
    match kind:
        case Kind.TEXT:
            return event in TEXT_EVENTS
        case Kind.REASONING:
            return event in REASONING_EVENTS
        case Kind.CALL:
            return event in CALL_EVENTS
        case Kind.HOSTED:
            return event.startswith(HOSTED_EVENTS)
        case Kind.UNKNOWN:
            return False


def is_item_event(event: str) -> bool:
    """Tell whether any table holds this event of an item."""
    return (
        event in TEXT_EVENTS
        or event in REASONING_EVENTS
        or event in CALL_EVENTS
        or event.startswith(HOSTED_EVENTS)
    )


def kind_of(item: Mapping[str, object]) -> Kind:
    """Return what an output item is; a server's search is hosted.

    A `shell_call` always waits: clients run it by how their own tool is declared, whatever place the item claims.
    """
    type_ = item.get("type")
    kind = ITEMS.get(type_, Kind.UNKNOWN) if isinstance(type_, str) else Kind.UNKNOWN
    if type_ == "tool_search_call" and item.get("execution") == "server":
        return Kind.HOSTED
    return kind
