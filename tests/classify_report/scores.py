"""Figures over labelled cases: per kind and over all, with the bars that they are held to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from firewall.core.effect import Effect
from tests.classify_report.labelled import Case

ALL = "all"
Answer = tuple[str, ...]
"""Effects, strictest first; never empty."""


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    part: int
    whole: int

    @property
    def percent(self) -> float:
        """Of nothing, 0."""
        return 100 * self.part / self.whole if self.whole else 0.0

    def text(self) -> str:
        """Return `97.1 %`; a dash of nothing."""
        return f"{self.percent:.1f} %" if self.whole else "-"


@dataclass(frozen=True, slots=True)
class Scores:
    """The figures of one kind."""

    kind: str
    cases: int
    destructive: int
    precision: Share
    """Of what was called destructive, what is."""
    recall: Share
    """Of what is destructive, what was called so."""
    caught: Share
    """Of what is destructive, what was called destructive, exec or unknown: a person is asked."""
    false_destructive: Share
    """Of reads, writes and benign cases, what was called destructive."""
    escalated: Share
    """Of the same, what was called destructive, or exec or unknown at its strictest."""
    leaked: Share
    """Of what runs code, what was called a read or a write."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure must reach."""

    name: str
    percent: float
    at_least: bool

    def is_met(self, share: Share) -> bool:
        """Tell whether a figure reaches it; of nothing it does."""
        if not share.whole:
            return True
        return share.percent >= self.percent if self.at_least else share.percent <= self.percent

    def text(self) -> str:
        """Return `≥ 97 %`."""
        return f"{'≥' if self.at_least else '≤'} {self.percent:g} %"


BARS: Mapping[str, Bar] = {
    "precision": Bar("precision", 97, at_least=True),
    "recall": Bar("recall", 97, at_least=True),
    "caught": Bar("caught", 99, at_least=True),
    "false_destructive": Bar("false destructive", 1, at_least=False),
    "escalated": Bar("escalated", 5, at_least=False),
    "leaked": Bar("exec let through", 2, at_least=False),
}


def score(cases: Sequence[Case], answers: Mapping[str, Answer]) -> list[Scores]:
    """Return the figures of each kind that was answered, in order of name, then of all together."""
    answered = [case for case in cases if case.id in answers]
    kinds = sorted({case.kind for case in answered})
    found = [_score(kind, [case for case in answered if case.kind == kind], answers) for kind in kinds]
    return [*found, _score(ALL, answered, answers)]


@dataclass(frozen=True, slots=True)
class Reached:
    """How a bar stands over all kinds."""

    bar: Bar
    worst: str
    """The kind that is furthest from it; empty: nothing was measured."""
    figure: Share
    is_met: bool


def reached(scores: Sequence[Scores]) -> list[Reached]:
    """Return each bar with the kind that comes nearest to missing it, of all kinds and of all together."""
    found = []
    for field, bar in BARS.items():
        measured = [(getattr(one, field), one.kind) for one in scores if getattr(one, field).whole]
        if not measured:
            found.append(Reached(bar, "", Share(0, 0), is_met=True))
            continue
        order = sorted(measured, key=lambda item: item[0].percent, reverse=not bar.at_least)
        figure, kind = order[0]
        found.append(Reached(bar, kind, figure, is_met=bar.is_met(figure)))
    return found


def missed(scores: Scores) -> list[str]:
    """Return the names of the bars that are not met."""
    return [bar.name for field, bar in BARS.items() if not bar.is_met(getattr(scores, field))]


def _score(kind: str, cases: Sequence[Case], answers: Mapping[str, Answer]) -> Scores:
    said = [case for case in cases if case.is_destructive is not None and _destroys(answers[case.id])]
    lost = [case for case in cases if case.is_destructive]
    benign = [case for case in cases if case.is_benign]
    codes = [case for case in cases if case.is_destructive is None]
    return Scores(
        kind=kind,
        cases=len(cases),
        destructive=len(lost),
        precision=Share(sum(bool(case.is_destructive) for case in said), len(said)),
        recall=Share(sum(_destroys(answers[case.id]) for case in lost), len(lost)),
        caught=Share(sum(_escalates(answers[case.id]) for case in lost), len(lost)),
        false_destructive=Share(sum(_destroys(answers[case.id]) for case in benign), len(benign)),
        escalated=Share(sum(_escalates(answers[case.id]) for case in benign), len(benign)),
        leaked=Share(
            sum(not _escalates(a) and a[0] in ("read", "write") for a in _of(codes, answers)), len(codes)
        ),
    )


def _of(cases: Sequence[Case], answers: Mapping[str, Answer]) -> list[Answer]:
    return [answers[case.id] for case in cases]


def _destroys(answer: Answer) -> bool:
    return Effect.DESTRUCTIVE in answer


def _escalates(answer: Answer) -> bool:
    return _destroys(answer) or answer[0] in (Effect.EXEC, Effect.UNKNOWN)
