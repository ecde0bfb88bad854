"""The deciding words of a request, found in the text that people see: method, path, GraphQL field, operation.

A request is judged by its parts and its body as the server reads them; the places of those words in the shown text
are looked for afterwards. INVARIANT: this changes evidence alone.
"""

import json
import re
from collections.abc import Iterable

from firewall.classify.draft import Draft
from firewall.core.action import evidence_of

Span = tuple[int, int]
MAX_LOOKED_CHARS = 64 * 1024
MAX_MARKED_CHARS = 4096


def mark_request(drafts: Iterable[Draft], text: str, line: Span, head: Iterable[Span]) -> None:
    """Point at the words that decided, where a draft points at the whole line of a request.

    `line` is the span that the reader was given; `head` are those of the method and the path.
    """
    heads = [span for span in head if span[0] < span[1]]
    for draft in drafts:
        kept = [item for item in draft.evidence if (item.start, item.end) != line]
        notes = [item.note for item in draft.evidence if (item.start, item.end) == line]
        if not notes:
            continue
        spans = _words(draft, text) or heads or [line]
        draft.evidence = [*kept, *[evidence_of(start, end, notes[0]) for start, end in spans]]


def mark_values(drafts: Iterable[Draft], text: str) -> None:
    """Point at the name of what an operation is about as well, where the text holds it."""
    for draft in drafts:
        taken = [(item.start, item.end) for item in draft.evidence]
        for start, end in _value(draft, text):
            if draft.evidence and not any(first < end and start < last for first, last in taken):
                draft.point((start, end), draft.evidence[0].note)


def _words(draft: Draft, text: str) -> list[Span]:
    """Return where the operation is named in the text, when it is named by more than method and path."""
    domain, _, name = draft.operation.partition(":")
    if domain == "graphql" and name not in ("", "unknown"):
        found = _word(text, name)
        return [found, *_value(draft, text)] if found is not None else []
    if domain == "http" and ":" in name:
        found = _word(text, name.rpartition(":")[2])
        return [found, *_value(draft, text)] if found is not None else []
    return []


def _value(draft: Draft, text: str) -> list[Span]:
    """Return where the name of the resource stands in the text."""
    name = draft.resource.rpartition("/")[2]
    found = _word(text, name) if len(name) > 2 else None
    return [found] if found is not None else []


def _word(text: str, word: str) -> Span | None:
    """Return the first place where a word stands alone, in front of and behind what is no part of a word."""
    most = min(len(text), MAX_LOOKED_CHARS)
    start = text.find(word, 0, most)
    while start >= 0:
        end = start + len(word)
        if not (start and _is_part(text[start - 1])) and not (end < most and _is_part(text[end])):
            return start, end
        start = text.find(word, start + 1, most)
    return None


def _is_part(char: str) -> bool:
    return char.isalnum() or char in "_-"


def json_value(text: str, key: str, value: object) -> Span | None:
    """Return where a plain value stands in a JSON document, a text without its quotes; None: it does not."""
    if value is None or not isinstance(value, str | int | float):
        return None
    if isinstance(value, str) and len(value) > MAX_MARKED_CHARS:
        return None
    quotes = 1 if isinstance(value, str) else 0
    for written in dict.fromkeys((json.dumps(value, ensure_ascii=False), json.dumps(value))):
        pattern = rf'"{re.escape(key)}"\s{{0,4}}:\s{{0,4}}{re.escape(written)}'
        match = re.search(pattern, text[:MAX_LOOKED_CHARS]) if len(written) < MAX_LOOKED_CHARS else None
        if match is not None:
            return match.end() - len(written) + quotes, match.end() - quotes
    return None
