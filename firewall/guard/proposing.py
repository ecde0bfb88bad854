"""What could be done first, or instead of a request to a target, so that it can be taken back.

INVARIANT: a form is made when people are asked, and what they are shown is what is run: its bytes lie with the
approval. It goes to the target of the request that it stands for, and nowhere else.
"""

from collections.abc import Mapping, Sequence

from firewall.classify.resolvers.instead import MAX_PROPOSALS, Proposal, proposals
from firewall.classify.resolvers.things import vendor_of
from firewall.core.action import Action
from firewall.core.approval import Form
from firewall.core.call import CallForm, ToolCall
from firewall.core.outgoing import Outgoing, decode
from firewall.core.reason import Reason
from firewall.core.target import TargetKind, TargetSpec
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
) -> tuple[Form, ...]:
    """Return at most a few forms; none for what is no request to a target."""
    spec = targets.get(actions[0].target) if actions else None
    if call.form is not CallForm.REQUEST or spec is None:
        return ()
    outgoing = decode(call.arguments)
    vendor = vendor_of(spec, outgoing, rules.catalogue)
    if vendor is None or not vendor.first:
        return ()
    found = {one.thing: one for one in findings}
    made = dict.fromkeys(
        Form(one.line, _request(one, spec, outgoing), one.before)
        for action in actions
        for one in proposals(vendor.first, outgoing, action, findings=of_action(action, found))
    )
    return tuple(made)[:MAX_PROPOSALS]


def _request(one: Proposal, spec: TargetSpec, original: Outgoing) -> str:
    """Return the request of a proposal, to the place of the original; empty for a command line alone."""
    method, _, rest = one.run.partition(" ")
    path, _, body = rest.partition(" ")
    if not path.startswith("/"):
        return ""
    headers = _content(method, body, spec.kind) + ((("x-amz-target", one.target),) if one.target else ())
    outgoing = Outgoing(
        method, path, headers=headers, body=body.encode(), host=original.host, scope=original.scope
    )
    return outgoing.encode().decode()


def _content(method: str, body: str, kind: TargetKind) -> tuple[tuple[str, str], ...]:
    if not body:
        return ()
    if not body.startswith("{"):
        return (("content-type", "application/x-www-form-urlencoded"),)
    if kind is TargetKind.AWS:
        return (("content-type", "application/x-amz-json-1.0"),)
    is_merged = kind is TargetKind.KUBERNETES and method == "PATCH"
    return (("content-type", "application/merge-patch+json" if is_merged else "application/json"),)
