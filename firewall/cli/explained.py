"""How a judged command looks in a terminal and as JSON (docs/explain.md)."""

from collections.abc import Sequence

from firewall.approvals.text import visible
from firewall.classify.shell.trace import Found
from firewall.cli.underlined import underlined
from firewall.console.words import CONFIDENCE_WORDS, scope_words, undo_words
from firewall.core.action import Action
from firewall.core.verdict import Ask, Verdict, word
from firewall.policy.snapshot import Explanation, Snapshot
from firewall.policy.trial import Trial

VERSION = 1
"""Of the JSON shape: fields are added under the same number and never change their meaning."""
_NOBODY = "no row"
_CERTAIN = "certain"


def as_json(trial: Trial, snapshot: Snapshot, *, kind: str, parse: Sequence[Found]) -> dict[str, object]:
    """Return the answer of `explain --json` (DESIGN 6.1)."""
    pairs = zip(trial.actions, trial.explanations, strict=True)
    verdict, deciding = trial.verdict, trial.deciding
    return {
        "version": VERSION,
        "kind": kind,
        "parse": [
            {
                "text": one.text,
                "start": one.span[0],
                "end": one.span[1],
                "depth": one.depth,
                "machine": one.machine,
            }
            for one in parse
        ],
        "actions": [_action(action, explanation) for action, explanation in pairs],
        "effects": [effect.value for effect in trial.effects],
        "verdict": word(verdict),
        "row": verdict.row,
        "reason": verdict.reason.value,
        "row_text": snapshot.row(verdict.row),
        "runner_up": deciding.runner_up,
        "runner_up_text": snapshot.row(deciding.runner_up),
        "obligations": verdict.obligations.text() if isinstance(verdict, Ask) else "",
        "detail": verdict.detail,
    }


def as_label(trial: Trial) -> dict[str, object]:
    """Return label and further effects for one line of a batch."""
    first, *others = trial.effects
    return {"label": first.value, "also": [effect.value for effect in others]}


def as_text(trial: Trial, snapshot: Snapshot, *, parse: Sequence[Found] = (), width: int = 0) -> list[str]:
    """Return the lines of `explain`.

    The text with the deciding words underlined, the commands that it was read as, what each action means, and
    what the policies say.
    """
    lines: list[str] = []
    for text in dict.fromkeys(action.text for action in trial.actions):
        spans = [span for action in trial.actions if action.text == text for span in action.evidence]
        lines += underlined(text.rstrip("\n"), spans, width=width)
    lines += _parse(parse)
    for number, (action, explanation) in enumerate(zip(trial.actions, trial.explanations, strict=True), 1):
        lines += ["", f"{number}. {visible(action.summary)}", *_facts(action, explanation, snapshot)]
    lines += ["", f"verdict: {_verdict(trial.verdict, snapshot)}"]
    runner_up = trial.deciding.runner_up
    return [*lines, f"runner-up: {_row(runner_up, snapshot)}"] if runner_up else lines


def _parse(parse: Sequence[Found]) -> list[str]:
    """Return the commands in order, what came out of a wrapper behind an arrow below it."""
    lines = ["", "read as"] if parse else []
    level = -1
    for one in parse:
        level = min(one.depth, level + 1)
        place = f"  (on {visible(one.machine)})" if one.machine else ""
        lines.append(f"   {'   ' * (level - 1) + '└─ ' if level else ''}{visible(one.text, keep='')}{place}")
    return lines


def _action(action: Action, explanation: Explanation) -> dict[str, object]:
    return {
        "operation": action.operation,
        "tool": action.tool,
        "resource": action.resource,
        "environment": action.environment,
        "effects": [effect.value for effect in action.effects],
        "scope": action.scope.value,
        "reversal": action.reversal.value,
        "confidence": action.confidence.value,
        "summary": action.summary,
        "undo": action.undo,
        "suggest": action.suggest,
        "evidence": [
            {
                "start": span.start,
                "end": span.end,
                "text": action.text[span.start : span.end],
                "note": span.note,
            }
            for span in action.evidence
        ],
        "unseen": list(action.unseen),
        "attributes": dict(action.attributes),
        "verdict": word(explanation.verdict),
        "row": explanation.verdict.row,
        "reason": explanation.verdict.reason.value,
        "runner_up": explanation.runner_up,
        "verdicts": {item.effect.value: word(item.verdict) for item in explanation.effects},
    }


def _facts(action: Action, explanation: Explanation, snapshot: Snapshot) -> list[str]:
    where = scope_words(action.scope, action.resource, action.environment)
    facts = [
        ("operation", action.operation),
        ("resource", action.resource),
        ("environment", f"{action.environment}{f' ({where})' if where else ''}"),
        ("effects", ", ".join(action.effects)),
        ("undo", undo_words(action.undo, action.reversal)[0]),
        ("confidence", CONFIDENCE_WORDS.get(action.confidence, _CERTAIN)),
        ("not seen", "; ".join(action.unseen)),
    ]
    lines = [f"   {name:<12}{visible(value, keep='')}" for name, value in facts if value]
    notes = dict.fromkeys(span.note for span in action.evidence)
    lines += [f"   {'because':<12}{visible(note, keep='')}" for note in notes if note not in action.summary]
    lines.append(f"   {'verdict':<12}{_verdict(explanation.verdict, snapshot)}")
    if explanation.runner_up:
        lines.append(f"   {'runner-up':<12}{_row(explanation.runner_up, snapshot)}")
    return lines


def _row(ref: str, snapshot: Snapshot) -> str:
    return f"{ref}  {visible(snapshot.row(ref))}"


def _verdict(verdict: Verdict, snapshot: Snapshot) -> str:
    by = _row(verdict.row, snapshot) if verdict.row else _NOBODY
    return f"{word(verdict)} ({verdict.reason.value}: {visible(verdict.detail)}) by {by}"
