r"""SQL by its tokens: honest about little. Statements whose kind is certain are named, all else is `unknown`.

Comments, strings and quoted names are taken out first; a comment that some servers run (`/*!`), client
commands (`\\!`, `source`) and statements that run text are never read as milder than `unknown`.
"""

import re
from collections.abc import Sequence

from firewall.classify.context import Context
from firewall.classify.draft import Draft, Source, shown
from firewall.classify.environments import Place
from firewall.core.effect import Effect

MAX_SQL_CHARS = 32 * 1024
MAX_STATEMENTS = 200
_NOISE = re.compile(
    r"--[^\n]*|/\*(?!!).*?\*/|'(?:[^'\\]|''|\\.)*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\$(\w*)\$.*?\$\1\$", re.DOTALL
)
_READS = frozenset({"SELECT", "SHOW", "DESCRIBE", "DESC", "VALUES", "TABLE", "USE", "PRAGMA", "HELP"})
_WRITES = frozenset(
    {
        "INSERT", "CREATE", "COMMENT", "ANALYZE", "BEGIN", "START", "COMMIT", "SAVEPOINT", "SET", "UPSERT", "LOCK",
        "UNLOCK", "REINDEX", "END", "RELEASE", "OPTIMIZE",
    }
)  # fmt: skip
_FIXED = {
    **dict.fromkeys(("DROP", "TRUNCATE", "DELETE", "PURGE", "FLUSHALL", "FLUSHDB"), Effect.DESTRUCTIVE),
    **dict.fromkeys(("VACUUM", "ROLLBACK"), Effect.WRITE),
    **dict.fromkeys(("GRANT", "REVOKE"), Effect.PRIVILEGE),
}
_DML_INSIDE = re.compile(
    r"\b(DELETE\s+FROM|DROP\s+\w+|TRUNCATE|UPDATE\s+\S+\s+SET|INSERT\s+INTO|MERGE\s+INTO)\b", re.IGNORECASE
)
_DOUBTFUL = re.compile(
    r"\b(?:INTO\s+(?:OUTFILE|DUMPFILE)|dblink\w*|lo_\w+|pg_(?:read|write|terminate|cancel|ls|stat_file|reload)\w*|query_to_xml|xp_\w+|load_extension|writefile|readfile|load_file|setval|nextval|FOR\s+UPDATE)\b",
    re.IGNORECASE,
)
_FUNCTION = re.compile(r"\b([a-z_][\w.]*)\s*\(", re.IGNORECASE)
_PLAIN_FUNCTIONS = frozenset(
    {
        "count", "sum", "min", "max", "avg", "abs", "round", "floor", "ceil", "ceiling", "coalesce",
        "nullif", "length", "lower", "upper", "trim", "ltrim", "rtrim", "substring", "substr", "replace",
        "concat", "now", "date", "time", "datetime", "strftime", "date_trunc", "extract", "cast", "convert",
        "row_number", "rank", "dense_rank", "lag", "lead", "over", "partition", "in", "exists", "values",
        "any", "all", "array_agg", "string_agg", "group_concat", "json_agg", "json_object", "json_extract",
        "json_build_object", "jsonb_agg", "to_char", "to_date", "to_timestamp", "current_date",
        "current_timestamp", "version", "pg_size_pretty", "pg_database_size", "pg_total_relation_size",
        "pg_relation_size", "position", "greatest", "least", "distinct", "case", "when", "and", "or", "on",
        "from", "where", "select", "not", "as", "by", "union", "except", "intersect", "join", "using",
        "interval", "sqlite_version", "typeof", "printf", "instr", "random", "first_value", "last_value",
        "ntile", "percentile_cont",
    }
)  # fmt: skip
_CLIENT = re.compile(
    r"^\s*(?:\\[!icgwoe]\S*|\\copy|\\gexec|source\s|system\s|\\\.|pager\s|tee\s|\.(?:shell|sh|system|read|import|output|once|excel|load|restore|save|clone|archive|backup)\b)",
    re.IGNORECASE | re.MULTILINE,
)
_CLIENT_READ = re.compile(
    r"\s*(?:\\(?:d\S*|l\+?|conninfo|timing|x|z|q|\?|h\b.*|echo .*)(?:\s+[\w.*\"]+)?"
    r"|\.(?:tables|schema|databases|indexes|mode|headers|quit|exit|help|show)\b.*)\s*",
    re.IGNORECASE,
)


