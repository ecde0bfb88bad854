"""Words that a program takes from its standard input and puts behind a command: xargs, parallel."""

import re
import shlex
from dataclasses import replace

from firewall.classify.draft import Draft, Source
from firewall.classify.rows import Program
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.apply import finish
from firewall.classify.shell.contents import add_contents, left_out
from firewall.classify.shell.options import Options, read_options
from firewall.classify.shell.scope import Feed
from firewall.classify.shell.touches import spot_of
from firewall.classify.shell.words import Word
from firewall.core.effect import Effect

MAX_FED_CHARS = 4096
MAX_LINES = 8
_TAKES = frozenset({"-I", "-n", "-P", "-d", "-L", "-a", "-J", "-E", "-s", "--replace0", "--delimiter"})
_FILES = ("-a", "--arg-file")
_CODE = frozenset({"-c", "-e", "-lc", "-ec", "-xc", "-E", "-r", "--eval", "-Command"})


def fed(rest: list[Word], command: Command) -> list[Word]:
    """Append what xargs will read: the words when they are known, else one word that is not."""
    options, _ = read_options(command.words[1:], _TAKES, first_only=True)
    marks = {word.text for word in options.values(("-I", "-J", "--replace"))} or (
        {"{}"} if "-i" in options.flags or "--replace" in options.flags else set()
    )
    items = _items(command.feed, options)
    span = command.words[0].span
    if rest[-1].text in _CODE and items and not marks:
        # The first item is the code; where exactly it ends is not followed.
        return [*rest, Word(" ".join(items), known=False, span=span)]
    if items is not None and not marks:
        return [*rest, *(Word(text, span=span, head=text) for text in items)]
    if items is not None and len(items) == 1:
        return [_filled(word, marks, items[0], span) for word in rest]
    hidden = _hidden(command)
    return [_replaced(word, marks, hidden) for word in rest] if marks else [*rest, hidden]


def from_files(rest: list[Word], command: Command, analysis: Analysis, before: int) -> None:
    """Name the files that xargs takes its words from, and add what is done to the words of visible ones."""
    options, _ = read_options(command.words[1:], _TAKES, first_only=True)
    given = options.values(_FILES)
    feed = command.feed
    paths = [path for word in given for path in spot_of(word, command.scope).paths] if given else []
    paths = paths or list(feed.paths if feed is not None else ())
    draft = next((one for one in analysis.drafts[before:] if one.effects - {Effect.READ, Effect.SECRET}), None)
    if draft is None or not paths or command.scope.machine:
        return

    def read(inner: Analysis, source: Source) -> None:
        words = [replace(word, span=source.whole(), source=None) for word in command.words]
        own = replace(command, words=tuple(words), feed=Feed(text=source.text, source=source), span=source.whole())
        filled = fed([replace(word, span=source.whole(), source=None) for word in rest], own)
        inner.run(own.rest(tuple(filled), feed=None, depth=command.depth + 1), inner)

    add_contents(draft, paths, command, analysis, lambda _path, _text: read)


def _items(feed: Feed | None, options: Options) -> list[str] | None:
    """Return what is read, cut into words or lines as the options say; None: not known."""
    if feed is None or feed.text is None or len(feed.text) >= MAX_FED_CHARS:
        return None
    if any(flag in options.flags for flag in ("-0", "--null")):
        return [text for text in feed.text.split("\0") if text]
    if any(flag in options.flags for flag in ("-I", "-i", "-J", "--replace", "-d", "--delimiter")):
        return [line.strip() for line in feed.text.splitlines() if line.strip()]
    if set(feed.text) & set("'\"\\"):
        return None
    return feed.text.split()


def _hidden(command: Command) -> Word:
    """Return one word for everything that is not known."""
    feed = command.feed
    below = feed.below if feed is not None else ()
    label = f"<{feed.exec_label}>" if feed is not None and feed.exec_label else "<the standard input>"
    ends = feed.ends if feed is not None else ()
    return Word(label, known=False, loose=not below, span=command.words[0].span, below=below, ends=ends)


