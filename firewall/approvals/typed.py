"""The name that whoever approves types, where a row asks for it: that of what the call is about. Pure."""

from firewall.core.action import PRODUCTION, UNRESOLVED
from firewall.core.approval import ActionView, Approval
from firewall.core.effect import Effect, severity
from firewall.core.errors import ApprovalError
from firewall.core.folding import normal

_SEVERITY = {effect.value: severity(effect) for effect in Effect}


def worst_first(actions: tuple[ActionView, ...]) -> tuple[ActionView, ...]:
    """Return actions by their strictest effect, the strictest first; among equals production comes first.

    What is still equal is ordered by its own names: the order in which the agent wrote it says nothing.
    """
    return tuple(sorted(actions, key=lambda one: (*_rank(one), not one.resource, _spelled(one))))


def name_of(approval: Approval) -> str:
    """Return the name that is typed: the resource of the worst action; empty where nothing can be read."""
    actions = approval.subject.actions if approval.subject else ()
    return worst_first(actions)[0].resource if actions else ""


def equals_of(approval: Approval) -> int:
    """Return how many resources are as bad as the one whose name is typed, itself among them."""
    actions = approval.subject.actions if approval.subject else ()
    worst = min(map(_rank, actions), default=None)
    return len({one.resource for one in actions if _rank(one) == worst and one.resource})


def _rank(view: ActionView) -> tuple[int, int]:
    """Return how bad an action is, and where: production, what no row names, and the rest; small is worse."""
    unknown = _SEVERITY[Effect.UNKNOWN.value]
    worst = max((_SEVERITY.get(effect, unknown) for effect in view.effects), default=0)
    environment = view.environment.casefold()
    where = 0 if environment in PRODUCTION else 1 if environment in ("", UNRESOLVED) else 2
    return -worst, where


def _spelled(view: ActionView) -> tuple[str, ...]:
    return view.resource, view.operation, view.environment, *sorted(view.effects), view.summary, view.text


def demand_typed(approval: Approval, typed: str | None) -> None:
    """Refuse to approve where the name was not typed, or another one was.

    Both are compared after NFC and in no other way: white space counts, and a letter that looks like another is
    another. Raises: ApprovalError `typed_missing` or `typed_mismatch` (409); no vote was given.
    """
    if typed is None and not approval.obligations.typed:
        return
    if not typed:
        raise ApprovalError("type the name of the resource to approve this", code="typed_missing")
    wanted = name_of(approval)
    if not wanted or normal(typed, "NFC") != normal(wanted, "NFC"):
        words = "the typed name is not the resource of this call: no vote was given"
        raise ApprovalError(words, code="typed_mismatch")
