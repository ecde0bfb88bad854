"""One line of the queue, and the sentence that a call is called by wherever it is shown. Pure."""

from dataclasses import dataclass

from firewall.approvals.typed import worst_first
from firewall.console.marked import spell_out
from firewall.core.approval import ActionView, Approval
from firewall.core.demand import Tally

_HEADLINE_CHARS = 240


@dataclass(frozen=True, slots=True)
class Card:
    """One line of the queue."""

    id: str
    headline: str
    environment: str
    is_production: bool
    effects: tuple[str, ...]
    requester: str
    time_left: str
    is_own: bool
    standing: str = ""
    """How far people have come, where several are asked."""


def card(
    approval: Approval, *, now_us: int, is_own: bool, production: frozenset[str], tally: Tally | None = None
) -> Card:
    """Work out one line of the queue."""
    subject = approval.subject
    actions = worst_first(subject.actions) if subject else ()
    first = actions[0] if actions else None
    return Card(
        id=approval.id,
        headline=headline(first),
        environment=spell_out(approval.environment),
        is_production=approval.environment.casefold() in production,
        effects=approval.effects,
        requester=spell_out(f"{subject.agent} for {subject.owner}") if subject else "",
        time_left=time_left(approval.expires_at - now_us),
        is_own=is_own,
        standing=tally.words if tally is not None and approval.obligations.demands else "",
    )


def time_left(left_us: int) -> str:
    """Return a duration in plain words."""
    seconds = max(0, left_us // 1_000_000)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h"


def headline(first: ActionView | None) -> str:
    """Return the sentence of the worst action of a call; None: nothing of it can be read any more."""
    if first is None:
        return "What this call does can no longer be read"
    return short(spell_out(first.summary).replace("\n", " "), _HEADLINE_CHARS)


def short(text: str, limit: int) -> str:
    """Return a text with its middle left out where it is longer than so many characters."""
    return text if len(text) <= limit else f"{text[: limit // 2]} … {text[-(limit // 2) :]}"
