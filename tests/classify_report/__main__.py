"""`python -m tests.classify_report`: print the figures; with `--write`, put them into docs/classification.md."""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from firewall.core.effect import Effect
from tests.classify_report import hooked, ours, page, rules, words
from tests.classify_report.carried import KINDS, command
from tests.classify_report.labelled import ROOT, Case, cases_of, our_cases, recorded
from tests.classify_report.scores import Answer, Scores, reached, score

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
_RULES = """The regular expressions of [destructive_command_guard]({home}), a deny-list for shell lines, in
{version} ({count} packs, all switched on; their names and revisions stand in
`tests/cases/labelled/other_guard.json`, read on {date}). We ran them with Python's `re` as that guard
did: a pack is asked when one of its keywords is in the line, its safe patterns before the destructive
ones. Each case was given as the shell line that would carry it (`psql -c`, `curl -X DELETE`,
`node -e`); MCP calls have none, and none of these packs is about HTTP or GraphQL. {asked} of our
{all} cases were asked that day; the last row holds our own answers to just those.

What this is not: an answer of that guard's program of today, which parses shell and embedded code, has
five times as many packs and lets teams choose them. Its rules of today are not here, and the old ones
neither: package metadata up to version 0.6 says MIT, its README since then "custom source license based
on MIT with an OpenAI/Anthropic rider" (both read on 2026-11-21, the text of its LICENSE was in no copy
that we could read), which is no leave to copy them. Who may run its program gets today's
figures for it, over the same cases, by `--guard dcg`."""


def rendered(times: str) -> str:
    """Return docs/classification.md as the code is now; `times` is its last part."""
    cases = our_cases()
    answers, _ = ours.answers(cases)
    rivals = [page.Rival("A word list", _WORDS, score(cases, word_answers(cases)))]
    known = rules.recorded()
    if known is not None:
        theirs = known.answers(cases)
        same = [case for case in cases if case.id in theirs]
        note = _RULES.format(
            home=rules.HOME,
            version=known.version,
            count=len(known.packs),
            date=known.date,
            asked=len(same),
            all=len(cases),
        )
        rivals.append(page.Rival("Another guard's rules", note, score(cases, theirs), score(same, answers)[-1]))
    return page.render(score(cases, answers), rivals, [_listed(name) for name in _LISTS], times=times)


def word_answers(cases: Sequence[Case]) -> dict[str, Answer]:
    """Return what the word list says."""
    return {case.id: _said(is_stopped=words.stops(case.input)) for case in cases}


def _said(*, is_stopped: bool) -> Answer:
    return (Effect.DESTRUCTIVE,) if is_stopped else (Effect.READ,)


def _listed(name: str) -> page.Listed:
    lines = [text for text, _ in recorded(name)]
    stopped = {
        "ours": sum(ours.stops(line) for line in lines),
        "word list": sum(words.stops(line) for line in lines),
    }
    return page.Listed(name, _LISTS[name], len(lines), stopped)


def main(arguments: Sequence[str]) -> int:
    """Print the figures; 1 when a bar is not met, of cases that were given only with `--strict`."""
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
    sys.stdout.write("\n".join(["bars", *page.bars(figures)]) + "\n")
    _print("ours", figures, with_bars=True)
    _print("a word list", score(cases, word_answers(cases)))
    if options.guard:
        _print(f"the guard `{options.guard}`", score(cases, hooked.answers(cases, shlex.split(options.guard))))
    sys.stdout.write("\n".join(["", "times", *page.times(latency)]) + "\n")
    if options.verbose:
        _print_wrong(cases, answers)
    is_judged = options.strict or not given
    return 1 if is_judged and not all(one.is_met for one in reached(figures)) else 0


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
    parser.add_argument("--guard", metavar="PROGRAM", help="ask a guard that speaks Claude Code's hook protocol")
    parser.add_argument("--write", action="store_true", help="write docs/classification.md")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a bar is not met on given cases too")
    parser.add_argument("-v", "--verbose", action="store_true", help="list what is wrong")
    return parser


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
