"""Reads fields out of JSON that a client sent, without trusting their types.

Absent and of another type are the same here: the rules of a dialect decide what that means.
"""

from collections.abc import Iterable, Mapping

Json = dict[str, object]
CONTEXTS = ("# AGENTS.md instructions", "Your response above was cut off mid-stream.")
"""How texts begin that clients write in a person's place: project rules, a plea to go on after a broken stream."""


def text(value: Mapping[str, object], key: str) -> str:
    """Return the string at `key`, or the empty string."""
    found = value.get(key)
    return found if isinstance(found, str) else ""


def flag(value: Mapping[str, object], key: str) -> bool:
    """Return whether `key` holds true."""
    return value.get(key) is True


def table(value: Mapping[str, object], key: str) -> Json:
    """Return the object at `key`, or an empty one."""
    return as_table(value.get(key))


def as_table(found: object) -> Json:
    """Return `found` when it is an object, or an empty one."""
    return found if isinstance(found, dict) else {}


def tables(value: Mapping[str, object], key: str) -> list[Json]:
    """Return the objects in the list at `key`; what is no object becomes an empty one, so places stay."""
    found = value.get(key)
    return [as_table(item) for item in found] if isinstance(found, list) else []


def names(value: Mapping[str, object], key: str) -> tuple[str, ...]:
    """Return the strings in the list at `key`."""
    found = value.get(key)
    return tuple(item for item in found if isinstance(item, str)) if isinstance(found, list) else ()


def content_blocks(content: object, kind: str = "text") -> list[Json]:
    """Return message content as blocks: a bare string is one block of type `kind`."""
    if isinstance(content, str):
        return [{"type": kind, "text": content}]
    return [as_table(item) for item in content] if isinstance(content, list) else []


def spoken(texts: Iterable[str]) -> str:
    """Join what a person said without the context that clients wrap in a tag (`<environment_context>`)."""
    return "\n".join(said for said in (item.strip() for item in texts) if said and not is_context(said))


def is_context(said: str) -> bool:
    """Tell whether the client wrote this text itself: one tagged span, or one of `CONTEXTS`."""
    said = said.strip()
    if said.startswith(CONTEXTS):
        return True
    if not (said.startswith("<") and said.endswith(">")):
        return False
    tag = said[1:].split(">", 1)[0].split(" ", 1)[0]
    return bool(tag) and said.endswith(f"</{tag}>")
