"""The files of options that curl reads (`curl -K FILE`, https://curl.se/docs/manpage.html#-K).

One option a line, with or without its dashes, then blanks, `=` or `:` and a value, in double quotes or up to the
next blank; a line that begins with `#` is none.
"""

import re

from firewall.classify.draft import Source
from firewall.classify.shell.words import Word

MAX_OPTIONS = 200
_LINE = re.compile(
    r"[ \t]*+(?P<name>[^\s=:\"]++)[ \t]*+(?:[=:][ \t]*+)?"
    r"(?:\"(?P<quoted>(?:[^\"\\]|\\.)*+)\"|(?P<plain>\S++))?[ \t]*+\r?+"
)
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"t": "\t", "n": "\n", "r": "\r", "v": "\v"}


def options_of(source: Source) -> tuple[list[Word], bool]:
    """Return the words that a file of options adds to a command line, and whether every line was understood."""
    words: list[Word] = []
    whole = True
    at = 0
    for line in source.text.split("\n"):
        start, at = at, at + len(line) + 1
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None or len(words) >= MAX_OPTIONS:
            whole = False
            continue
        span = source.span(start, start + len(line))
        words += [Word(text, head=text, span=span) for text in _words(match)]
    return words, whole


def _words(match: re.Match[str]) -> list[str]:
    name, quoted, plain = match.group("name", "quoted", "plain")
    option = name if name.startswith("-") else f"--{name}"
    if quoted is not None:
        return [option, _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), quoted)]
    return [option, plain] if plain is not None else [option]
