"""Lists of models: read from providers of any dialect, written for clients of any.

A provider's own row goes to clients of its dialect as it came; others get what all dialects have in common.
Sources: OpenAI `GET /models`, Anthropic `GET /v1/models` (cursors `after_id`, `before_id`), Gemini
`GET /v1beta/models` (`pageToken`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import parse_qsl

import orjson

from firewall.codecs.upstream_json import JsonObject, loads_object, malformed
from firewall.core.dialect import Dialect
from firewall.core.errors import ProtocolError

MAX_NAME = 200
_PREFIX = "models/"
_ANTHROPIC_PAGE, _GEMINI_PAGE, _MOST = 20, 50, 1000
"""What the two APIs give where a client does not say, and at most."""
_METHODS = ("generateContent", "streamGenerateContent", "countTokens")


@dataclass(frozen=True, slots=True)
class Listed:
    """A model that a client may name."""

    name: str
    owner: str
    """The provider's name in our configuration, or the route's."""
    dialect: Dialect | None = None
    """In whose words `row` is; None: there is none."""
    row: Mapping[str, object] | None = None
    """The provider's own row."""
    created_at: int = 0
    """Seconds since 1970; 0: not known."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a provider's list."""

    models: tuple[Listed, ...]
    after: str = ""
    """What asks for the next page; empty: this was the last."""


def read(body: bytes, dialect: Dialect, owner: str) -> Page:
    """Read one page of a provider's list; rows without a usable name are left out.

    Raises: ProtocolError (upstream) when it is no list.
    """
    value = loads_object(body)
    rows = value.get("models" if dialect is Dialect.GEMINI else "data")
    if not isinstance(rows, list):
        malformed("it is no list of models", code="upstream_malformed")
    models = tuple(
        _read_row(row, name, owner, dialect) for row in rows if isinstance(row, dict) and (name := _name(row))
    )
    return Page(models, _after(value, dialect))


def write_list(models: Sequence[Listed], dialect: Dialect, query: str) -> bytes:
    """Write the page of a list that `query` asks for.

    Raises: ProtocolError (400) `page_invalid` for a page size that the dialect does not have.
    """
    match dialect:
        case Dialect.ANTHROPIC:
            return _anthropic_page(models, dict(parse_qsl(query)))
        case Dialect.GEMINI:
            return _gemini_page(models, dict(parse_qsl(query)))
        case _:
            return orjson.dumps({"object": "list", "data": [_row(one, dialect) for one in models]})


def write_one(model: Listed, dialect: Dialect) -> bytes:
    """Write one model as the dialect's `GET …/models/{id}` gives it."""
    return orjson.dumps(_row(model, dialect))


def _read_row(row: JsonObject, name: str, owner: str, dialect: Dialect) -> Listed:
    created = row.get("created")
    if isinstance(created, int) and not isinstance(created, bool) and created > 0:
        at = created
    else:
        at = _seconds(row.get("created_at"))
    return Listed(name, owner, dialect, row, at)


def _name(row: JsonObject) -> str:
    given = row.get("id") or row.get("name")
    name = given.removeprefix(_PREFIX) if isinstance(given, str) else ""
    return name if name.isprintable() and len(name) <= MAX_NAME else ""


def _seconds(text: object) -> int:
    try:
        return max(0, int(datetime.fromisoformat(str(text)).timestamp()))
    except (ValueError, OverflowError, OSError):
        return 0


def _after(value: JsonObject, dialect: Dialect) -> str:
    match dialect:
        case Dialect.ANTHROPIC:
            found = value.get("last_id") if value.get("has_more") is True else ""
        case Dialect.GEMINI:
            found = value.get("nextPageToken")
        case _:
            found = ""
    return found if isinstance(found, str) else ""


def _row(model: Listed, dialect: Dialect) -> Mapping[str, object]:
    openai: frozenset[Dialect | None] = frozenset({Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES})
    is_own = model.dialect is dialect or (model.dialect in openai and dialect in openai)
    if model.row is not None and is_own:
        return model.row
    match dialect:
        case Dialect.ANTHROPIC:
            return {
                "type": "model",
                "id": model.name,
                "display_name": model.name,
                "created_at": datetime.fromtimestamp(model.created_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "lifecycle": "active",
            }
        case Dialect.GEMINI:
            return {
                "name": _PREFIX + model.name,
                "version": "1",
                "displayName": model.name,
                "supportedGenerationMethods": _METHODS,
            }
        case _:
            return {"id": model.name, "object": "model", "created": model.created_at, "owned_by": model.owner}


def _anthropic_page(models: Sequence[Listed], asked: Mapping[str, str]) -> bytes:
    size = _size(asked, "limit", _ANTHROPIC_PAGE)
    places = {one.name: place for place, one in enumerate(models)}
    if "before_id" in asked:
        end = places.get(asked["before_id"], 0)
        begin = max(0, end - size)
        has_more = begin > 0
    else:
        begin = places.get(asked["after_id"], len(models)) + 1 if "after_id" in asked else 0
        end = begin + size
        has_more = end < len(models)
    page = models[begin:end]
    rows = [_row(one, Dialect.ANTHROPIC) for one in page]
    first, last = (page[0].name, page[-1].name) if page else (None, None)
    return orjson.dumps({"data": rows, "has_more": has_more, "first_id": first, "last_id": last})


def _gemini_page(models: Sequence[Listed], asked: Mapping[str, str]) -> bytes:
    size = _size(asked, "pageSize", _GEMINI_PAGE)
    token = asked.get("pageToken", "0")
    if not token.isdigit() or len(token) > 9:
        raise ProtocolError("`pageToken` is not one that this list gave", code="page_invalid")
    begin = int(token)
    page: dict[str, object] = {"models": [_row(one, Dialect.GEMINI) for one in models[begin : begin + size]]}
    if begin + size < len(models):
        page["nextPageToken"] = str(begin + size)
    return orjson.dumps(page)


def _size(asked: Mapping[str, str], name: Literal["limit", "pageSize"], default: int) -> int:
    text = asked.get(name, str(default))
    number = int(text) if text.isdigit() and len(text) < 10 else 0
    if name == "pageSize":  # Google takes larger ones for its largest, and 0 for its own
        return min(number or default, _MOST)
    if not 1 <= number <= _MOST:
        raise ProtocolError(f"`{name}` must be a whole number from 1 to {_MOST}", code="page_invalid")
    return number
