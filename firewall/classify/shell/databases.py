"""Command lines that hand SQL to a database: `sqlite3 FILE SQL`, `bq query SQL`, `snow sql -q SQL`."""

from collections.abc import Sequence
from itertools import pairwise
from urllib.parse import unquote

from firewall.classify.draft import Draft, Source
from firewall.classify.rows import Program, Verb
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.apply import add, finish
from firewall.classify.shell.contents import Read, add_contents
from firewall.classify.shell.options import Options
from firewall.classify.shell.touches import Touched, touch_drafts
from firewall.classify.shell.uses import Use, places_of, read_use
from firewall.classify.shell.words import Word
from firewall.classify.sql.judge import judge_sql
from firewall.core.effect import Effect

_TEXTS = ("-cmd", "-c", "-s")
_QUERIES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "bq": (("query",), ()),
    "wrangler": (("d1", "execute"), ("--command",)),
    "turso": (("db", "shell"), ()),
    "supabase": (("db", "query"), ()),
    "heroku": (("pg:psql",), ("-c", "--command")),
    "snow": (("sql",), ("-q", "--query")),
    "neonctl": (("psql",), ("-c", "--command")),
    "neon": (("psql",), ("-c", "--command")),
    "influx": ((), ("-execute",)),
}
"""Program -> the words of its subcommand and the options that hold SQL; none: the words behind are SQL."""
_NAMED_FIRST = frozenset({"turso", "wrangler"})
"""They name the database in front of the SQL."""


def query(command: Command, program: Program, analysis: Analysis) -> bool:
    """Read the SQL that a vendor's command line is given; every other subcommand is left to its rows."""
    known = _QUERIES.get(program.name)
    if known is None:
        return False
    use = read_use(program, command)
    words = list(use.positional)
    head, options = known
    if tuple(word.text for word in words[: len(head)]) != head:
        return False
    texts = (
        [*use.options.values(options), *_behind(command.words, options)]
        if options
        else words[len(head) + (program.name in _NAMED_FIRST) :]
    )
    feed = command.feed
    sources = [_source(word) for word in texts]
    if not sources and not head:
        return False
    if not sources and feed is not None and feed.text is not None:
        sources = [feed.source or Source(feed.text, base=None, outer=command.span)]
    if not sources and feed is None:
        return False
    if not sources:
        _fed(command, program, use, analysis)
    for source in sources:
        draft = judge_sql(source, program.name, analysis.context, places_of(use))
        _options(draft, use, program)
        draft.effects |= {Effect.UNKNOWN} if not all(word.known for word in texts) else set()
        analysis.drafts.append(draft)
        finish(draft, command, analysis)
    return True


def _fed(command: Command, program: Program, use: Use, analysis: Analysis) -> None:
    """Add SQL that comes from a file or a program: read where the workspace shows it, else unknown."""
    draft = analysis.opaque(command.span, "SQL from its input", effects=(Effect.EXEC, Effect.UNKNOWN))
    finish(draft, command, analysis)

    def read(inner: Analysis, source: Source) -> None:
        found = judge_sql(source, program.name, inner.context, places_of(use))
        inner.drafts.append(found)
        finish(found, command, inner)

    if command.feed is not None and command.feed.paths:
        add_contents(draft, command.feed.paths, command, analysis, lambda _path, _text: read)


_OUTPUTS = ((Verb.OVERWRITE, ("-o", "--output")), (Verb.APPEND, ("-L", "--log-file", "--tee")))


def add_outputs(options: Options, command: Command, analysis: Analysis) -> None:
    """Add the files that a database's client writes what it shows to."""
    for verb, names in _OUTPUTS:
        words = [word for word in options.values(names) if not word.text.startswith("|")]
        for group in touch_drafts([Touched(verb, word) for word in words], command.scope, analysis.context):
            add(group, command, analysis, "sql:output", "writes what it shows to {path}")


