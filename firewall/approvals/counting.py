"""Whose votes count: those of people who may decide at this moment, each person once under all his names. Pure.

INVARIANT: a vote of somebody who may no longer decide does not count, nor one for a group that he speaks no more
for, nor of somebody who was added, or whose role or groups changed, after the approval was opened.
INVARIANT: whoever lends his groups and those who speak for him take one seat of them: what is lent counts
only where neither the lender nor an earlier vote that speaks for him is among the votes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from firewall.approvals.people import (
    NOWHERE,
    ROLES,
    Approver,
    Deputy,
    Refusal,
    folded,
    lies_in,
    people_among,
    refusal_of,
    whole,
)
from firewall.core.approval import Approval, Decision, Vote
from firewall.core.demand import Ballot, Tally, tally
from firewall.core.effect import GRAVE


@dataclass(frozen=True, slots=True)
class Counter:
    """Counts the votes of approvals among those who may decide at one moment."""

    everybody: tuple[Approver, ...]
    """Who may decide; empty: nobody keeps a list, and only who stands at the door counts."""
    pseudonym: Callable[[str], str]
    solo: bool
    production: frozenset[str]
    may_be_production: Callable[[Approval], bool]
    """Whether a call whose place nobody knows could lie in production: then its owner does not answer for it."""

    def now(self, by: Approver) -> Approver | None:
        """Return somebody as he is listed now, under all his names; None where he no longer is."""
        if not self.everybody:
            return by
        listed = next((one for one in self.everybody if one.name == by.name), None)
        if listed is None:
            return None
        role = by.role if listed.role in ROLES else listed.role  # who may only look decides by no door
        known = replace(
            by,
            role=role,
            groups=listed.groups,
            speaks_for=listed.speaks_for,
            aliases=listed.aliases,
            since=listed.since,
        )
        return whole(known, self.everybody)

    def refusal(self, approval: Approval, by: Approver) -> Refusal | None:
        """Return why somebody may not answer; None: he may."""
        listed = self.now(by)
        if listed is None:
            return Refusal("approver_not_permitted", f"`{by.name}` is no approver any more")
        strict = NOWHERE if self.solo and self.may_be_production(approval) else frozenset[str]()
        return refusal_of(approval, listed, solo=self.solo, production=self.production | strict)

    def not_approving(self, approval: Approval, by: Approver) -> Refusal | None:
        """Return why somebody who may answer cannot approve at this moment; None: his vote would count."""
        if approval.obligations.auth == "passkey" and by.auth != "passkey":
            return Refusal("passkey_needed", "this needs a passkey of yours: add one on the page Passkeys")
        older = self.newer(approval, by) or self._held_from(approval, by)
        if older is not None:
            return older
        before, after = self.of(approval), self.with_vote(approval, by)
        if after.missing < before.missing or after.given > before.given:
            return None
        if self.groups(approval, by) != (self.now(by) or by).groups_for(_owner(approval)):
            return _newer("what others lent you is")
        if self._person(by) in before.counted:
            return Refusal("vote_counted", f"your vote is in: {before.words}")
        return Refusal("not_your_turn", f"others vote first: {before.words}")

    def is_author(self, approval: Approval, by: Approver) -> bool:
        """Tell whether somebody, under whatever name, wrote this form of a call."""
        return bool(approval.authors) and not {*approval.authors}.isdisjoint(self.pseudonyms(by))

    def _held_from(self, approval: Approval, by: Approver) -> Refusal | None:
        """Return why somebody's vote does not count who wrote what is too grave for its author; None: it does."""
        views = approval.subject.actions if approval.subject else ()
        does = {*approval.effects, *(effect for view in views for effect in view.effects)}
        places = self.production | (NOWHERE if self.may_be_production(approval) else frozenset())
        if not GRAVE & does or not lies_in(approval, places) or not self.is_author(approval, by):
            return None
        return Refusal(
            "own_form", "you wrote this form, which may be grave in production: somebody else approves it"
        )

    def newer(self, approval: Approval, by: Approver) -> Refusal | None:
        """Return why somebody, or what he showed, is newer than an approval; None: both are older."""
        if (self.now(by) or by).since > approval.opened_at:
            return _newer("your account, your role or your groups are")
        if by.proof_at > approval.opened_at:
            return _newer("what you signed in with is")
        return None

    def of(self, approval: Approval) -> Tally:
        """Count what was given so far."""
        return tally(approval.obligations.demands, self._ballots(approval))

    def with_vote(self, approval: Approval, by: Approver) -> Tally:
        """Count what was given and what `by`, who may answer, would add."""
        return tally(approval.obligations.demands, self._ballots(approval, by))

    def groups(self, approval: Approval, by: Approver) -> frozenset[str]:
        """Return the groups for which somebody can speak about a call."""
        listed = self.now(by) or replace(by, groups=(), speaks_for=())
        return listed.groups_for(_owner(approval), before_us=approval.opened_at)

    def is_self_approved(self, approval: Approval, by: Approver) -> bool:
        """Tell whether the human owner of the call's agent is `by`, or among those whose votes count."""
        voters = [one for vote in approval.votes if (one := self._voter(approval, vote)) is not None]
        return any((self.now(one) or one).is_called(_owner(approval)) for one in [*voters, by])

    def _ballots(self, approval: Approval, more: Approver | None = None) -> list[Ballot]:
        """Return the votes that count, in their order; that of `more`, for all of his groups, comes last."""
        found = [(self._voter(approval, vote), frozenset(vote.groups)) for vote in approval.votes]
        given = [(by, said) for by, said in found if by is not None]
        if more is not None:
            given.append((more, self.groups(approval, more)))
        taken = frozenset(name for by, _ in given for name in self._names(by))
        ballots = []
        for by, said in given:
            listed = self.now(by) or replace(by, groups=(), speaks_for=())
            lenders = listed.lenders(_owner(approval), approval.opened_at)
            lent = (one.groups for one in lenders if not taken & self._names(one))
            ballots.append(Ballot(self._person(by), said & frozenset(listed.groups).union(*lent)))
            taken = taken.union(*map(self._names, lenders))
        return ballots

    def _voter(self, approval: Approval, vote: Vote) -> Approver | None:
        """Return who gave a vote for, as he is now; None where he may no longer give it."""
        lacks_passkey = approval.obligations.auth == "passkey" and vote.auth != "passkey"
        if vote.decision is not Decision.APPROVE or lacks_passkey:
            return None
        by = self.called(vote.voter)
        if by is None or by.since > approval.opened_at:
            return None
        return None if self.refusal(approval, by) or self._held_from(approval, by) else by

    def called(self, pseudonym: str) -> Approver | None:
        """Return whose pseudonym it is: by names of accounts first, since asking about a name makes its key."""
        for one in self.everybody:
            if self.pseudonym(one.name) == pseudonym:
                return one
        return next((one for one in self.everybody if pseudonym in map(self.pseudonym, one.aliases)), None)

    def accounts(self, by: Approver) -> tuple[str, ...]:
        """Return the names of all accounts of somebody, in a fixed order."""
        mine = self._names(by)
        return tuple(sorted({by.name, *(one.name for one in self.everybody if folded(one.name) in mine)}))

    def pseudonyms(self, by: Approver) -> tuple[str, ...]:
        """Return those of everything that somebody is called: they tell who he was after an account is removed."""
        return tuple(sorted(set(map(self.pseudonym, {*self.accounts(by), *self._names(by)}))))

    def _person(self, by: Approver) -> str:
        """Return the same text for somebody under whatever name he comes."""
        return min(self._names(by))

    def _names(self, by: Approver | Deputy) -> frozenset[str]:
        """Return all names of somebody, folded, with those of his other accounts."""
        mine = folded(by.names[0])
        return next(names for names in people_among([*self.everybody, by]) if mine in names)


def _newer(what: str) -> Refusal:
    why = "only who could approve it when it was asked does; denied and asked again, it is a new one"
    return Refusal("newer_than_approval", f"{what} newer than this: {why}")


def _owner(approval: Approval) -> str:
    return approval.subject.owner if approval.subject else ""
