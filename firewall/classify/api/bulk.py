r"""Elasticsearch's and OpenSearch's bulk format: lines of JSON, an action and, except for deletions, its document.

Source: "Bulk API" of elastic.co/docs/api and docs.opensearch.org/api-reference. The server parts lines at `\n` and
takes the line behind an action as its document, whatever it holds; where an action is due empty lines are nothing.
"""

import json
from dataclasses import dataclass

from firewall.core.effect import Effect

MAX_CHARS = 8 * 1024 * 1024
MAX_ACTIONS = 50_000
_WITH_DOCUMENT = frozenset({"index", "create", "update"})


@dataclass(frozen=True, slots=True)
class Bulk:
    """What a bulk request does."""

    effects: frozenset[Effect]
    summary: str


def read_bulk(body: str) -> Bulk:
    """Return what the actions of a body do; one that cannot be read is unknown, whatever the others do."""
    if not body.strip() or len(body) > MAX_CHARS:
        return Bulk(frozenset({Effect.UNKNOWN}), "sends actions to the search engine that are not seen")
    written, deleted, at = 0, 0, 0
    while at < len(body):
        line, at = _line(body, at)
        if not line.strip():
            continue
        verb = _verb(line)
        if not verb or written + deleted >= MAX_ACTIONS:
            effects = {Effect.UNKNOWN, Effect.DESTRUCTIVE} if deleted else {Effect.UNKNOWN}
            return Bulk(frozenset(effects), "sends actions to the search engine that cannot be read")
        if verb == "delete":
            deleted += 1
            continue
        written += 1
        _, at = _line(body, at)
    return _told(written, deleted)


def _line(body: str, at: int) -> tuple[str, int]:
    """Return a line and where the next one begins."""
    end = body.find("\n", at)
    return (body[at:], len(body)) if end < 0 else (body[at:end], end + 1)


def _verb(line: str) -> str:
    """Return the one action of a line; empty: there is none, or more than one."""
    try:
        found = json.loads(line, object_pairs_hook=list)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], tuple):
        return ""
    verb = found[0][0]
    return verb if verb == "delete" or verb in _WITH_DOCUMENT else ""


def _told(written: int, deleted: int) -> Bulk:
    writes = f"writes {written} document{'s' if written != 1 else ''}"
    if not deleted:
        return Bulk(frozenset({Effect.WRITE}), f"{writes} in the search engine")
    deletes = f"deletes {deleted} document{'s' if deleted != 1 else ''}"
    also = f"{writes} and {deletes}" if written else deletes
    return Bulk(frozenset({Effect.DESTRUCTIVE}), f"{also} in the search engine; no undo through this API")
