"""What could be done first, or instead, so that it can be taken back: `[[first]]` rows of a vendor's file, filled.

INVARIANT: what is proposed is built from the file's own text, from ids that look like ids, and from paths as they
were judged; nothing that an API says freely gets into it. A proposal that lacks a word is not made.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from firewall.classify.reader import Reader
from firewall.core.action import Action
from firewall.core.effect import Effect
from firewall.core.errors import ConfigError
from firewall.core.outgoing import Outgoing
from firewall.core.world import Finding

MAX_PROPOSALS = 4
_WORD = re.compile(r"\{([a-z_]+)\}")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@~-]{0,127}")
_PATH = re.compile(r"(?:/[A-Za-z0-9._:@~-]{1,253})+")
LOSING = frozenset({Effect.DESTRUCTIVE, Effect.DISRUPTIVE})
"""What a proposal may stand for."""


@dataclass(frozen=True, slots=True)
class First:
    """One row: of which requests, what to say, and what to send."""

    operation: "re.Pattern[str] | None"
    """Of the operation's name, without what stands before its first colon."""
    request: "re.Pattern[str] | None"
    """Of `METHOD /path`; its named groups are words as well."""
    words: str
    send: str
    """`METHOD /path body`, or a command line of AWS."""
    run: str = ""
    """The request of that command line: `METHOD /path body`; empty: `send` is it."""
    target: str = ""
    """The `x-amz-target` that goes with it."""
    before: bool = False
    """The request itself can follow it, once it is through; otherwise it takes the request's place."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One form of a request, filled."""

    words: str
    send: str
    run: str
    """The request itself: `METHOD /path body`; empty: nobody has written it down."""
    target: str
    """The `x-amz-target` that goes with it."""
    before: bool

    @property
    def line(self) -> str:
        """Return it as people read it."""
        return f"{self.words}: {self.send}"


def read_first(row: Reader) -> First:
    """Compile one row.

    Raises: ConfigError naming the row.
    """
    found = First(
        _pattern(row, "operation"),
        _pattern(row, "request"),
        row.string("words"),
        row.string("send"),
        row.string("run"),
        row.string("target"),
        row.boolean("before"),
    )
    row.finish()
    if (found.operation is None and found.request is None) or not found.words or not found.send:
        raise ConfigError(f"{row.where} needs `operation` or `request`, `words` and `send`")
    return found


def _pattern(row: Reader, key: str) -> "re.Pattern[str] | None":
    text = row.string(key)
    try:
        return re.compile(text) if text else None
    except re.error as error:
        raise row.wrong(key, "a pattern that compiles") from error


def proposals(
    rows: Sequence[First], outgoing: Outgoing, action: Action, *, findings: Sequence[Finding] = ()
) -> tuple[Proposal, ...]:
    """Return what could be done first or instead of an action that loses something."""
    if LOSING.isdisjoint(action.effects):
        return ()
    found: dict[Proposal, None] = {}
    for row in rows:
        words = _words(row, outgoing, action, findings)
        sent = _filled(row.send, words) if words is not None else ""
        if sent:
            run = _filled(row.run, words) if row.run and words is not None else sent
            found[Proposal(row.words, sent, run, row.target, row.before)] = None
    return tuple(found)[:MAX_PROPOSALS]


def _words(
    row: First, outgoing: Outgoing, action: Action, findings: Sequence[Finding]
) -> Mapping[str, str] | None:
    """Return the words that a row may use; None where it does not fit."""
    words: dict[str, str] = {}
    if row.operation is not None and row.operation.search(action.operation.partition(":")[2]) is None:
        return None
    if row.request is not None:
        match = row.request.fullmatch(f"{outgoing.method} {outgoing.path}")
        if match is None:
            return None
        words.update(match.groupdict(""))
    if len(action.things) == 1 and action.things[0].id:
        words.setdefault("id", action.things[0].id)
    for one in findings:
        words.update({name: values[0] for name, values in one.ids.items() if len(values) == 1})
    return words


def _filled(template: str, words: Mapping[str, str]) -> str:
    """Return the line; empty where a word is missing or could be more than a word."""
    for name in _WORD.findall(template):
        value = words.get(name, "")
        if _PLAIN.fullmatch(value) is None and _PATH.fullmatch(value) is None:
            return ""
    return _WORD.sub(lambda found: words[found[1]], template)
