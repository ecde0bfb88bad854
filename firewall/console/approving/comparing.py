"""What is new or other in a request beside an earlier one of the same kind of the same agent. Pure.

Of the same kind: the same tool, and the same operation at the worst of its actions. Every string comes from
calls and is spelled out here; the whole is bounded, and takes time in proportion to the texts alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from firewall.approvals.typed import worst_first
from firewall.console.marked import spell_out
from firewall.console.shape import rfc3339, status_of
from firewall.core.approval import Approval, Subject

_LINES, _LINE_CHARS, _VALUE_CHARS = 8, 160, 200


@dataclass(frozen=True, slots=True)
class Compared:
    """An earlier request of the same kind, and how this one differs from it."""

    id: str
    status: str
    at: str
    """When it was asked."""
    count: int
    """Requests of this kind among the latest that were looked at."""
    looked: int
    """How many were looked at."""
    changes: tuple[tuple[str, str, str], ...]
    """What, before, now."""
    new_lines: tuple[str, ...]
    """Lines that stand in this one alone."""
    gone_lines: tuple[str, ...]
    more: int
    """Lines that differ and are not shown."""

    @property
    def is_same(self) -> bool:
        """Nothing that people are shown differs."""
        return not (self.changes or self.new_lines or self.gone_lines)


def compared(approval: Approval, earlier: Sequence[Approval], *, now_us: int) -> Compared | None:
    """Compare an approval with the newest of `earlier`, newest first, that is of its kind; None: none is."""
    kind = _kind(approval.subject)
    alike = [one for one in earlier if kind is not None and _kind(one.subject) == kind]
    if not alike or approval.subject is None or alike[0].subject is None:
        return None
    before = alike[0]
    new, old = _lines(approval.subject), _lines(alike[0].subject)
    known, kept = set(old), set(new)
    added = [line for line in dict.fromkeys(new) if line not in known]
    gone = [line for line in dict.fromkeys(old) if line not in kept]
    return Compared(
        id=before.id,
        status=status_of(before, now_us).value,
        at=rfc3339(before.opened_at),
        count=len(alike),
        looked=len(earlier),
        changes=tuple(_changes(approval, before)),
        new_lines=_shown(added),
        gone_lines=_shown(gone),
        more=max(0, len(added) - _LINES) + max(0, len(gone) - _LINES),
    )


def _kind(subject: Subject | None) -> tuple[str, str] | None:
    actions = worst_first(subject.actions) if subject else ()
    return (subject.tool, actions[0].operation) if subject and actions else None


def _changes(now: Approval, before: Approval) -> list[tuple[str, str, str]]:
    """Return what stands beside the texts and differs."""
    pairs = zip(_facts(now), _facts(before), strict=True)
    return [(what, _cut(old), _cut(new)) for (what, new), (_, old) in pairs if new != old]


def _facts(one: Approval) -> list[tuple[str, str]]:
    subject = one.subject or Subject("", "", (), "", "", "", "", "", "")
    first = next(iter(worst_first(subject.actions)), None)
    return [
        ("environment", one.environment),
        ("resource", first.resource if first else ""),
        ("effects", ", ".join(one.effects)),
        ("actions", str(len(subject.actions))),
        ("undo", (first.undo or first.reversal) if first else ""),
        ("restore points", "; ".join(f"{label}: {words}" for label, words in first.found) if first else ""),
        ("workspace", subject.workspace),
        ("policy rows", "; ".join((subject.row, *subject.also))),
    ]


def _lines(subject: Subject) -> list[str]:
    texts = list(dict.fromkeys(view.text for view in subject.actions if view.text)) or [subject.arguments]
    return [line.strip() for text in texts for line in text.splitlines() if line.strip()]


def _shown(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(_cut(line, _LINE_CHARS) for line in lines[:_LINES])


def _cut(text: str, most: int = _VALUE_CHARS) -> str:
    cut = text if len(text) <= most else f"{text[: most - 20]} … {text[-17:]}"
    return spell_out(cut.replace("\n", " ")) or "nothing"
