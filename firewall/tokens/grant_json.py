"""Grants as JSON, for the store: every field named, unknown or missing ones refused."""

import dataclasses
from datetime import UTC, datetime

import orjson

from firewall.core.errors import StoreError
from firewall.core.grant import Grant, Verb

_TUPLES = frozenset({"tools", "targets", "resources", "models"})
_LATER = {"team": "", "tags": ()}
"""Fields that tokens of an earlier version do not have, and what they mean there."""


def dump(grant: Grant) -> str:
    """Write a grant."""
    row: dict[str, object] = {field.name: getattr(grant, field.name) for field in dataclasses.fields(Grant)}
    row["verbs"] = sorted(grant.verbs)
    row["expires_at"] = grant.expires_at.astimezone(UTC).isoformat()
    return orjson.dumps(row, option=orjson.OPT_SORT_KEYS).decode()


def parse(text: str) -> Grant:
    """Read a grant.

    Raises: StoreError when a field is unknown or missing: what we cannot read permits nothing.
    """
    try:
        row = {**_LATER, **orjson.loads(text)}
        if set(row) != {field.name for field in dataclasses.fields(Grant)}:
            raise StoreError("a stored grant has other fields than this version knows")
        row["verbs"] = frozenset(Verb(verb) for verb in row["verbs"])
        row["expires_at"] = datetime.fromisoformat(row["expires_at"])
        for name in _TUPLES:
            row[name] = tuple(row[name])
        row["tags"] = tuple((str(key), str(word)) for key, word in row["tags"])
        return Grant(**row)
    except (orjson.JSONDecodeError, ValueError, TypeError, KeyError) as error:
        raise StoreError("a stored grant cannot be read", detail=type(error).__name__) from error
