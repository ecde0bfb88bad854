"""Reading the newest turn of a conversation: the items at its end that satisfy a condition."""

from collections.abc import Callable, Iterator, Mapping

Item = Mapping[str, object]


def trailing(items: object, belongs: Callable[[Item], bool]) -> list[Item]:
    """Return the longest run of objects at the end of `items` that all belong, in order."""
    found: list[Item] = []
    for item in reversed(items) if isinstance(items, list) else ():
        if not isinstance(item, dict) or not belongs(item):
            break
        found.append(item)
    return found[::-1]


def objects(items: object) -> Iterator[Item]:
    """Return the objects among `items`; nothing of what is no list."""
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict):
            yield item
