"""SQL to one draft: read by its words as its dialect cuts them, checked by the dialect's parser, strictest counts.

The words are read first, because they keep their places (the evidence) and exist for every dialect, statement kind
and client command. Where they read as mild, PostgreSQL's own grammar, or sqlglot for other dialects, is asked as
well and can only add. Text of no known dialect is read by the rules of several, and the strictest answer counts.

What was decided where the sources are silent:

* A query may call functions that do anything. Functions of known effect decide; an unknown function whose name
  says that it changes or runs something is `unknown`; other unknown functions are taken for reads and are named in
  `unseen`.
* An UPDATE whose WHERE holds for every row (`1=1`, `true`, `x = x`, `a OR true`, `id IS NOT NULL`) is not limited.
* DROP of anything is a loss, also of what could be made again (an index): its definition is gone. Taking a trait
  from a column (NOT NULL, a default) or a member from a publication loses nothing.
* Replacing a definition (view, function) is a write; replacing what holds rows, files, a position or an account is
  a loss.
* A type change is a loss where the dialect may cut or round silently; where it can only widen, it is a write.
* Stored code is read; what it does counts as `exec` when a SELECT or an INSERT may start it.
"""

from collections.abc import Sequence

from firewall.classify.context import Context
from firewall.classify.draft import Draft, Source, shown
from firewall.classify.environments import Place, PlaceKind
from firewall.classify.sentences import placed
from firewall.classify.sql.blocks import read_block
from firewall.classify.sql.dialects import ANSI, MYSQL, TSQL, Dialect, dialect_named, read_as
from firewall.classify.sql.lexer import BAD, CLIENT, Token, tokens_of
from firewall.classify.sql.reading import (
    MAX_DEPTH,
    MAX_WORK,
    READ,
    UNKNOWN,
    WRITE,
    Finding,
    Reading,
    Statement,
    wordset,
)
from firewall.classify.sql.split import split, without_delimiters
from firewall.classify.sql.statements import read_statement
from firewall.core.action import UNRESOLVED
from firewall.core.effect import Effect, severity

MAX_SQL_CHARS = 24 * 1024
MAX_STATEMENTS = 200
MAX_SUMMARY_PARTS = 3
SQL = "sql:run"
"""The operation of SQL, whichever way it goes to a database."""
GENERIC = "sql"
"""The provider in the resource of a database whose kind nobody told."""
_FILES = ("sqlite3", "sqlite", "litecli", "duckdb")