def _behind(words: Sequence[Word], options: tuple[str, ...]) -> list[Word]:
    """Return the words behind options of which the row does not say that they take a value."""
    return [word for flag, word in pairwise(words) if flag.text in options and flag.text == "--command"]


def _options(draft: Draft, use: Use, program: Program) -> None:
    """Add what options of `bq query` change: a dry run runs nothing, a replaced destination is lost."""
    if program.name != "bq":
        return
    if use.options.lowers(("--dry_run",)):
        draft.effects = {Effect.READ}
        draft.summary, draft.undo = f"checks SQL without running it: {draft.summary}", ""
        draft.attributes["dry_run"] = True
    elif use.options.given("--replace"):
        draft.effects.add(Effect.DESTRUCTIVE)
        draft.summary = f"{draft.summary}; replaces the destination table"
    elif use.options.given("--destination_table"):
        draft.effects.add(Effect.WRITE)


def _source(word: Word) -> Source:
    return word.source or Source(word.text, base=None, outer=word.span)


def sqlite(command: Command, program: Program, analysis: Analysis) -> bool:
    """`sqlite3 FILE SQL`: SQL on a file; without SQL a session."""
    use = read_use(program, command)
    words = list(use.positional)
    if not words:
        return False
    texts = [*use.options.values(_TEXTS), *words[1:]]
    feed = command.feed
    sources = [_source(word) for word in texts]
    if not sources and feed is not None and feed.text is not None:
        sources = [feed.source or Source(feed.text, base=None, outer=command.span)]
    if not sources:
        draft = analysis.opaque(command.span, "a database session", effects=(Effect.EXEC, Effect.UNKNOWN))
        finish(draft, command, analysis)
        if feed is not None and feed.paths:
            add_contents(draft, feed.paths, command, analysis, lambda _path, _text: _of_file(use, words[0]))
        return True
    _first(use, command, analysis)
    for source in sources:
        found = judge_sql(source, program.name, analysis.context, places_of(use))
        _on_files(found, words[0], source, texts, command, analysis)
    return True


def _first(use: Use, command: Command, analysis: Analysis) -> None:
    """Add the file that is run before the SQL (`-init FILE`)."""
    for word in use.options.values(("-init",)):
        why = f"commands from {word.text}"
        draft = analysis.opaque(word.span, why, effects=(Effect.EXEC, Effect.UNKNOWN))
        finish(draft, command, analysis)


def _of_file(use: Use, file: Word) -> Read:
    """Return the reader of a file of SQL that is run on a database file."""

    def read(inner: Analysis, source: Source) -> None:
        found = judge_sql(source, use.program.name, inner.context, places_of(use))
        _on_files(found, file, source, (), use.command, inner)

    return read


def _of_uri(word: Word) -> Word:
    """Return the file that a name means: SQLite also takes `file:PATH?mode=ro` (SQLite, URI filenames)."""
    if not word.text.startswith("file:"):
        return word
    path = unquote(word.text.removeprefix("file:").partition("#")[0].partition("?")[0])
    if path.startswith("//"):
        path = "/" + path[2:].partition("/")[2]
    return Word(path, known=word.known, head=path if word.known else "", span=word.span)


def _on_files(
    found: Draft, file: Word, source: Source, texts: Sequence[Word], command: Command, analysis: Analysis
) -> None:
    """Add what SQL does to the file that it is run on, and to those that it opens besides."""
    verb = Verb.READ if found.effects <= {Effect.READ} else Verb.EDIT
    others = [Word(path, head=path, span=source.whole()) for path in found.paths]
    touched = [Touched(verb, _of_uri(word)) for word in (file, *others)]
    for group in touch_drafts(touched, command.scope, analysis.context):
        draft = add(group, command, analysis, "sql:run", f"{found.summary} (in {{path}})")
        draft.effects = (draft.effects | found.effects) - (
            {Effect.WRITE} if Effect.WRITE not in found.effects else set()
        )
        draft.unseen += found.unseen
        draft.evidence += found.evidence
        draft.effects |= {Effect.UNKNOWN} if not all(word.known for word in texts) else set()
