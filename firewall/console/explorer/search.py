"""Answering a question about the log: newest first, a page at a time, in a time that does not grow with the log.

What is not indexed yet is read from the log itself; behind that, columns or blocks of words say which entries to
read. Whatever is found was read from the log and is what was asked, so an index that is wrong hides, and never
invents. When the time is up, the page says how far it came, and the next one goes on there.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from audit import AuditError
from audit.seal import Keystore
from firewall.console.explorer.blocks import WIDTH, Marks, Rows, found
from firewall.console.explorer.indexing import OPEN_SUBJECT, bound_to, marker
from firewall.console.explorer.log import Log, unreadable
from firewall.console.explorer.names import Names
from firewall.console.explorer.seen import Seen
from firewall.console.explorer.store import EFFECTS, Index
from firewall.console.explorer.wish import Who, Wish, looked
from firewall.core.errors import StoreError

LIMIT_S = 0.22
"""How long one page looks; it is looked at after each step, which takes a few milliseconds."""
PAGE = 50
PAGE_BYTES = 8 << 20
"""Stored bytes of the entries of one page; an entry that is larger by itself is a page of its own."""
NAMES_S = 30.0
"""Until names are read again for a principal that is not known."""
_STEP = 128
"""Entries that are read from the log in one step."""
_FEW = 2_000
"""Entries of a rare name, that are read one by one sooner than blocks of words are."""
_RARE = 50_000
"""Entries of a name up to which its own index is used; above, all rows are walked in their order."""
_WINDOW = 64 * WIDTH
_CONDITIONS = {"kind": "kind", "approval": "approval", "environment": "environment", "verdict": "verdict"}


@dataclass(frozen=True, slots=True)
class Found:
    """A page of what was found."""

    entries: tuple[Seen, ...]
    """Newest first."""
    size: int
    """Entries in the log."""
    indexed: int
    """Entries in the index: all below that number."""
    reached: int
    """Everything from here on was looked at; what is below was not, unless it is 0."""
    is_full: bool
    """It ended because the page was full, of entries or of bytes."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Names of principals that are known, by pseudonym."""
    is_heavy: bool = False
    """It is full of bytes: one entry more would have been too much."""
    cut: int = 0
    """Entries that were not looked at to their ends and are not in it, for they are too long."""

    @property
    def next(self) -> int:
        """Where the next page goes on: below this number; 0: there is nothing more."""
        return self.reached

    @property
    def ended(self) -> str:
        """Why it ended: `log`, nothing is left; `bytes` or `entries`, it was full; `time`, that was up."""
        if not self.next:
            return "log"
        return ("bytes" if self.is_heavy else "entries") if self.is_full else "time"


@dataclass(frozen=True, slots=True)
class _Most:
    """When a page ends."""

    entries: int
    weight: int
    until: float
    """By the searcher's own clock."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is asked of the index."""

    wish: Wish
    who: Who | None
    conditions: tuple[str, ...]
    """The rarest first."""
    values: tuple[int, ...]
    is_possible: bool
    """False: a name is asked that no indexed entry has."""
    rarest: int
    """Entries of the rarest name; -1: no name is asked."""


