"""What could be done first, or instead of a request to a target, so that it can be taken back."""

from collections.abc import Mapping, Sequence

from firewall.classify.resolvers.instead import MAX_PROPOSALS, proposals
from firewall.classify.resolvers.things import vendor_of
from firewall.core.action import Action
from firewall.core.call import CallForm, ToolCall
from firewall.core.outgoing import decode
from firewall.core.reason import Reason
from firewall.core.target import TargetSpec
from firewall.core.world import Finding
from firewall.guard.placing import of_action
from firewall.guard.ports import Rules

TOLD = frozenset(
    {
        Reason.POLICY_ASK,
        Reason.POLICY_DENY,
        Reason.REQUIRE_UNMET,
        Reason.HOLD_ENDED,
        Reason.APPROVAL_DENIED,
        Reason.APPROVAL_EXPIRED,
    }
)
"""Reasons with which it is said; what lies outside the grant gets no proposal, for that would tell it apart."""


def proposed(
    call: ToolCall,
    actions: Sequence[Action],
    findings: Sequence[Finding],
    *,
    rules: Rules,
    targets: Mapping[str, TargetSpec],
) -> tuple[str, ...]:
    """Return at most a few proposals, each as one line; nothing for what is no request to a target."""
    spec = targets.get(actions[0].target) if actions else None
    if call.form is not CallForm.REQUEST or spec is None:
        return ()
    outgoing = decode(call.arguments)
    vendor = vendor_of(spec, outgoing, rules.catalogue.vendors)
    if vendor is None or not vendor.first:
        return ()
    found = {one.thing: one for one in findings}
    made = dict.fromkeys(
        line
        for action in actions
        for line in proposals(vendor.first, outgoing, action, findings=of_action(action, found))
    )
    return tuple(made)[:MAX_PROPOSALS]
