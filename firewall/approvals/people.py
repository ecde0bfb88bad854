"""Who may answer: pure rules about an approver and an approval (DESIGN 5, ATTACKS 54).

INVARIANT: nobody approves what was opened before he had the account, the role and the groups, or before what he
shows was made: one credential of an admin makes no people for what waits already.
INVARIANT: the requester's human owner never decides, under none of his names and for nobody else, except with
`solo` outside production and what may be production; a group that a row asks for is met by everybody who decides,
admins included.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from firewall.core.action import UNRESOLVED
from firewall.core.approval import Approval
from firewall.core.demand import ANYBODY
from firewall.core.effect import GRAVE
from firewall.core.folding import normal

ROLES = frozenset({"approver", "admin"})
"""Roles that may decide."""
Auth = Literal["passphrase", "token", "oidc", "passkey", "link", "session", "slack"]
"""How somebody proves who he is. `passkey`: a tap for this very decision; `link`: a personal link for it;
`session`: a session that a passkey or a one-time address began, without a tap of its own."""


@dataclass(frozen=True, slots=True)
class Approver:
    """Somebody who presented a session or a token of the control side."""

    name: str
    role: str
    groups: tuple[str, ...] = ()
    via: Literal["session", "token", "slack", "link"] = "session"
    auth: Auth = "passphrase"
    """What was shown for this request: a row may ask for a passkey; a link decides only where a row says so."""
    aliases: tuple[str, ...] = ()
    """Other names of the same person (an e-mail address): an owner may be written either way."""
    speaks_for: tuple["Deputy", ...] = ()
    """Whose groups he may speak for at this moment."""
    is_away: bool = False
    """He need not be told of what waits; he may still answer."""
    since: int = 0
    """When he was added, or got the role and the groups that he has, Unix microseconds."""
    proof_at: int = 0
    """When what he showed was made, Unix microseconds: the passphrase, the token, the passkey, the one-time
    address; 0: nobody here makes it (an OpenID provider, Slack)."""

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that he is called."""
        return (self.name, *self.aliases)

    def is_called(self, name: str) -> bool:
        """Tell whether a name is this person's, however it is written."""
        wanted = folded(name)
        return bool(wanted) and wanted in {folded(own) for own in self.names}

    def groups_for(self, owner: str, *, before_us: int | None = None) -> frozenset[str]:
        """Return the groups for which he can speak about a call of `owner`'s agent.

        Whoever speaks for somebody does not do so about that somebody's own agents. `before_us`: what was lent
        later is left out.
        """
        lent = (one.groups for one in self.lenders(owner, before_us))
        return frozenset(self.groups).union(*lent)

    def lenders(self, owner: str, before_us: int | None = None) -> list["Deputy"]:
        """Return whose groups those are."""
        known = (one for one in self.speaks_for if before_us is None or one.since <= before_us)
        return [one for one in known if not one.is_called(owner)]


@dataclass(frozen=True, slots=True)
class Deputy:
    """Somebody who lets another speak for his groups."""

    names: tuple[str, ...]
    """Everything that he is called."""
    groups: tuple[str, ...]
    since: int = 0
    """When they were lent, or he got them, Unix microseconds."""

    def is_called(self, name: str) -> bool:
        """Tell whether a name is his, however it is written."""
        return folded(name) in {folded(own) for own in self.names}


class Roster(Protocol):
    """Everybody who may decide now."""

    def everybody(self) -> Sequence[Approver]:
        """Return them with their groups, and with those for whom they speak at this moment."""
        ...

    def changes(self) -> int:
        """Return the number of changes among them so far; ask it before `everybody`."""
        ...


UNSEEN = -1
"""Changes that nobody counted."""