def judge_sql(
    source: Source, program: str, context: Context, places: Sequence[Place], *, dialect: str = ""
) -> Draft:
    """Return one draft for a piece of SQL: the union of what its statements do.

    `program` is the client's name; `dialect` names the dialect where it is known otherwise. Never raises.
    """
    dialects = _dialects(source.text, dialect or program)
    readings = [_read_as(source, one, MAX_WORK // len(dialects)) for one in dialects]
    clean = [reading for reading in readings if not reading.broken] or readings
    reading = max(clean, key=lambda item: max(map(severity, item.effects), default=0))
    effects = set[Effect]().union(*(item.effects for item in clean))
    draft = Draft(SQL, f"database:{_engine(dialect or program)}", effects=effects or {UNKNOWN})
    _describe(draft, reading, source)
    _place(draft, reading, program, context, places)
    return draft


def _engine(name: str) -> str:
    """Return what a kind of database is called whichever way leads to it: `psql` and `pg` are `postgres`."""
    known = dialect_named(name)
    return known.name if known is not None and known is not ANSI else GENERIC


def _dialects(text: str, name: str) -> tuple[Dialect, ...]:
    """Return the dialects to read as: of the generic ones only those whose rules cut this text differently."""
    found = read_as(name)
    if ANSI not in found:
        return found
    mysql = any(mark in text for mark in ("\\", '"', "#", "/*!", "/*M!", "`")) or "elimiter" in text
    marks = {MYSQL: mysql, TSQL: "[" in text, ANSI: True}
    return tuple(one for one in found if marks.get(one, True))


def _read_as(source: Source, dialect: Dialect, limit: int) -> Reading:
    reading = Reading(limit=limit)
    if len(source.text) > MAX_SQL_CHARS:
        reading.add(Finding(frozenset({UNKNOWN}), source.whole(), "holds more SQL than is read"))
        reading.miss("SQL that is too long to read")
        return reading
    try:
        read_text(source, dialect, reading)
        if dialect.mysql and ("/*!" in source.text or "/*M!" in source.text):
            # FAIL-CLOSED: whether a versioned comment runs depends on the server: both ways count.
            read_text(source, dialect, reading, run_versioned=False)
    except RecursionError:
        reading.add(Finding(frozenset({UNKNOWN}), source.whole(), "is too deeply nested to read"))
        reading.miss("SQL that is too deeply nested to read")
    if not reading.effects and source.text.strip() and not reading.broken:
        reading.add(Finding(frozenset({READ}), source.whole(), "holds nothing but comments"))
    return reading


def read_text(
    source: Source,
    dialect: Dialect,
    reading: Reading,
    *,
    depth: int = 0,
    block: bool = False,
    run_versioned: bool = True,
) -> None:
    """Read a whole text into a reading; at `depth` above 0 it is text that SQL itself runs."""
    text = without_delimiters(source.text, dialect)
    tokens = tokens_of(text, dialect, run_versioned=run_versioned)
    reading.broken = reading.broken or any(token.kind == BAD for token in tokens)

    def recurse(statement: Statement, inner: Source) -> None:
        if statement.depth >= MAX_DEPTH or not statement.reading.affords(len(inner.text) // 8):
            statement.say({UNKNOWN}, "holds SQL in strings, too deep to read", at=(0, len(statement.tokens)))
            return
        read_text(inner, dialect, statement.reading, depth=statement.depth + 1, block=statement.block)

    whole = Statement(tokens, dialect, source, reading, recurse, read_statement, depth, block)
    if block:
        if not tokens:
            reading.effects.add(READ)
        read_block(whole)
        return
    found = split(tokens, dialect, text)
    for count, (start, end) in enumerate(found):
        if count >= MAX_STATEMENTS:
            whole.say({UNKNOWN}, "holds more statements than are read", at=(start, end))
            break
        before, reading.effects = reading.effects, set()
        one = whole.part(start, end)
        read_statement(one)
        second_opinion(one, text)
        told = reading.effects - {READ}
        reading.effects = before | (told or reading.effects)


_MILD = {READ, WRITE}
_PARSED = wordset(
    """SELECT WITH INSERT UPDATE VALUES TABLE MERGE REPLACE FROM EXPLAIN PREPARE CREATE DECLARE COPY ("""
)


def second_opinion(statement: Statement, text: str) -> None:
    """Ask a parser about a statement that its words read as mild."""
    first: Token = statement.tokens[0]
    if not statement.reading.effects <= _MILD or first.kind == CLIENT or first.key not in _PARSED:
        return
    part = text[first.start : statement.tokens[-1].end]
    if statement.dialect.postgres or statement.dialect is ANSI:
        from firewall.classify.sql import postgres

        postgres.check(statement, part)
    elif first.key not in ("CREATE", "COPY", "DECLARE", "PREPARE", "EXPLAIN"):
        from firewall.classify.sql import glot

        glot.check(statement, part)


def _describe(draft: Draft, reading: Reading, source: Source) -> None:
    """Fill summary, evidence, undo and what could not be seen."""
    found = sorted(reading.findings, key=lambda item: item.rank, reverse=True)
    top = found[0].rank if found else 0
    # Beside a loss, what can be put back (BEGIN, SET) decides nothing.
    mild = severity(WRITE) if top > severity(WRITE) else severity(READ)
    heads = list(dict.fromkeys(item.told for item in found if item.rank == top))
    more = len(heads) - MAX_SUMMARY_PARTS
    told = "; ".join(heads[:MAX_SUMMARY_PARTS]) + (f"; and {more} more" if more > 0 else "")
    line = shown(" ".join(source.text[:2000].split()), 60)
    if not found:
        draft.summary = f"runs SQL that is not understood: {line}"
    elif Effect.DESTRUCTIVE in draft.effects:
        undo = next((item.undo for item in found if item.rank == top and item.undo), "")
        draft.summary = f"{told}; {'undo: ' + undo if undo else 'no undo'} ({line})"
        draft.undo = undo
    else:
        draft.summary = f"{told} ({line})"
        undos = {item.undo for item in found if Effect.WRITE in item.effects}
        draft.undo = undos.pop() if len(undos) == 1 else ""
    for item in found:
        if item.rank > mild or len(draft.evidence) == 0:
            draft.point(item.span, item.told)
    if not draft.evidence:
        draft.point(source.whole(), draft.summary)
    draft.unseen += reading.unseen
    if UNKNOWN in draft.effects and not draft.unseen:
        draft.unseen.append("what this SQL does")


def _place(draft: Draft, reading: Reading, program: str, context: Context, places: Sequence[Place]) -> None:
    """Say where it lands: the table or database that it names, and the environment that a row claims for it."""
    named = next(iter(reading.tables), "")
    if named:
        draft.resource = f"{draft.resource}/{named[:200]}"
    database = next((value for kind, value in places if kind is PlaceKind.DATABASE and value not in ("", "?")), "")
    if database and program not in _FILES:
        draft.summary = placed(draft.summary, f"in database {shown(database)}")
    databases = [(PlaceKind.DATABASE, name.partition(".")[0]) for name in reading.tables if "." in name]
    draft.environment = UNRESOLVED if reading.moved else context.environments.name_of([*places, *databases])
    draft.paths += reading.files[:16]
    draft.attributes["network"] = program not in _FILES
    if reading.rows_bound and len(reading.rows_bound) == reading.statements:
        draft.attributes["rows"] = sum(reading.rows_bound)
