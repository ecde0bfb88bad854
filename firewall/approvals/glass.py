"""Break-glass: whom the configuration names lets pass alone, once, what would need people who are not there.

What is passed over is who has to agree, and nothing else: the call stays bound to its digest, the policy judges it
again before it goes, and a denial stays one.
INVARIANT: the entry that says who, why and what was passed over is in the commit that approves, or nothing is.
INVARIANT: never by the requester's human owner but as `solo` says, never by anybody, or with anything, newer than
the call, never by whoever wrote the call as a form of another, never without a tap of a passkey for these words,
never where he could approve it alone as others do.
INVARIANT: one use each, within its person's bounds, whatever comes at the same time, and whichever of his accounts
is removed.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from firewall.approvals import records
from firewall.approvals.counting import Counter
from firewall.approvals.people import Approver, Refusal
from firewall.approvals.service import Approvals
from firewall.approvals.text import plain
from firewall.approvals.typed import demand_typed
from firewall.core.approval import Approval, ApprovalStatus, Decision, Vote
from firewall.core.errors import ApprovalError
from firewall.core.glass import BreakGlass, GlassUse
from firewall.core.ids import sha256_hex
from firewall.core.ports import Clock, Sequencer
from firewall.core.work import CastVote, Committed, MoveApproval, Record, Unit

DAY_S = 24 * 3600
_US = 1_000_000
_TRIES = 32
"""Each time somebody else answered, or a right changed."""


@dataclass(frozen=True, slots=True)
class GlassRules:
    """Who may break the glass, and how often; seconds."""

    people: frozenset[str] = frozenset()
    """Names of accounts."""
    groups: frozenset[str] = frozenset()
    """Of one's own: what is lent does not count."""
    per_day: int = 1
    """Uses of one person within 24 hours."""
    cool_down_s: int = 3600
    """Between two uses of one person."""
    min_reason: int = 20
    """Characters."""
    remind_s: int = 4 * 3600
    """How often a use that nobody reviewed is told again."""

    def name(self, by: Approver) -> bool:
        """Tell whether somebody is named; nobody is where nothing is configured."""
        return by.name in self.people or not self.groups.isdisjoint(by.groups)


def said_of(reason: str) -> str:
    """Return what a tap for breaking the glass signs: the reason as it is kept, by hash."""
    return f"glass {sha256_hex(plain(reason).encode())}"