class Unlisted:
    """A roster that knows nobody: only who stands at the door counts, and only alone."""

    def everybody(self) -> Sequence[Approver]:
        """Return nobody."""
        return ()

    def changes(self) -> int:
        """Return that nobody counted."""
        return UNSEEN


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody may not decide."""

    code: str
    """`approver_not_permitted`, `own_approval`, `passkey_needed`, `newer_than_approval`, `own_form`,
    `vote_counted` or `not_your_turn`."""
    public: str

    @property
    def status(self) -> int:
        """The HTTP status: 409 where he may decide and his vote would not count now, else 403."""
        return 409 if self.code in ("vote_counted", "not_your_turn") else 403


def refusal_of(approval: Approval, by: Approver, *, solo: bool, production: frozenset[str]) -> Refusal | None:
    """Return why `by` may not decide `approval`, or None when he may; its state is another question."""
    if by.role not in ROLES:
        return Refusal("approver_not_permitted", f"the role `{by.role}` does not decide approvals")
    if approval.subject is None:
        # FAIL-CLOSED: unreadable is unanswerable, and without the owner's name nobody is shown to be another.
        return Refusal("approver_not_permitted", "what this approval is about can no longer be read")
    wanted = groups_of(approval)
    if ANYBODY not in wanted and not wanted & by.groups_for(approval.subject.owner):
        named = " or ".join(f"`{group}`" for group in sorted(wanted))
        return Refusal("approver_not_permitted", f"this needs somebody of the group {named}")
    if by.auth == "link" and not _may_link(approval, production):
        return Refusal("approver_not_permitted", "a link does not decide this: sign in")
    if by.is_called(approval.subject.owner):
        # Mail that an agent reads along is its owner's: no link decides for oneself, whatever `solo` says.
        return _own(approval, solo=solo and by.auth != "link", production=production)
    return None


def groups_of(approval: Approval) -> frozenset[str]:
    """Return the groups that may answer; the empty one where any approver may."""
    demands = approval.obligations.demands
    return frozenset().union(*(one.groups for one in demands)) if demands else frozenset({ANYBODY})


def people_among(everybody: "Sequence[Approver | Deputy]") -> list[frozenset[str]]:
    """Return the names, folded, of each person: accounts that share a name are one person's."""
    found: list[frozenset[str]] = []
    for one in everybody:
        names = frozenset(map(folded, one.names)) - {""}
        same = [other for other in found if other & names]
        found = [other for other in found if not other & names]
        found.append(names.union(*same))
    return found


def whole(by: Approver, everybody: Sequence[Approver]) -> Approver:
    """Return somebody with the names of all his accounts."""
    for names in people_among([*everybody, by]):
        if folded(by.name) in names:
            known = {folded(name) for name in by.names}
            return replace(by, aliases=(*by.aliases, *sorted(names - known)))
    return by


def _may_link(approval: Approval, production: frozenset[str]) -> bool:
    """Tell whether a personal link may decide: only where a row says so, and never what cannot be taken back."""
    is_grave = bool(GRAVE & set(approval.effects)) or may_be_in(approval, production)
    return approval.obligations.auth == "link" and not is_grave


NOWHERE = frozenset({UNRESOLVED, ""})
"""Where a call lands of which nobody knows the place."""


def may_be_in(approval: Approval, production: frozenset[str]) -> bool:
    """Tell whether any part of a call lies in production, or where nobody knows that it does not."""
    return lies_in(approval, production | NOWHERE)


def lies_in(approval: Approval, places: frozenset[str]) -> bool:
    """Tell whether any part of a call lies in one of the places, as they are compared."""
    return any(folded(one) in places for one in _lands(approval))


def _lands(approval: Approval) -> set[str]:
    views = approval.subject.actions if approval.subject else ()
    return {approval.environment, *(view.environment for view in views)}


def _own(approval: Approval, *, solo: bool, production: frozenset[str]) -> Refusal | None:
    if not solo:
        return Refusal("own_approval", "this is your own agent's call: somebody else decides")
    found = {folded(environment) for environment in _lands(approval)} & production
    if found - NOWHERE:
        return Refusal("own_approval", "this is your own agent's call in production: somebody else decides")
    if found:
        words = "this is your own agent's call, and it may land in production: somebody else decides"
        return Refusal("own_approval", words)
    return None


def folded(name: str) -> str:
    """Return a name as it is compared: however it is written, it is one person's."""
    return normal(name, "NFKC").casefold().strip()
