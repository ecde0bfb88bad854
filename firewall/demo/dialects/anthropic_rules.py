"""The rules of Anthropic Messages on the history that a client sends back.

Every `tool_use` has its `tool_result` first thing in the next message and the other way round, ids are unique,
thinking blocks are ours and unmodified, and a tool call that was thought about keeps its thinking while its turn
lasts.
"""

from collections.abc import Mapping

from firewall.demo.conversation import Violation
from firewall.demo.reading import Json, spoken, text
from firewall.demo.seal import Seal

Message = tuple[str, list[Json]]
"""A message's role and its content as blocks."""


def check(turns: list[Message], *, seal: Seal, thinks: bool) -> None:
    """Check the messages of a request; `thinks` says that it asks for thinking.

    Raises: Violation with the real API's words.
    """
    _check_shape(turns)
    _check_pairs(turns)
    _check_thinking(turns, seal, thinks=thinks)


def is_prompt(message: Message) -> bool:
    """Tell whether a person spoke in this message."""
    role, blocks = message
    said = spoken(text(block, "text") for block in blocks)
    return role == "user" and bool(said) and not any(text(block, "type") == "tool_result" for block in blocks)


def _check_shape(turns: list[Message]) -> None:
    for place, (role, blocks) in enumerate(turns):
        if role not in ("user", "assistant", "system"):
            raise Violation(f"messages.{place}.role: Input should be 'user' or 'assistant'")
        if not blocks and place < len(turns) - 1:
            raise Violation(
                f"messages.{place}: all messages must have non-empty content except for the optional final "
                "assistant message"
            )
        if any(text(block, "type") == "text" and not text(block, "text") for block in blocks):
            raise Violation("messages: text content blocks must be non-empty")


def _check_pairs(turns: list[Message]) -> None:
    joined = _joined(turns)
    seen: set[str] = set()
    waiting: list[str] = []
    for place, role, blocks in joined:
        results = _leading_results(blocks) if role == "user" else []
        _check_results(place, blocks, waiting)
        missing = [ident for ident in waiting if ident not in results]
        if missing:
            raise _unanswered(place - 1, missing)
        waiting = [text(block, "id") for block in blocks if text(block, "type") == "tool_use"]
        if role == "assistant" and (seen & set(waiting) or len(set(waiting)) != len(waiting)):
            raise Violation("messages: `tool_use` ids must be unique")
        seen.update(waiting)
    if waiting:
        raise _unanswered(joined[-1][0], waiting)


def _joined(turns: list[Message]) -> list[tuple[int, str, list[Json]]]:
    """Merge neighbours of one role, as the API does; system messages in between do not count."""
    joined: list[tuple[int, str, list[Json]]] = []
    for place, (role, blocks) in enumerate(turns):
        if role == "system":
            continue
        if joined and joined[-1][1] == role:
            joined[-1][2].extend(blocks)
        else:
            joined.append((place, role, list(blocks)))
    return joined


def _leading_results(blocks: list[Json]) -> list[str]:
    found: list[str] = []
    for block in blocks:
        if text(block, "type") != "tool_result":
            break
        found.append(text(block, "tool_use_id"))
    return found


def _check_results(place: int, blocks: list[Json], waiting: list[str]) -> None:
    seen: set[str] = set()
    for at, block in enumerate(blocks):
        if text(block, "type") != "tool_result":
            continue
        ident = text(block, "tool_use_id")
        if ident not in waiting:
            raise Violation(
                f"messages.{place}.content.{at}: unexpected `tool_use_id` found in `tool_result` blocks: {ident}. "
                "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            )
        if ident in seen:
            raise Violation(
                f"messages.{place}.content.{at}: each tool_use must have a single result. Found multiple "
                f"`tool_result` blocks with id: {ident}"
            )
        seen.add(ident)


def _unanswered(place: int, idents: list[str]) -> Violation:
    return Violation(
        f"messages.{place}: `tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(idents)}. Each `tool_use` block must have a corresponding `tool_result` block in the next "
        "message."
    )


def _check_thinking(turns: list[Message], seal: Seal, *, thinks: bool) -> None:
    last_prompt = max((place for place, turn in enumerate(turns) if is_prompt(turn)), default=0)
    for place, (role, blocks) in enumerate(turns):
        if role != "assistant":
            continue
        for at, block in enumerate(blocks):
            if text(block, "type") == "thinking" and not seal.fits(
                text(block, "signature"), "thinking", text(block, "thinking")
            ):
                raise Violation(f"messages.{place}.content.{at}: Invalid `signature` in `thinking` block")
        if thinks and place > last_prompt:
            _check_kept_thinking(place, blocks)


def _check_kept_thinking(place: int, blocks: list[Json]) -> None:
    """A call says in its id whether thinking came with it: then the message must still start with it."""
    kinds = [text(block, "type") for block in blocks]
    thought = any(_was_thought_about(block) for block in blocks)
    if thought and kinds[0] != "thinking":
        raise Violation(
            f"messages.{place}.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
            f"`{kinds[0]}`. When `thinking` is enabled, a final `assistant` message must start with "
            "a thinking block (preceding the lastmost set of `tool_use` and `tool_result` blocks)."
        )


def _was_thought_about(block: Mapping[str, object]) -> bool:
    return text(block, "type") == "tool_use" and text(block, "id").startswith("toolu_01T")