def inserted(word: Word, marks: set[str]) -> Word:
    """Write what will stand in place of a mark as a variable that nobody knows (read again, it stays unknown)."""
    text = word.text
    for mark in marks:
        text = text.replace(mark, "${INSERTED}")
    return Word(text, known=False, head=text.partition("${INSERTED}")[0], span=word.span)


def _filled(word: Word, marks: set[str], value: str, span: tuple[int, int]) -> Word:
    text = word.text
    for mark in marks:
        text = text.replace(mark, value)
    return word if text == word.text else Word(text, known=word.known, head=text if word.known else "", span=span)


def _replaced(word: Word, marks: set[str], hidden: Word) -> Word:
    if word.text in marks:
        return hidden
    if any(mark in word.text for mark in marks):
        return inserted(word, marks)
    return word


def parallel(command: Command, program: Program, analysis: Analysis) -> bool:
    """`parallel CMD ::: a b`: one shell line for each value; without a command the values are the lines."""
    options, used = read_options(command.words[1:], program.takes, first_only=True)
    rest = command.words[1 + used :]
    if not rest and command.feed is None and not options.values(_FILES):
        return False
    cut = next((at for at, word in enumerate(rest) if re.fullmatch(r":::\+?|::::\+?", word.text)), len(rest))
    values = [word for word in rest[cut + 1 :] if not word.text.startswith(":::")]
    if cut == len(rest):
        items = _items(command.feed, options) if rest else _lines(command.feed)
        values = [Word(item, span=command.span) for item in items] if items is not None else [_hidden(command)]
    elif rest[cut].text.startswith("::::"):
        values = [_hidden(command)]
    if len(values) > MAX_LINES or not all(word.known for word in values):
        why = "commands made of words that are not known before it runs"
        draft = analysis.opaque(command.span, why, effects=(Effect.EXEC, Effect.UNKNOWN))
        finish(draft, command, analysis)
        _lines_of_files(draft, rest[:cut], _files(options, rest[cut:], command), command, analysis)
    for value in values[:MAX_LINES]:
        _line(rest[:cut], value, command, analysis)
    return True


def _files(options: Options, behind: tuple[Word, ...], command: Command) -> list[str]:
    """Return the files whose lines parallel takes: `-a FILE`, `:::: FILE`, `< FILE`."""
    words = options.values(_FILES)
    words += [word for word in behind[1:] if behind[0].text.startswith("::::")] if behind else []
    paths = [path for word in words for path in spot_of(word, command.scope).paths]
    return paths or list(command.feed.paths if command.feed is not None else ())


def _lines_of_files(
    draft: Draft, words: tuple[Word, ...], paths: list[str], command: Command, analysis: Analysis
) -> None:
    """Add what parallel does with the lines of files that are visible."""

    def read(inner: Analysis, source: Source) -> None:
        lines = [line for line in source.text.splitlines() if line.strip()]
        for line in lines[:MAX_LINES]:
            _line(words, Word(line, span=source.whole()), replace(command, span=source.whole()), inner)
        if len(lines) > MAX_LINES:
            left_out(inner, "the rest of the lines, which are too many to read")

    if paths and not command.scope.machine:
        add_contents(draft, paths, command, analysis, lambda _path, _text: read)


def _lines(feed: Feed | None) -> list[str] | None:
    return None if feed is None or feed.text is None else [line for line in feed.text.splitlines() if line.strip()]


def _line(words: tuple[Word, ...], value: Word, command: Command, analysis: Analysis) -> None:
    """Read the shell line that parallel makes of a command and one value."""
    written = "${INSERTED}" if not value.known else shlex.quote(value.text) if words else value.text
    text = " ".join(word.text for word in words)
    text = text.replace("{}", written) if "{}" in text else f"{text} {written}".strip()
    source = Source(text, base=None, outer=command.span)
    analysis.script(analysis, source, command.scope.copy(), None, command.depth + 1)
