"""The texts of a call on its page, within one bound for all of them, and each of them whole. Pure.

Part 0 is the arguments as they were intercepted; the others are the texts of its actions, that of the worst first.
"""

from collections.abc import Sequence

from firewall.approvals.typed import worst_first
from firewall.console.approving.parts import Text, Unseen
from firewall.console.cut import Span, shared, weight
from firewall.console.marked import MOST_BYTES, show, size
from firewall.core.approval import Subject
from firewall.core.errors import ApprovalError

MOST_TEXTS = 64
"""Texts on one page, the arguments not counted."""
RAW_BYTES = 16 << 10
"""What the arguments may take of a page where the texts take all that there is for both."""


def texts_shown(subject: Subject, most: int = MOST_BYTES) -> tuple[tuple[Text, ...], Text | None, Unseen]:
    """Return what a page shows of the texts and of the arguments, and what it has no room for.

    All of them take `most` bytes of the page, what comes first not counted.
    """
    found = texts_of(subject)
    if not found and subject.arguments:
        found = [(subject.arguments, [])]
    here, rest = found[:MOST_TEXTS], found[MOST_TEXTS:]
    weights = [weight(text, spans, most) for text, spans in here]
    level = shared(most, weights)
    part = 1 if subject.actions and any(view.text for view in subject.actions) else 0
    texts = tuple(
        Text(_title(subject, at, len(found)), show(text, spans, level), f"t{at}", at + part, size(text))
        for at, (text, spans) in enumerate(here)
    )
    raw = _raw(subject, found, most - sum(min(one, level) for one in weights))
    others = tuple((at, size(text)) for at, (text, _) in enumerate(rest, MOST_TEXTS + part))
    places = sum(len({span[:2] for span in spans}) for _, spans in rest)
    return texts, raw, _unseen([one for one in (*texts, raw) if one is not None], others, places)


def _unseen(shown: Sequence[Text], others: tuple[tuple[int, int], ...], places: int) -> Unseen:
    """Return what a page has no room for; `others`: texts of which nothing is shown, with so many `places`."""
    parts = [(one.part, one.anchor) for one in shown if one.shown.left_out]
    parts += [(number, "others") for number, _ in others]
    return Unseen(
        bytes=sum(one.shown.left_out for one in shown) + sum(count for _, count in others),
        places=places + sum(one.shown.unseen for one in shown),
        texts=others,
        part=parts[0][0] if parts else 0,
        others=parts[1][1] if len(parts) > 1 else "",
    )


def whole(subject: Subject | None, part: int) -> str:
    """Return one text whole, as it was intercepted.

    Raises: ApprovalError `text_unknown` (404): there is none with this number, or it can no longer be read.
    """
    if subject is not None and part == 0:
        return subject.arguments
    found = texts_of(subject) if subject is not None else []
    if not 0 < part <= len(found):
        raise ApprovalError("there is no such text", code="text_unknown", status=404)
    return found[part - 1][0]


def texts_of(subject: Subject) -> list[tuple[str, list[Span]]]:
    """Return the texts of the actions, each once, with the deciding words of all that share it."""
    spans: dict[str, list[Span]] = {}
    for view in worst_first(subject.actions):
        spans.setdefault(view.text, []).extend(view.evidence)
    return [(text, marks) for text, marks in spans.items() if text]


def _title(subject: Subject, at: int, count: int) -> str:
    """Say what is done with the text, by what carries it: a request is sent, a command or a program is run."""
    texts = [view for view in subject.actions if view.text]
    if not texts:
        return "As intercepted"
    if at:
        return f"And also ({at + 1} of {count})"
    if subject.tool.startswith(("infra/", "egress/")):
        return "What will be sent"
    if any(view.operation.startswith("mcp:") for view in subject.actions):
        return "What the MCP server will be asked"
    is_given = all(view.operation.startswith(("file:", "tool:")) for view in texts)
    return "What the tool will be given" if is_given else "What will run"


def _raw(subject: Subject, found: list[tuple[str, list[Span]]], room: int) -> Text | None:
    """Return the arguments, where they are not one of the texts."""
    if not subject.arguments or any(text == subject.arguments for text, _ in found):
        return None
    shown = show(subject.arguments, (), max(RAW_BYTES, room))
    return Text("Arguments as intercepted", shown, "raw", 0, size(subject.arguments))
