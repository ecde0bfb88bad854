"""What the pages of the log say, worked out before a template is asked. Pure."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from audit import Kind
from firewall.console.explorer.desk import Page, moment
from firewall.console.explorer.seen import Seen
from firewall.console.explorer.sentences import CHARS, sentence, who
from firewall.console.explorer.wish import VERDICTS
from firewall.console.happened import happened
from firewall.core.effect import Effect

FEW = 4096
"""Entries that may wait for the index without a word: it is made in steps of a thousand."""
MOST_LINES = 2_000
LINE_CHARS = 2_000


@dataclass(frozen=True, slots=True)
class Line:
    """One entry in a list."""

    seq: int
    at: str
    kind: str
    headline: str
    who: str
    environment: str
    verdict: str
    effects: tuple[str, ...]
    resource: str
    approval: str
    is_erased: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of the list."""

    lines: tuple[Line, ...]
    fields: Mapping[str, str]
    """What was asked, as it was typed."""
    next: str
    """The address of the next page; empty: there is none."""
    is_complete: bool
    """The page is full, or nothing older is left; else the time was up."""
    reached: int
    size: int
    indexed: int
    before: int = 0
    """Where it begins; 0: at the newest."""
    is_heavy: bool = False
    """It ended because of long entries."""
    cut: int = 0
    """Entries that are too long to be looked at to their ends."""
    effects: tuple[str, ...] = tuple(Effect)
    verdicts: tuple[str, ...] = VERDICTS
    kinds: tuple[str, ...] = tuple(sorted({kind.partition(".")[0] for kind in Kind} | set(Kind)))

    @property
    def behind(self) -> int:
        """Entries that are not indexed yet, where they are so many that a search takes longer; else 0."""
        waiting = self.size - self.indexed
        return waiting if waiting > FEW else 0


def listing(page: Page, fields: Mapping[str, str], path: str) -> Listing:
    """Return a page of the list; `fields`: what was asked, as it was typed."""
    found = page.found
    asked = {name: value for name, value in fields.items() if value and name not in ("before", "limit")}
    return Listing(
        lines=tuple(line(one, found.names) for one in found.entries),
        fields=asked,
        next=f"{path}?{urlencode({**asked, 'before': str(found.next)})}" if found.next else "",
        is_complete=found.is_full or not found.next,
        reached=found.reached,
        size=found.size,
        indexed=found.indexed,
        before=int(fields.get("before") or 0),
        is_heavy=found.is_heavy,
        cut=found.cut,
    )


def nothing(fields: Mapping[str, str]) -> Listing:
    """Return a page for a question that cannot be asked."""
    return Listing((), fields, "", is_complete=True, reached=0, size=0, indexed=0)


def line(seen: Seen, names: Mapping[str, str]) -> Line:
    """Return one entry as the list shows it."""
    return Line(
        seq=seen.seq,
        at=moment(seen.at),
        kind=seen.kind,
        headline=sentence(seen),
        who=who(seen, names),
        environment=seen.environment,
        verdict=seen.verdict,
        effects=seen.effects,
        resource=", ".join(seen.resources)[:CHARS],
        approval=seen.approval,
        is_erased=seen.is_erased,
    )


@dataclass(frozen=True, slots=True)
class Opened:
    """One entry on a page of its own."""

    seq: int
    at: str
    kind: str
    happened: str
    """In words."""
    principal: str
    approval: str
    data: tuple[str, ...]
    private: tuple[str, ...]
    more: int
    """Lines that are not shown."""
    proof: str
    """Verified; empty: no signed head covers it yet."""
    size: int
    """Of the log that it is proven in."""
    command: str
    file: str


def opened(entry: Mapping[str, object], *, key: str, proof: str, size: int) -> Opened:
    """Return an entry as its page shows it; `key`: the log's verifier key."""
    seq = int(str(entry["seq"]))
    unsealed, more = lines_of(entry["data"])
    private, sealed_more = lines_of(entry["private"]) if entry["private"] is not None else ((), 0)
    return Opened(
        seq=seq,
        at=str(entry["at"]).replace("+00:00", "Z"),
        kind=str(entry["kind"]),
        happened=happened(str(entry["kind"]), data if isinstance(data := entry["data"], Mapping) else {}),
        principal=str(entry["principal"]),
        approval=str(entry["approval"]),
        data=unsealed,
        private=private,
        more=more + sealed_more,
        proof=proof,
        size=size,
        command=command(seq, key),
        file=name_of(seq),
    )


def lines_of(value: object) -> tuple[tuple[str, ...], int]:
    """Return a JSON value as lines of text, and how many more there are."""
    every = json.dumps(value, indent=2, ensure_ascii=False).split("\n")
    shown = tuple(one if len(one) <= LINE_CHARS else f"{one[:LINE_CHARS]} …" for one in every[:MOST_LINES])
    return shown, max(0, len(every) - MOST_LINES)


def command(seq: int, key: str) -> str:
    """Return what checks the proof of an entry, on any machine."""
    return f"python -m audit verify --proof {name_of(seq)} --key {shlex.quote(key)}"


def name_of(seq: int) -> str:
    """Return the name of the file of an entry's proof."""
    return f"entry-{seq}.proof"
