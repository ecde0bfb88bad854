"""PostgREST and what is built on it (Supabase): tables, filters and functions of a PostgreSQL database over HTTP.

https://docs.postgrest.org/en/stable/references/api.html: DELETE and PATCH act on every row that the filters in the
address leave; without one that is the whole table. A function may do anything that its owner may, unless it is
called by GET, which the server runs in a read-only transaction.
"""

import re
from collections.abc import Mapping, Sequence

from firewall.core.effect import Effect

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_NO_FILTER = frozenset({"select", "columns", "order", "limit", "offset", "on_conflict", "apikey"})
_WIDE = re.compile(
    r"not\.|neq\.|isdistinct\.|i?like(?:\([a-z]+\))?\.[*%]*$|i?match\.(?:\.[*]|\^?\$?)$|gte?\.(?:-|0|1(?:9|970)?\b)",
    re.IGNORECASE,
)
_SQL_NAMES = frozenset(
    {"sql", "query", "statement", "stmt", "command", "q", "sql_query", "query_text", "sql_string"}
)
MAX_SHOWN = 60


def judge(method: str, segments: Sequence[str], query: Mapping[str, object]) -> tuple[set[Effect], str]:
    """Return what a request does and one sentence; `segments`: the path behind the API's own prefix."""
    if not segments:
        return {Effect.READ if method in _READING else Effect.UNKNOWN}, "asks for the description of the database"
    if segments[0] == "rpc":
        name = _shown(segments[1] if len(segments) > 1 else "")
        if method in _READING:
            return {Effect.READ}, f"calls function {name} in a read-only transaction"
        return {Effect.UNKNOWN}, f"calls function {name}, which may do anything in the database"
    return _of_table(method, _shown(segments[0]), query)


def _of_table(method: str, table: str, query: Mapping[str, object]) -> tuple[set[Effect], str]:
    if method in _READING:
        return {Effect.READ}, f"reads table {table}"
    if method in ("POST", "PUT"):
        return {Effect.WRITE}, f"writes rows of table {table}"
    if method not in ("DELETE", "PATCH"):
        return {Effect.UNKNOWN}, f"sends a request to table {table} whose meaning is not known"
    does = "deletes" if method == "DELETE" else "changes"
    if not is_limited(query):
        return {Effect.DESTRUCTIVE}, f"{does} every row of table {table}; no undo"
    effect = Effect.DESTRUCTIVE if method == "DELETE" else Effect.WRITE
    return {effect}, f"{does} the rows of table {table} that its filters leave"


def is_limited(query: Mapping[str, object]) -> bool:
    """Tell whether filters leave out some rows, as far as can be told: one that any row passes limits nothing."""
    for name, value in query.items():
        if name.lower() in _NO_FILTER:
            continue
        texts = [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
        if any(not _is_wide(name, text) for text in texts):
            return True
    return False


def sql_in(segments: Sequence[str], body: Mapping[str, object] | None) -> str:
    """Return the SQL that a function is handed (`exec_sql`), by the name of the argument; empty: there is none."""
    if segments[:1] != ["rpc"]:
        return ""
    texts = [value for name, value in (body or {}).items() if name.lower().removeprefix("p_") in _SQL_NAMES]
    return ";\n".join(text for text in texts if isinstance(text, str) and " " in text.strip())


def _is_wide(name: str, text: str) -> bool:
    if name.lower() in ("or", "not.or"):
        return True  # FAIL-CLOSED: alternatives may leave every row in
    if name.lower() in ("and", "not.and"):
        return all(_WIDE.match(part.partition(".")[2]) for part in text.strip("()").split(",") if part)
    return _WIDE.match(text) is not None


def _shown(name: str) -> str:
    line = name if name.isprintable() else "?"
    return "`" + line[:MAX_SHOWN].replace("`", "'") + "`"