class Glass:
    """Breaks the glass for approvals."""

    def __init__(
        self,
        *,
        approvals: Approvals,
        sequencer: Sequencer,
        clock: Clock,
        rules: GlassRules | None,
        broken: Callable[[str], None] = lambda _id: None,
        unreviewed: Callable[[], int] = lambda: 0,
        use_of: Callable[[str], GlassUse | None] = lambda _id: None,
    ) -> None:
        """`rules`: None: nobody may. `broken` is told the id of an approval after each use."""
        self._approvals = approvals
        self._sequencer = sequencer
        self._clock = clock
        self._broken = broken
        self.rules = rules
        self.unreviewed = unreviewed
        """How many uses wait for a review."""
        self.use_of = use_of
        """The use that approved an approval, or None."""

    def refusal(self, approval: Approval, by: Approver) -> Refusal | None:
        """Return why somebody may not break the glass for an approval that waits; None: he may."""
        return self._refusal(self._approvals.counter(), approval, by)

    async def use(self, approval_id: str, *, by: Approver, reason: str, typed: str | None = None) -> Approval:
        """Approve a call alone, once.

        Raises: ApprovalError `approval_unknown` (404), `glass_not_permitted`, `own_approval`,
        `newer_than_approval`, `passkey_needed`, `approver_not_permitted` (403), `glass_not_needed`,
        `reason_missing`, `typed_missing`, `typed_mismatch`, `approval_expired`, `approval_decided`,
        `form_running` (409), `glass_spent` (429); StoreError.
        """
        for _ in range(_TRIES):
            approval = await self._approvals.current(approval_id)
            changes = self._approvals.changes()  # before anybody is looked at: what changes from now on voids it
            unit = self._unit(approval, by, plain(reason), typed=typed, changes=changes)
            outcome = await self._sequencer.submit(unit)
            if isinstance(outcome, Committed):
                self._approvals.wake(approval_id)
                self._broken(approval_id)
                return self._approvals.get(approval_id)
            if outcome.why in ("full", "too_soon"):
                raise _spent(self._rules, outcome.retry_after_us)
        raise ApprovalError("others answer at this moment: look again", code="vote_overtaken")

    @property
    def _rules(self) -> GlassRules:
        return self.rules or GlassRules()

    def _refusal(self, counter: Counter, approval: Approval, by: Approver) -> Refusal | None:
        listed = counter.now(by)
        if self.rules is None or listed is None or not self.rules.name(listed):
            return Refusal("glass_not_permitted", "the configuration does not name you for break-glass")
        if counter.is_author(approval, by):
            return Refusal("glass_not_permitted", "you wrote this form: somebody else breaks the glass for it")
        # Everything that is asked of whoever answers but the group that he is of.
        anybody = replace(approval, obligations=replace(approval.obligations, demands=(), auth=""))
        refusal = counter.refusal(anybody, by) or counter.newer(approval, by)
        if refusal is not None:
            return refusal
        if by.auth != "passkey" or by.via != "session":
            return Refusal("passkey_needed", "breaking the glass takes a tap of your passkey, on the page")
        alone = counter.refusal(approval, by) or counter.not_approving(approval, by)
        if alone is None and counter.with_vote(approval, by).is_met:
            return Refusal("glass_not_needed", "you can approve this as usual: nobody is missing")
        return None

    def _unit(self, approval: Approval, by: Approver, reason: str, *, typed: str | None, changes: int) -> Unit:
        counter = self._approvals.counter()
        refusal = self._refusal(counter, approval, by)
        if refusal is not None:
            status = 409 if refusal.code == "glass_not_needed" else 403
            raise ApprovalError(refusal.public, code=refusal.code, status=status)
        if approval.status is not ApprovalStatus.PENDING:
            raise records.settled(approval)
        if records.is_running(approval):
            raise records.running()
        if len(reason) < self._rules.min_reason:
            words = f"say why, in at least {self._rules.min_reason} characters"
            raise ApprovalError(words, code="reason_missing")
        demand_typed(approval, typed)
        return self._broken_by(by, approval, reason, counter=counter, changes=changes)

    def _broken_by(self, by: Approver, approval: Approval, reason: str, *, counter: Counter, changes: int) -> Unit:
        now, rules = self._clock.now_us(), self._rules
        who = counter.pseudonym(by.name)
        groups = tuple(sorted(counter.groups(approval, by)))
        vote = Vote(len(approval.votes) + 1, who, Decision.APPROVE, now, by.auth, groups)
        before = counter.of(approval)
        move = MoveApproval(
            id=approval.id,
            expect=ApprovalStatus.PENDING,
            become=ApprovalStatus.APPROVED,
            at=now,
            digest=approval.digest,
            by=who,
            self_approved=counter.is_self_approved(approval, by),
            use_before=now + self._approvals.rules.use_within_s * _US,
        )
        use = BreakGlass(
            approval=approval.id,
            by=who,
            people=counter.pseudonyms(by),
            at=now,
            most=rules.per_day,
            day_from=now - DAY_S * _US,
            quiet_from=now - rules.cool_down_s * _US,
            reason=reason,
        )
        after = counter.with_vote(approval, by)
        voted = records.voted(approval, vote, by, move=move, after=after, is_last=True)
        found: tuple[Record, ...] = (
            records.broken(approval, by, before, reason),
            replace(voted, data={**voted.data, "glass": True}),
        )
        return Unit(records=found, steps=(CastVote(approval.id, approval.digest, vote, changes), use, move))


def _spent(rules: GlassRules, retry_after_us: int) -> ApprovalError:
    words = f"you broke the glass {rules.per_day} times within a day: nobody does it more often"
    if rules.per_day == 1:
        words = "you broke the glass once within a day: nobody does it more often"
    if retry_after_us:
        minutes = -(-retry_after_us // (60 * _US))
        words = f"you broke the glass just now: wait {minutes} more minute{'' if minutes == 1 else 's'}"
    return ApprovalError(words, code="glass_spent", status=429)