class Searcher:
    """Searches one log; made once, used by one thread at a time or by several."""

    def __init__(
        self, log: Path, index: Path, keystore: Keystore, *, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._index = index
        self._keystore = keystore
        self._ticks = ticks
        self._names: Mapping[str, str] = {}
        self._names_until = 0.0

    def search(
        self,
        wish: Wish,
        *,
        first: int = 0,
        before: int = 0,
        most: int = PAGE,
        most_bytes: int = PAGE_BYTES,
        limit_s: float = LIMIT_S,
    ) -> Found:
        """Return a page of entries from number `first` on and below `before` (0: the newest).

        It has at most so many, and so many bytes.

        Raises: StoreError when the log cannot be read.
        """
        with _reading(), ExitStack() as closing:
            log = Log(self._log, self._keystore)
            closing.callback(log.close)
            index = Index.reading(self._index)
            if index is not None:
                closing.callback(index.close)
            bounds = _Most(most, most_bytes, self._ticks() + limit_s)
            page = self._search(log, index, wish, first=first, before=before, most=bounds)
            return replace(page, names=self._named(page))

    def after(self, wish: Wish, first: int, *, most: int = _STEP) -> tuple[Found, int]:
        """Return what is looked for among the next entries from number `first` on, and where to go on.

        Oldest first, straight from the log; at most so many are read, and the bytes of a page.

        Raises: StoreError when the log cannot be read.
        """
        with _reading(), ExitStack() as closing:
            log = Log(self._log, self._keystore)
            closing.callback(log.close)
            size = log.size
            who = self.who(wish.actor)
            entries: list[Seen] = []
            upto, weight = first, 0
            for seen in log.between(first, min(first + most, size)):
                weight += seen.weight
                if weight > PAGE_BYTES and upto > first:
                    break
                upto = seen.seq + 1
                if looked(wish, who, seen)[0]:
                    entries.append(seen)
            page = Found(tuple(entries), size, size, upto, is_full=False)
            return replace(page, names=self._named(page)), upto

    def _named(self, page: Found) -> Mapping[str, str]:
        principals = {seen.principal for seen in page.entries} - {""}
        if principals - self._names.keys() and self._ticks() >= self._names_until:
            self._names = Names(self._log, self._keystore).known()
            self._names_until = self._ticks() + NAMES_S
        # asked of the keystore again: the key of somebody who was known may be gone, or be another since
        return {one: self._names[one] for one in principals if one in self._names and self._is_still(one)}

    def _is_still(self, principal: str) -> bool:
        name = self._names[principal]
        key = self._keystore.known(name.partition("/")[0])
        return key is not None and key.pseudonym("prn_" if "/" in name else "per_", name) == principal

    def who(self, actor: str) -> Who | None:
        """Return what an actor's name stands for; None: it names nobody in particular.

        Raises: AuditError when the keystore cannot be read.
        """
        if not actor or actor.startswith("tok_"):
            return None
        if actor.startswith(("per_", "prn_", "sub_")):
            return Who(frozenset({actor}), frozenset({actor}))
        key = self._keystore.known(actor.partition("/")[0])
        if key is None:
            return Who()
        if "/" in actor:
            return Who(frozenset({key.pseudonym("prn_", actor)}))
        return Who(frozenset({key.pseudonym("per_", actor)}), frozenset({key.id}))

    def _search(self, log: Log, index: Index | None, wish: Wish, *, first: int, before: int, most: _Most) -> Found:
        size = log.size
        end = min(before, size) if before else size
        indexed = min(index.size, size) if index is not None else 0
        who = self.who(wish.actor)
        entries: list[Seen] = []
        weight = cut = 0
        for reached, candidates in self._candidates(log, index, wish, who, span=(first, end), indexed=indexed):
            for seen in candidates:
                is_meant, is_all = looked(wish, who, seen)
                cut += not is_all
                if is_meant:
                    weight += seen.weight
                    is_heavy = bool(entries) and weight > most.weight
                    if is_heavy or len(entries) == most.entries:
                        last = entries[-1].seq
                        return Found(tuple(entries), size, indexed, last, is_full=True, is_heavy=is_heavy, cut=cut)
                    entries.append(seen)
                if self._ticks() >= most.until and seen.seq:
                    return Found(tuple(entries), size, indexed, seen.seq, is_full=False, cut=cut)
            if self._ticks() >= most.until and reached:
                return Found(tuple(entries), size, indexed, reached, is_full=False, cut=cut)
        return Found(tuple(entries), size, indexed, 0, is_full=False, cut=cut)

    def _candidates(
        self, log: Log, index: Index | None, wish: Wish, who: Who | None, *, span: tuple[int, int], indexed: int
    ) -> Iterator[tuple[int, Iterator[Seen]]]:
        """Yield entries of a span to be read, newest first, each step with the number down to which it looked.

        It is 0 where nothing of the span is left.
        """
        lowest, end = span
        while end > max(indexed, lowest):
            first = max(indexed, lowest, end - _STEP)
            yield (0 if first == lowest else first), log.between(first, end, newest_first=True)
            end = first
        if index is None or end <= lowest:
            return
        plan = _planned(index, wish, who)
        first, last = index.span(wish.since, wish.until)
        end, begin = min(end, last * WIDTH), max(first * WIDTH, lowest)
        if not plan.is_possible or begin >= end:
            yield 0, iter(())
            return
        by_words = wish.words and not 0 <= plan.rarest <= _FEW
        steps = self._by_words if by_words else self._by_columns
        for reached, numbers in steps(index, plan, begin, end):
            yield (0 if reached <= begin else reached), _read(log, numbers)

    def _by_columns(self, index: Index, plan: _Plan, begin: int, end: int) -> Iterator[tuple[int, Sequence[int]]]:
        is_rare = 0 <= plan.rarest <= _RARE
        while end > begin:
            first = begin if is_rare else max(begin, end - _WINDOW)
            numbers = _numbers(index, plan, first, end, most=_STEP, is_rare=is_rare)
            end = numbers[-1] if len(numbers) == _STEP else first
            yield end, numbers

    def _by_words(self, index: Index, plan: _Plan, begin: int, end: int) -> Iterator[tuple[int, Sequence[int]]]:
        known = _Known(self._keystore)
        sought = plan.wish.words
        while end > begin:
            number = (end - 1) // WIDTH
            first = number * WIDTH
            numbers = [first + at for at in known.found(index, number, sought)]
            numbers = [one for one in sorted(numbers, reverse=True) if begin <= one < end]
            if plan.conditions and numbers:
                kept = set(_numbers(index, plan, first, end, most=WIDTH))
                numbers = [one for one in numbers if one in kept]
            while len(numbers) > _STEP:
                yield numbers[_STEP - 1], numbers[:_STEP]
                numbers = numbers[_STEP:]
            end = first
            yield end, numbers


class _Known:
    """Marks of the words of one question, each made once, and blocks as they are opened."""

    def __init__(self, keystore: Keystore) -> None:
        self._marker = marker(keystore)
        self._made: dict[tuple[str, str], int | None] = {}
        self._key = keystore.known(OPEN_SUBJECT)

    def mark(self, key_id: str, word: str) -> int | None:
        """Return the mark of a word."""
        place = (key_id, word)
        if place not in self._made:
            self._made[place] = self._marker(key_id, word)
        return self._made[place]

    def found(self, index: Index, number: int, words: Sequence[str]) -> set[int]:
        """Return the entries of a block that may say all of the words; all of them where it cannot be read."""
        try:
            marks = Marks.load(self._opened(index.marks(number), number, "marks"))
            rows = partial(self._rows, index, number)
            return found(marks, rows, words, self.mark)
        except (AuditError, ValueError, IndexError):
            return set(range(WIDTH))

    def _rows(self, index: Index, number: int) -> Rows:
        return Rows.load(self._opened(index.entries(number), number, "rows"))

    def _opened(self, sealed: bytes, number: int, part: str) -> bytes:
        if self._key is None:
            raise AuditError("the key of the index is gone")
        return self._key.open(bound_to(number, part), sealed)


@contextmanager
def _reading() -> Iterator[None]:
    """Turn what can go wrong with the log's file or its keys into one error. Raises: StoreError."""
    try:
        yield
    except sqlite3.Error as error:
        raise unreadable(error) from error
    except AuditError as error:
        raise StoreError("the log cannot be read", detail=str(error)) from error


def _planned(index: Index, wish: Wish, who: Who | None) -> _Plan:
    conditions: list[tuple[int, str, list[int]]] = []
    for column in _CONDITIONS:
        name = getattr(wish, column)
        if not name:
            continue
        names = [one for one in index.listed("kind") if wish.is_kind(one)] if column == "kind" else [name]
        ids, entries = index.named(column, names)
        conditions.append((entries, f"{column} IN ({_marks(ids)})", ids))
    if who is not None:
        actors, one = index.named("actor", sorted(who.principals))
        subjects, other = index.named("subject", sorted(who.subjects))
        text = f"(actor IN ({_marks(actors)}) OR subject IN ({_marks(subjects)}))"
        conditions.append((one + other, text, [*actors, *subjects]))
    conditions.sort(key=lambda one: one[0])
    rarest = conditions[0][0] if conditions else -1
    texts = [text for _, text, _ in conditions]
    values = [one for _, _, ids in conditions for one in ids]
    more = ((wish.since, "at >= ?"), (wish.until, "at < ?"), (EFFECTS.get(wish.effect, 0), "effects & ? <> 0"))
    for value, text in more:
        if value:
            texts.append(text)
            values.append(value)
    return _Plan(wish, who, tuple(texts), tuple(values), rarest != 0, rarest)


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))


def _numbers(index: Index, plan: _Plan, first: int, end: int, *, most: int, is_rare: bool = False) -> list[int]:
    """Return the numbers of entries of a range that have what is asked of columns, newest first.

    `is_rare`: they are found by the index of the first condition, and sorted; else rows are walked in their order.
    """
    rarest, others = plan.conditions[:1], plan.conditions[1:]
    span = ("+seq >= ?", "+seq < ?") if is_rare else ("seq >= ?", "seq < ?")
    where = " AND ".join((*span, *rarest, *map(_walked, others)))
    table = "facts" if is_rare else "facts NOT INDEXED"
    query = f"SELECT seq FROM {table} WHERE {where} ORDER BY seq DESC LIMIT ?"  # noqa: S608 - constants and marks
    return [int(seq) for (seq,) in index.connection.execute(query, (first, end, *plan.values, most))]


def _walked(text: str) -> str:
    """Return a condition that SQLite takes no index for."""
    for column in (*_CONDITIONS, "actor", "subject"):
        text = text.replace(f"{column} IN", f"+{column} IN")
    return text


def _read(log: Log, numbers: Sequence[int]) -> Iterator[Seen]:
    for number in numbers:
        seen = log.one(number)
        if seen is not None:
            yield seen