def judge_sql(source: Source, program: str, context: Context, places: Sequence[Place]) -> Draft:
    """Return one draft for a piece of SQL: the union of its statements' effects."""
    draft = Draft("sql:run", f"database:{program}", effects=set())
    draft.environment = context.environments.name_of(places)
    draft.attributes["network"] = program not in ("sqlite3", "sqlite", "duckdb")
    text = source.text
    if _CLIENT_READ.fullmatch(text):
        draft.effects.add(Effect.READ)
    elif _CLIENT.search(text) or "/*!" in text:
        draft.effects |= {Effect.EXEC, Effect.UNKNOWN}
        draft.unseen.append("what the client command runs")
    else:
        _statements(text, draft)
    if not draft.effects:
        draft.effects.add(Effect.UNKNOWN)
    draft.summary = _summary(draft, text)
    draft.point(source.whole(), draft.summary)
    return draft


def _statements(text: str, draft: Draft) -> None:
    if len(text) > MAX_SQL_CHARS or text.count(";") > MAX_STATEMENTS:
        draft.effects.add(Effect.UNKNOWN)
        return
    plain = _NOISE.sub(lambda found: " " if found.group(0).startswith(("--", "/*")) else "''", text)
    if "\\" in plain:
        # FAIL-CLOSED: outside of strings a backslash starts a client's own command (`\\g |program`).
        draft.effects |= {Effect.EXEC, Effect.UNKNOWN}
        draft.unseen.append("what the client command runs")
    for statement in plain.split(";"):
        if statement.count("(") != statement.count(")"):
            draft.effects.add(Effect.UNKNOWN)
        elif statement.strip():
            draft.effects |= _statement(statement.strip())


_BOUNDED = re.compile(r"\bWHERE\b(?!\s*(?:1\s*=\s*1|true)\b)", re.IGNORECASE)


def _statement(statement: str) -> set[Effect]:
    words = re.findall(r"[A-Za-z_]+", statement)
    verb = words[0].upper() if words else ""
    if verb in _FIXED:
        return {_FIXED[verb]}
    if verb in ("ALTER", "RENAME"):
        return _alter(statement)
    if verb == "UPDATE":
        return {Effect.WRITE} if _BOUNDED.search(statement) else {Effect.DESTRUCTIVE}
    if verb in _READS or verb in ("WITH", "EXPLAIN"):
        return _reading(statement, verb)
    return _writing(statement, verb) if verb in _WRITES else {Effect.UNKNOWN}


def _reading(statement: str, verb: str) -> set[Effect]:
    if match := _DML_INSIDE.search(statement):
        if verb == "EXPLAIN" and "ANALY" not in statement.upper():
            return {Effect.READ}
        word = match.group(1).split()[0].upper()
        return {Effect.WRITE} if word == "INSERT" else {Effect.DESTRUCTIVE}
    if verb == "PRAGMA" and "=" in statement:
        return {Effect.WRITE}
    if (
        _DOUBTFUL.search(statement)
        or re.search(r"''\s*\(", statement)
        or re.search(r"\bINTO\b", statement, re.IGNORECASE)
    ):
        return {Effect.UNKNOWN}
    if any(name.lower() not in _PLAIN_FUNCTIONS for name in _FUNCTION.findall(statement)):
        return {Effect.UNKNOWN}
    return {Effect.READ}


def _writing(statement: str, verb: str) -> set[Effect]:
    upper = statement.upper()
    if verb == "CREATE" and re.search(r"\b(?:USER|ROLE|POLICY|LOGIN)\b", upper):
        return {Effect.PRIVILEGE}
    if verb == "CREATE" and "OR REPLACE" in upper:
        return {Effect.DESTRUCTIVE}
    if verb == "CREATE" and re.search(r"\b(?:FUNCTION|PROCEDURE|TRIGGER|EXTENSION|EVENT|RULE)\b", upper):
        return {Effect.WRITE, Effect.EXEC}
    return {Effect.WRITE}


def _alter(statement: str) -> set[Effect]:
    upper = statement.upper()
    if re.search(r"\bDROP\b", upper):
        return {Effect.DESTRUCTIVE}
    if re.search(r"\bALTER\s+(?:USER|ROLE|LOGIN|DEFAULT\s+PRIVILEGES|POLICY)\b|\bOWNER\s+TO\b|ROW\s+LEVEL", upper):
        return {Effect.PRIVILEGE}
    if re.search(r"\b(?:TYPE|MODIFY|CHANGE)\b", upper):
        return {Effect.DESTRUCTIVE}
    return {Effect.WRITE}


def _summary(draft: Draft, text: str) -> str:
    line = shown(" ".join(text.split()), 60)
    if Effect.DESTRUCTIVE in draft.effects:
        return f"runs SQL that removes or overwrites data or structure: {line}; no undo"
    if Effect.UNKNOWN in draft.effects:
        return f"runs SQL that is not understood: {line}"
    if Effect.PRIVILEGE in draft.effects:
        return f"runs SQL that changes who may do what: {line}"
    return f"runs SQL: {line}"
