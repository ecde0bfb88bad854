"""One entry of a run as a line of its timeline: what happened, in words. Pure.

What was sealed is shown where it could be opened and as `erased` where its key is gone; whoever may not see it
gets no timeline at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from audit import Entry
from firewall.console.happened import HAPPENED
from firewall.console.tokens.words import dollars, moment

MOST_ACTIONS = 3
MOST_CHARS = 300


@dataclass(frozen=True, slots=True)
class Line:
    """One line."""

    seq: int
    at: str
    kind: str
    title: str
    verdict: str
    """`allow`, `ask`, `deny`; empty for all but judged calls."""
    reason: str
    environment: str
    effects: tuple[str, ...]
    said: tuple[str, ...]
    """What was sealed, in short; names from outside are quoted as they are."""
    facts: tuple[str, ...]
    approval: str
    is_erased: bool

    @property
    def area(self) -> str:
        """`model`, `tool`, `approval`, …: how the line is marked."""
        return self.kind.partition(".")[0]


def line(seq: int, entry: Entry, private: Mapping[str, object] | None, *, is_sealed: bool) -> Line:
    """Return the line of an entry; `private`: its sealed part where it could be opened."""
    data, kind = entry.data, entry.kind
    effects = data.get("effects")
    return Line(
        seq=seq,
        at=moment(entry.at),
        kind=kind,
        title=HAPPENED.get(kind, kind),
        verdict=_word(data, "verdict") if kind == "tool.judged" else "",
        reason=_word(data, "reason"),
        environment=_word(data, "environment"),
        effects=tuple(str(one) for one in effects) if isinstance(effects, list) else (),
        said=_said(kind, private or {}),
        facts=_facts(data),
        approval=entry.approval,
        is_erased=is_sealed and private is None,
    )


def _word(data: Mapping[str, object], name: str) -> str:
    value = data.get(name, "")
    return value if isinstance(value, str) else ""


def _said(kind: str, private: Mapping[str, object]) -> tuple[str, ...]:
    actions = private.get("actions")
    summaries: list[str] = []
    if isinstance(actions, list):
        found = [str(one.get("summary", "")) for one in actions if isinstance(one, dict)]
        more = len(found) - MOST_ACTIONS
        summaries = found[:MOST_ACTIONS] + ([f"and {more} more"] if more > 0 else [])
    names = ("tool", "model", "provider", "client", "session", "name", "reason", "by", "detail")
    words = [f"{name}: {private[name]}" for name in names if private.get(name)]
    if kind == "tool.judged" and private.get("tool"):
        words[0] = str(private["tool"])
    return tuple(_short(one) for one in (*words, *summaries) if one)


def _facts(data: Mapping[str, object]) -> tuple[str, ...]:
    found: list[str] = []
    for name in ("gate", "outcome", "decision", "limit", "status", "why"):
        value = data.get(name)
        if isinstance(value, str | int) and value != "":
            found.append(f"{name} {value}")
    cost = data.get("cost_micros")
    if isinstance(cost, int):
        found.append(dollars(cost))
    if data.get("reported_error") is True:
        found.append("the agent reports an error")
    return tuple(found)


def _short(text: str) -> str:
    return text if len(text) <= MOST_CHARS else f"{text[:MOST_CHARS]} …"
