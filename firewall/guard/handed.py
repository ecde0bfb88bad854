"""What the guard hands on of a judgement: a record, what it draws, what people are asked. Pure.

Nothing here decides: the verdict has been found, and the guard submits what is made here.
"""

from dataclasses import replace

from firewall.approvals.wanted import Wanted
from firewall.core.bucket import per_hour
from firewall.core.errors import ApprovalError
from firewall.core.ids import principal_of
from firewall.core.reason import Reason
from firewall.core.verdict import Ask, Deny
from firewall.core.work import Record, Step, Take, record_of
from firewall.guard.judgement import Judgement
from firewall.guard.requester import Requester


def judged(
    judgement: Judgement, requester: Requester, *, approval: str = "", is_own: bool = False
) -> tuple[Record, ...]:
    """Return the entry of a verdict and, once for each request that nothing announced, one of its own.

    `is_own`: it is about a later call under a permit, and not about the one that people were asked about.
    """
    verdict = _record("tool.judged", judgement, requester, approval=approval)
    if is_own:
        verdict = replace(verdict, data={**verdict.data, "own": True})
    if approval or not judgement.declaration.is_undeclared:
        return (verdict,)
    return verdict, _record("tool.undeclared", judgement, requester)


def _record(kind: str, judgement: Judgement, requester: Requester, *, approval: str = "") -> Record:
    return record_of(
        kind=kind,
        data={**judgement.facts(), "gate": requester.gate, "token": requester.token_id},
        person=requester.grant.owner,
        principal=requester.principal,
        approval=approval,
        private={**judgement.private(), "session": requester.session},
    )


def released(judgement: Judgement, requester: Requester, *, approval: str = "", follows: int = -1) -> Record:
    """Record that a call may go; `follows`: the entry whose release it uses, -1 for none."""
    return record_of(
        kind="tool.released",
        data={
            "digest": judgement.digest,
            "gate": requester.gate,
            **({"follows": follows} if follows >= 0 else {}),
        },
        principal=requester.principal,
        approval=approval,
    )


def limited(judgement: Judgement, requester: Requester) -> Record:
    """Record that a token has used up its destructive calls of the hour."""
    return Record(
        kind="limit.hit",
        data={"limit": "destructive_per_hour", "digest": judgement.digest, "token": requester.token_id},
        principal=requester.principal,
    )


def destructive_budget(judgement: Judgement, requester: Requester) -> tuple[Step, ...]:
    """Return what a destructive call draws from its token, its ancestors and its owner; of others, nothing."""
    if not judgement.is_destructive:
        return ()
    return tuple(
        Take(f"destructive:{draw.key}", per_hour(draw.destructive_per_hour))
        for draw in requester.draws
        if draw.destructive_per_hour
    )


def denied(reason: str, instead: str) -> Deny:
    """Return the verdict of a call that people denied; `instead`: `Approval.instead`."""
    return Deny(Reason.APPROVAL_EDITED if instead else Reason.APPROVAL_DENIED, detail=reason)


def wanted(judgement: Judgement, requester: Requester, *, heeds_denial: bool) -> Wanted:
    """Return what people are asked. Raises: ApprovalError where the verdict is no ask."""
    verdict = judgement.verdict
    if not isinstance(verdict, Ask):
        raise ApprovalError("only an ask can be opened")
    return Wanted(
        digest=judgement.digest,
        principal=principal_of(requester.grant.owner, requester.grant.agent),
        token=requester.token_id,
        session=requester.session,
        environment=judgement.environment,
        effects=tuple(effect.value for effect in judgement.effects),
        obligations=verdict.obligations,
        subject=judgement.subject(requester),
        heeds_denial=heeds_denial,
    )


def first(seqs: tuple[int, ...]) -> int:
    """Return the first of the entries that were written; -1: none was."""
    return seqs[0] if seqs else -1
