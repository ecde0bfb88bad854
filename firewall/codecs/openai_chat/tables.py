"""What the Chat Completions API knows, as data: options, tools, members of chunks, choices, deltas and messages.

Anything that stands in no table is `unknown`: refused in a request, held in an answer.
Sources: https://developers.openai.com/api/reference/resources/chat, the openai SDK 3.52, opencode 1.18.33; members
that compatible providers add (OpenRouter, Azure, vLLM, DeepSeek, Gemini) are named where they are harmless.
"""

OPTIONS = frozenset({
    "audio", "chat_template_kwargs", "enable_thinking", "frequency_penalty", "function_call", "functions",
    "include_reasoning", "logit_bias", "logprobs", "max_completion_tokens", "max_tokens", "messages", "metadata",
    "min_p", "modalities", "model", "moderation", "n", "parallel_tool_calls", "prediction", "presence_penalty",
    "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning", "reasoning_effort",
    "repetition_penalty", "response_format", "safety_identifier", "seed", "service_tier", "stop", "store",
    "stream", "stream_options", "temperature", "thinking", "tool_choice", "tools", "top_k", "top_logprobs",
    "top_p", "usage", "user", "verbosity", "web_search_options",
})  # fmt: skip
"""Top-level options that only shape the answer, or that `request` looks at itself."""

TRANSPORT = frozenset({"store", "stream", "stream_options"})
"""Options that do not change which answer is asked for."""

CLIENT_TOOLS = frozenset({"custom", "function"})
"""Tools whose calls come back to the agent, where we judge them."""

HOSTED_TOOLS = frozenset({
    "browser_search", "builtin_function", "code_interpreter", "file_search", "image_generation", "live_search",
    "mcp", "web_search", "web_search_preview",
})  # fmt: skip
"""Tools that a provider runs itself: actions of the request."""

HOSTED_OPTIONS = ("web_search_options",)
"""Options that make the provider run something itself."""

CHUNK = frozenset({
    "choices", "citations", "created", "id", "model", "moderation", "object", "obfuscation",
    "prompt_filter_results", "provider", "service_tier", "system_fingerprint", "usage",
})  # fmt: skip
"""Members of a chunk that hold nothing of a call; a chunk with any other waits behind the calls."""

CHOICE = frozenset({
    "content_filter_offsets", "content_filter_results", "delta", "finish_reason", "index", "logprobs",
    "matched_stop", "message", "native_finish_reason", "stop_reason", "token_ids",
})  # fmt: skip
"""Members of a choice that are read or hold nothing of a call; `message` only in a whole answer."""

TEXT = frozenset({"annotations", "audio", "content", "refusal"})
"""Members of a delta or message that are said to the user."""

SPOKEN = frozenset({"content", "refusal"})
"""Those of them that are plain strings; in any other form they are unknown."""

REASONING = frozenset({"reasoning", "reasoning_content", "reasoning_details", "reasoning_text", "thinking_blocks"})
"""Members that hold what the model thought before it spoke or called."""

CALLS = frozenset({"function_call", "tool_calls"})

CALL_MEMBERS = frozenset({"extra_content", "id", "index", "provider_specific_fields", "type"})
"""Members of a call beside the one that its type names; the first and fourth carry signatures."""

CALL_TYPES = {"function": "arguments", "custom": "input"}
"""Types of call, with the member of the object of that name which holds the arguments."""

STOPS_FOR_CALLS = frozenset({"function_call", "tool_calls"})

ERRORS = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
    429: "rate_limit_error",
}  # fmt: skip
