"""What the Messages API knows, as data: options, tools, content blocks, deltas, stop reasons.

Anything that stands in no table is `unknown`: refused in a request, held in an answer.
Sources: https://platform.claude.com/docs/en/api/messages, the anthropic SDK 2.11, Claude Code 2.1.329.
"""

from enum import Enum

OPTIONS = frozenset({
    "billing_policy", "cache_control", "compaction", "container", "context_management", "diagnostics",
    "fallback_credit_token", "fallbacks", "inference_geo", "max_tokens", "mcp_servers", "messages", "metadata",
    "model", "output_config", "output_format", "service_tier", "speed", "stop_sequences", "stream", "system",
    "temperature", "thinking", "thread", "tool_choice", "tools", "top_k", "top_p",
})  # fmt: skip
"""Top-level options that only shape the answer, or that `request` looks at itself."""

REFUSED = ("billing_policy", "fallbacks", "thread")
"""Options that bill somebody else, answer from a model that nobody allowed, or keep the conversation at the
provider out of our sight; null is fine."""

CLIENT_TOOLS = ("bash_", "browser_toolset_", "computer_", "custom", "memory_", "text_editor_")
"""Tools whose calls come back to the agent, where we judge them; a trailing `_` stands before a version."""

HOSTED_TOOLS = (
    "advisor_", "code_execution_", "mcp_toolset", "tool_search_tool_bm25", "tool_search_tool_bm25_",
    "tool_search_tool_regex", "tool_search_tool_regex_", "web_fetch_", "web_search_",
)  # fmt: skip
"""Tools that the provider runs itself: actions of the request."""

REFERENCE_KEYS = frozenset({"file_id", "previous_message_id"})
"""Members of messages and options that name something kept at the provider."""

INPUT_BLOCKS = frozenset({
    "advisor_tool_result", "bash_code_execution_tool_result", "code_execution_tool_result", "compaction",
    "container_upload", "document", "fallback", "image", "mcp_tool_listing", "mcp_tool_result", "mcp_tool_use",
    "redacted_thinking", "search_result", "server_tool_use", "text", "text_editor_code_execution_tool_result",
    "thinking", "tool_addition", "tool_reference", "tool_removal", "tool_result", "tool_search_tool_result",
    "tool_use", "web_fetch_tool_result", "web_search_tool_result",
})  # fmt: skip
"""Content blocks of a conversation. `tool_addition` can define a tool, which is read like `tools`."""


class Kind(Enum):
    """What a content block of an answer is to us."""

    TEXT = "text"
    THINKING = "thinking"
    CALL = "call"
    HOSTED = "hosted"
    """Run by the provider, judged with the request."""
    UNKNOWN = "unknown"


BLOCKS = {
    "text": Kind.TEXT,
    "thinking": Kind.THINKING,
    "redacted_thinking": Kind.THINKING,
    "tool_use": Kind.CALL,
    "advisor_tool_result": Kind.HOSTED,
    "bash_code_execution_tool_result": Kind.HOSTED,
    "code_execution_tool_result": Kind.HOSTED,
    "compaction": Kind.HOSTED,
    "container_upload": Kind.HOSTED,
    "fallback": Kind.HOSTED,
    "mcp_tool_listing": Kind.HOSTED,
    "mcp_tool_result": Kind.HOSTED,
    "mcp_tool_use": Kind.HOSTED,
    "server_tool_use": Kind.HOSTED,
    "text_editor_code_execution_tool_result": Kind.HOSTED,
    "tool_search_tool_result": Kind.HOSTED,
    "web_fetch_tool_result": Kind.HOSTED,
    "web_search_tool_result": Kind.HOSTED,
}
"""Kinds of content blocks by type; every other type is UNKNOWN."""

DELTAS = {
    "text_delta": frozenset({Kind.TEXT}),
    "citations_delta": frozenset({Kind.TEXT}),
    "thinking_delta": frozenset({Kind.THINKING}),
    "signature_delta": frozenset({Kind.THINKING}),
    "input_json_delta": frozenset({Kind.CALL, Kind.HOSTED}),
    "compaction_delta": frozenset({Kind.HOSTED}),
}
"""Kinds of block that a delta may belong to, by the delta's type; every other type is unknown."""

ERRORS = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
    404: "not_found_error", 413: "request_too_large", 429: "rate_limit_error", 500: "api_error",
    503: "overloaded_error", 504: "timeout_error", 529: "overloaded_error",
}  # fmt: skip


def is_client_tool(type_: str) -> bool:
    """Tell whether calls of a tool of this type come back to the agent."""
    return _stands_in(type_, CLIENT_TOOLS)


def is_hosted_tool(type_: str) -> bool:
    """Tell whether the provider runs a tool of this type itself."""
    return _stands_in(type_, HOSTED_TOOLS)


def _stands_in(type_: str, names: tuple[str, ...]) -> bool:
    return any(type_ == name or (name.endswith("_") and _is_version(type_, name)) for name in names)


def _is_version(type_: str, name: str) -> bool:
    rest = type_.removeprefix(name)
    if rest.startswith("toolset_") and name == "computer_":
        rest = rest.removeprefix("toolset_")
    return rest != type_ and len(rest) == 8 and rest.isascii() and rest.isdigit()
