"""Batches: several approvals of one kind that wait, answered on one page, each by itself. Pure.

Of one kind is what differs in nothing but the name of the thing that it is done to: the same run, tool, policy
row and demands, and for each action the same operation, place, effects, sort of resource, and certainty.
INVARIANT: what is approved once at a time is approved in no batch, nor what wants a name or a tap for itself;
and an approver's form of another call is of no kind, because its own page says whose words it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from firewall.approvals.people import Approver
from firewall.approvals.permits import refusal_of as no_permit
from firewall.approvals.wanted import size_of
from firewall.core.approval import ActionView, Approval, Decision
from firewall.core.errors import ApprovalError

MOST = 20
"""Approvals in a batch."""
MOST_CHARS = 100_000
"""What they show together; who has more to read reads one by one."""
MOST_BYTES = MOST_CHARS
"""Of one, as it is stored; a larger call is opened on its own page alone."""
Kind = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class InBatch:
    """What somebody answered with an answer to several."""

    digest: str
    """Of the approval, as it was shown."""
    together: int
    """How many he answered at once."""


def kind_of(approval: Approval) -> Kind | None:
    """Return what approvals of one kind have in common; None: this one is of no kind but its own."""
    subject = approval.subject
    if subject is None or not subject.actions or subject.moved or subject.edited:
        return None
    return (
        approval.principal,
        approval.token,
        approval.environment,
        approval.effects,
        approval.obligations.text(),
        subject.tool,
        subject.row,
        subject.also,
        subject.agent,
        subject.owner,
        subject.workspace,
        bool(subject.forms or subject.first),
        tuple(sorted({_spelled(view) for view in subject.actions})),
    )


def _spelled(view: ActionView) -> tuple[str, ...]:
    """Return what an action has in common with others of its kind; `volume:railway` of `volume:railway/vol_1`."""
    return (
        view.operation,
        view.environment,
        " ".join(view.effects),
        view.resource.partition("/")[0],
        view.scope,
        view.reversal,
        view.confidence,
        str(bool(view.undo)),
        "\n".join(view.unseen),
    )


def of_kind(
    first: Approval, waiting: Sequence[Approval], may: Callable[[Approval], bool]
) -> tuple[list[Approval], int]:
    """Return what waits of the kind of `first`, oldest first, as much as a page shows, and how many more do."""
    kind = kind_of(first)
    same = [one for one in waiting if kind is not None and kind_of(one) == kind and may(one)]
    found: list[Approval] = []
    size = 0
    for one in sorted(same, key=lambda one: (one.opened_at, one.id)):
        size += size_of(one.subject)
        if len(found) == MOST or size > MOST_CHARS:
            break
        found.append(one)
    return found, len(same) - len(found)


def batches_in(waiting: Sequence[Approval]) -> list[tuple[Approval, int]]:
    """Return the kinds of which several wait that a page can show: one of each, and how many."""
    kinds: dict[Kind, list[Approval]] = {}
    for one in waiting:
        kind = kind_of(one)
        if kind is not None and size_of(one.subject) <= MOST_CHARS:
            kinds.setdefault(kind, []).append(one)
    return [(found[0], len(found)) for found in kinds.values() if len(found) > 1]


def refusal_of(approval: Approval, by: Approver, production: frozenset[str]) -> str:
    """Return why an approval is approved in no batch; empty: it may be. Denied it may be in any."""
    if approval.obligations.typed:
        return "where a name is typed, each is approved by itself"
    if approval.obligations.auth == "passkey":
        return "where a passkey is asked for, each takes a tap of its own"
    return no_permit(approval, by, production)


def demand_batched(
    approval: Approval, decision: Decision, by: Approver, batch: InBatch, production: frozenset[str]
) -> None:
    """Refuse to answer in a batch what was not shown so, or is approved by itself alone.

    Raises: ApprovalError `batch_changed` (409) or `batch_refused` (403).
    """
    if not 1 <= batch.together <= MOST or approval.digest != batch.digest:
        raise ApprovalError("this is no longer what was shown: look at it again", code="batch_changed")
    words = refusal_of(approval, by, production) if decision is Decision.APPROVE else ""
    if words:
        raise ApprovalError(words, code="batch_refused", status=403)
