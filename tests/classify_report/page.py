"""docs/classification.md: the figures as tables, and the times, which differ from run to run, at the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tests.classify_report.ours import Latency
from tests.classify_report.scores import BARS, Scores, missed, reached

TIMES = "## How long it takes"
"""What stands below this line differs from run to run."""
_COLUMNS = ("precision", "recall", "caught", "false_destructive", "escalated", "leaked")


@dataclass(frozen=True, slots=True)
class Rival:
    """Figures of somebody's answers to the same cases."""

    name: str
    note: str
    scores: Sequence[Scores]
    beside: Scores | None = None
    """Our own figures over the same cases, where those are not all."""


@dataclass(frozen=True, slots=True)
class Listed:
    """How many lines of a recorded list are stopped, by whom."""

    name: str
    what: str
    lines: int
    stopped: Mapping[str, int]


def table(scores: Sequence[Scores], *, with_bars: bool = False) -> list[str]:
    """Return one table of figures, a row for each kind."""
    head = ["kind", "cases", "destructive", *(BARS[name].name for name in _COLUMNS)]
    rows = [
        [f"**{one.kind}**" if one.kind == "all" else one.kind, str(one.cases), str(one.destructive)]
        + [getattr(one, name).text() for name in _COLUMNS]
        + ([", ".join(missed(one)) or "all"] if with_bars else [])
        for one in scores
    ]
    if with_bars:
        head.append("bars met")
        for row in rows:
            row[-1] = "all" if row[-1] == "all" else f"not {row[-1]}"
        rows.append(["*bar*", "", "", *(BARS[name].text() for name in _COLUMNS), ""])
    return markdown(head, rows)


def bars(scores: Sequence[Scores]) -> list[str]:
    """Return a table of the bars: the kind that comes nearest to missing each, and whether it is met."""
    rows = [
        [one.bar.name, one.bar.text(), one.figure.text(), one.worst or "-", "met" if one.is_met else "**not met**"]
        for one in reached(scores)
    ]
    return markdown(["bar", "wanted", "worst figure", "of", ""], rows)


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows)]


def render(ours: Sequence[Scores], rivals: Sequence[Rival], lists: Sequence[Listed], *, times: str) -> str:
    """Return the whole page; `times` is the part below `TIMES`."""
    lines = [*_HEAD, *bars(ours), "", *table(ours, with_bars=True), ""]
    for rival in rivals:
        lines += [f"## {rival.name}", "", rival.note, "", *table(rival.scores)]
        lines += table([replace(rival.beside, kind="Stayhand, the same cases")])[2:] if rival.beside else []
        lines.append("")
    lines += ["## Disguises and look-alikes", "", *_LISTS, "", *_lists(lists), ""]
    return "\n".join(lines) + "\n" + f"{TIMES}\n{times}"


def times(found: Sequence[Latency]) -> list[str]:
    """Return a table of what understanding took, with what is wanted of a shell line below."""
    rows = [
        [one.kind, f"{one.texts}", *(f"{time:,.0f} µs" for time in (one.p50, one.p99, one.slowest))]
        for one in found
    ]
    rows.append(["*wanted*", "", "300 µs", "2,000 µs", "50,000 µs"])
    return markdown(["kind", "texts", "p50", "p99", "slowest"], rows)


def latency(found: Sequence[Latency]) -> str:
    """Return the part of the page that tells times."""
    return "\n".join(["", *_TIMED, "", *times(found), ""])


def _lists(lists: Sequence[Listed]) -> list[str]:
    names = list(lists[0].stopped)
    rows = [
        [f"`{one.name}`", one.what, str(one.lines), *(f"{one.stopped[name]}" for name in names)] for one in lists
    ]
    return markdown(["list", "what", "lines", *names], rows)


_HEAD = """# What classification is worth

Written by `make classify-report`; a test holds everything but the times to what the code answers.

The cases are those of `tests/cases/labelled`: written and labelled by hand with the effects of the
[policies](policies.md#effects), from each program's, database's and vendor's own documentation (`source` says
which), without looking at what the classifier answers. What is missed stays in the table until a general rule
finds it; labels were corrected only where the documentation says otherwise. The first table says for each bar
which kind comes nearest to missing it; `make classify-report` fails when one is missed. Score your own cases,
one JSON object a line (`{"id", "kind", "input", "label", "also"?}`), and another
guard's program, asked over Claude Code's hook protocol, with one command each:

```sh
python -m tests.classify_report --cases cases.jsonl --predictions answers.jsonl --strict
python -m tests.classify_report --guard 'some-guard --its-options'
```

| column | meaning |
|---|---|
| precision | of what was called destructive, what is |
| recall | of what is destructive, what was called so |
| caught | of what is destructive, what was called destructive, exec or unknown: a person is asked |
| false destructive | of reads and writes, what was called destructive |
| escalated | of reads and writes, what was called destructive, or at its strictest exec or unknown |
| exec let through | of what runs unseen code, what was called a read or a write |

## Stayhand
""".splitlines()
_TIMED = """Time on one processor for each case of the first table, read once, as the last run of
`make classify-report` measured it. `make bench` prints the same figures; `make fuzz` looks for
texts that take longer.""".splitlines()
_LISTS = """How many lines are stopped: by the word list, or asked about or refused by our rows as shipped, for a
token whose workspace they run in. What is lost or run inside that workspace alone, those rows allow; `npm
publish` and `sudo ls` lose nothing and stand among the attacks, for they are a person's business. Our own
tests hold us to these lists line by line, so our column says nothing new.""".splitlines()
