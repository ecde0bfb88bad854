"""`python -m tests.classify_report`: print the figures; with `--write`, put them into docs/classification.md."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from firewall.core.effect import Effect
from tests.classify_report import ours, page, rules, words
from tests.classify_report.carried import KINDS, command
from tests.classify_report.labelled import ROOT, Case, cases_of, our_cases, recorded
from tests.classify_report.scores import Answer, Scores, missed, score

TARGET = ROOT / "docs" / "classification.md"
_MILD = ("read", "write")
_LISTS = {
    "evasions": "one loss, secret or unseen run in many disguises",
    "attacks": "what an agent might try to slip past",
    "benign": "words of destruction that destroy nothing",
    "everyday": "commands of an ordinary day",
    "session": "one ordinary session",
}
_WORDS = """Twenty patterns such as teams put into an agent's settings (`tests/classify_report/words.py`), over the
text as it stands. A list knows "stop" and "go" only."""
_RULES = """The regular expressions of [destructive_command_guard]({home}) (MIT by its package metadata), a
deny-list for shell lines, in {version} ({count} packs, all switched on; their names and revisions
stand in `tests/cases/labelled/other_guard.json`, read on {date}). We ran them with Python's `re` as
that guard does: a pack is asked when one of its keywords is in the line, its safe patterns before
the destructive ones. Each case is given as the shell line that would carry it (`psql -c`, `curl -X
DELETE`, `node -e`); MCP calls have none and are not covered, and none of these packs is about HTTP
or GraphQL. The guard of today also parses shell and has more packs: this is what those patterns are
worth, not what its program would answer."""


def rendered(times: str) -> str:
    """Return docs/classification.md as the code is now; `times` is its last part."""
    cases = our_cases()
    answers, _ = ours.answers(cases)
    rivals = [page.Rival("A word list", _WORDS, score(cases, word_answers(cases)))]
    known = rules.recorded()
    if known is not None:
        note = _RULES.format(home=rules.HOME, version=known.version, count=len(known.packs), date=known.date)
        rivals.append(page.Rival("Another guard's rules", note, score(cases, known.answers(cases))))
    return page.render(score(cases, answers), rivals, [_listed(name) for name in _LISTS], times=times)


def word_answers(cases: Sequence[Case]) -> dict[str, Answer]:
    """Return what the word list says."""
    return {case.id: _said(is_stopped=words.stops(case.input)) for case in cases}


def _said(*, is_stopped: bool) -> Answer:
    return (Effect.DESTRUCTIVE,) if is_stopped else (Effect.READ,)


def _listed(name: str) -> page.Listed:
    lines = [text for text, _ in recorded(name)]
    stopped = {
        "ours": sum(ours.answer("shell", line)[0] not in _MILD for line in lines),
        "word list": sum(words.stops(line) for line in lines),
    }
    return page.Listed(name, _LISTS[name], len(lines), stopped)


def main(arguments: Sequence[str]) -> int:
    """Print the figures; 1 when a bar is not met and `--strict` was given."""
    options = _parser().parse_args(arguments)
    given = options.cases or os.environ.get("STAYHAND_CASES")
    cases = cases_of(Path(given)) if given else our_cases()
    answers, latency = ours.answers(cases)
    if options.predictions:
        _write_predictions(Path(options.predictions), cases, answers)
    if options.rules:
        carried = [case for case in cases if case.kind in KINDS]
        today = datetime.now(tz=UTC).date().isoformat()
        rules.record(Path(options.rules), carried, command=command, date=today)
    if options.write:
        TARGET.write_text(rendered(page.latency(latency)), encoding="utf-8")
    figures = score(cases, answers)
    _print("ours", figures, with_bars=True)
    _print("a word list", score(cases, word_answers(cases)))
    sys.stdout.write("\n".join(["", "times", *page.latency(latency).splitlines()[3:]]) + "\n")
    if options.verbose:
        _print_wrong(cases, answers)
    return 1 if options.strict and any(missed(one) for one in figures) else 0


def _print(name: str, figures: Sequence[Scores], *, with_bars: bool = False) -> None:
    sys.stdout.write("\n".join(["", name, *page.table(figures, with_bars=with_bars)]) + "\n")


def _print_wrong(cases: Sequence[Case], answers: dict[str, Answer]) -> None:
    for case in cases:
        answer = answers[case.id]
        lost = Effect.DESTRUCTIVE in answer
        asked = lost or answer[0] in (Effect.EXEC, Effect.UNKNOWN)
        wrong = lost != case.is_destructive if case.is_destructive is not None else answer[0] in _MILD
        if wrong or (case.is_benign and asked):
            sys.stdout.write(f"{case.kind} {case.label} -> {','.join(answer)}  {case.input[:160]!r}\n")


def _write_predictions(path: Path, cases: Sequence[Case], answers: dict[str, Answer]) -> None:
    lines = [
        json.dumps({"id": case.id, "label": answers[case.id][0], "also": list(answers[case.id][1:])})
        for case in cases
    ]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.classify_report", description=__doc__)
    parser.add_argument("--cases", metavar="F", help="labelled cases, one JSON object a line (or STAYHAND_CASES)")
    parser.add_argument("--predictions", metavar="F", help="write {id, label, also} a line")
    parser.add_argument("--rules", metavar="F", help="record what another guard's patterns say of our cases")
    parser.add_argument("--write", action="store_true", help="write docs/classification.md")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a bar is not met")
    parser.add_argument("-v", "--verbose", action="store_true", help="list what is wrong")
    return parser


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
