"""Where a request of another dialect may be read from the provider's cache at its next turn.

This dialect caches nothing that is not marked, the others cache by themselves: without marks a long conversation
is paid in full at every turn. Marks are put on the end of the tools, of the instructions and of the user's two
newest turns, which is the most that a request may have. The mark that is one turn old is found again in the cache,
and the newest writes what was said since. A question that stands alone gets none: writing costs a quarter more.
Source: https://platform.claude.com/docs/en/build-with-claude/prompt-caching.
"""

from collections.abc import Sequence

JsonObject = dict[str, object]

LEAST_BYTES = 4_096
"""Of a request: what is shorter is cached by no model, whatever is marked (1,024 tokens and more)."""
_TURNS = 2
_MARK = {"type": "ephemeral"}


def mark(body: JsonObject) -> None:
    """Mark a Messages request, as it was written, where it goes on a conversation or may be gone on from."""
    messages = body["messages"]
    tools = body.get("tools")
    if not isinstance(messages, list) or not (tools or any(one["role"] == "assistant" for one in messages)):
        return
    if isinstance(tools, list):
        _mark_last(tools)
    system = body.get("system")
    if isinstance(system, str) and system.strip():
        body["system"] = system = [{"type": "text", "text": system}]
    if isinstance(system, list):
        _mark_last(system)
    users = [one["content"] for one in messages if one["role"] == "user"]
    for content in users[-_TURNS:]:
        _mark_last(content)


def _mark_last(blocks: Sequence[JsonObject]) -> None:
    """Mark the last block that may have a mark: an empty text may not."""
    for block in reversed(blocks):
        text = block.get("text")
        if block.get("type") != "text" or (isinstance(text, str) and text.strip()):
            block["cache_control"] = _MARK
            return
