"""How a judged command looks in a terminal and as JSON."""

import unicodedata
from collections.abc import Sequence

from firewall.approvals.text import visible
from firewall.core.action import Action, Evidence
from firewall.core.verdict import Ask, Verdict, word
from firewall.policy.snapshot import Explanation, Snapshot
from firewall.policy.trial import Trial

_NOBODY = "no row"


def as_json(trial: Trial, snapshot: Snapshot) -> dict[str, object]:
    """Return the answer of `explain --json` (DESIGN 6.1)."""
    pairs = zip(trial.actions, trial.explanations, strict=True)
    verdict, deciding = trial.verdict, trial.deciding
    return {
        "actions": [_action(action, explanation) for action, explanation in pairs],
        "verdict": word(verdict),
        "row": verdict.row,
        "reason": verdict.reason.value,
        "row_text": snapshot.row(verdict.row),
        "runner_up": deciding.runner_up,
        "obligations": verdict.obligations.text() if isinstance(verdict, Ask) else "",
        "detail": verdict.detail,
    }


def as_label(trial: Trial) -> dict[str, object]:
    """Return label and further effects for one line of a batch."""
    first, *others = trial.effects
    return {"label": first.value, "also": [effect.value for effect in others]}


def as_text(trial: Trial, snapshot: Snapshot) -> list[str]:
    """Return the lines of `explain`: the text with the deciding words underlined, then what each action means."""
    lines: list[str] = []
    for text in dict.fromkeys(action.text for action in trial.actions):
        spans = [span for action in trial.actions if action.text == text for span in action.evidence]
        lines += underlined(text, spans)
    for number, (action, explanation) in enumerate(zip(trial.actions, trial.explanations, strict=True), 1):
        lines += ["", f"{number}. {visible(action.summary)}", *_facts(action, explanation, snapshot)]
    return [*lines, "", f"verdict: {_verdict(trial.verdict, snapshot)}"]


def underlined(text: str, spans: Sequence[Evidence]) -> list[str]:
    """Return the lines of a text, each followed by a line of `^` under the words that decided."""
    marked = [False] * len(text)
    for span in spans:
        for at in range(max(span.start, 0), min(span.end, len(text))):
            marked[at] = True
    lines: list[str] = []
    start = 0
    for line in text.split("\n"):
        shown = [visible(char) for char in line]
        flags = marked[start : start + len(line)]
        start += len(line) + 1
        lines.append("".join(shown))
        under = "".join(("^" if flag else " ") * _width(part) for part, flag in zip(shown, flags, strict=True))
        if under.strip():
            lines.append(under.rstrip())
    return lines


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def _action(action: Action, explanation: Explanation) -> dict[str, object]:
    return {
        "operation": action.operation,
        "tool": action.tool,
        "resource": action.resource,
        "environment": action.environment,
        "effects": [effect.value for effect in action.effects],
        "summary": action.summary,
        "undo": action.undo,
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
        "verdicts": {item.effect.value: word(item.verdict) for item in explanation.effects},
    }


def _facts(action: Action, explanation: Explanation, snapshot: Snapshot) -> list[str]:
    facts = [
        ("operation", action.operation),
        ("resource", action.resource),
        ("environment", action.environment),
        ("effects", ", ".join(action.effects)),
        ("undo", action.undo),
        ("not seen", "; ".join(action.unseen)),
    ]
    lines = [f"   {name:<12}{visible(value)}" for name, value in facts if value]
    lines += [f"   {'because':<12}{visible(note)}" for note in dict.fromkeys(e.note for e in action.evidence)]
    lines.append(f"   {'verdict':<12}{_verdict(explanation.verdict, snapshot)}")
    if explanation.runner_up:
        row = snapshot.row(explanation.runner_up)
        lines.append(f"   {'runner-up':<12}{explanation.runner_up}  {visible(row)}")
    return lines


def _verdict(verdict: Verdict, snapshot: Snapshot) -> str:
    by = f"{verdict.row}  {visible(snapshot.row(verdict.row))}" if verdict.row else _NOBODY
    return f"{word(verdict)} ({verdict.reason.value}: {visible(verdict.detail)}) by {by}"
