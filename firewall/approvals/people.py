"""Who may answer: pure rules about an approver and an approval (DESIGN 5, ATTACKS 54).

INVARIANT: the requester's human owner never decides, except with `solo` outside production; a group that a row
asks for is met by everybody who decides, admins included.
"""

import unicodedata
from dataclasses import dataclass
from typing import Literal

from firewall.core.approval import Approval

ROLES = frozenset({"approver", "admin"})
"""Roles that may decide."""


@dataclass(frozen=True, slots=True)
class Approver:
    """Somebody who presented a session or a token of the control side."""

    name: str
    role: str
    groups: tuple[str, ...] = ()
    via: Literal["session", "token"] = "session"
    auth: Literal["passphrase", "token", "oidc", "passkey", "link"] = "passphrase"
    """What was shown for this request: a row may ask for a passkey; a link decides only where a row says so."""
    aliases: tuple[str, ...] = ()
    """Other names of the same person (an e-mail address): an owner may be written either way."""

    def is_called(self, name: str) -> bool:
        """Tell whether a name is this person's, however it is written."""
        wanted = _folded(name)
        return bool(wanted) and wanted in {_folded(own) for own in (self.name, *self.aliases)}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody may not decide."""

    code: str
    """`approver_not_permitted` or `own_approval`."""
    public: str


def refusal_of(approval: Approval, by: Approver, *, solo: bool, production: frozenset[str]) -> Refusal | None:
    """Return why `by` may not decide `approval`, or None when he may; its state is another question."""
    if by.role not in ROLES:
        return Refusal("approver_not_permitted", f"the role `{by.role}` does not decide approvals")
    if approval.group and approval.group not in by.groups:
        return Refusal("approver_not_permitted", f"this needs somebody of the group `{approval.group}`")
    if approval.subject is None:
        # FAIL-CLOSED: unreadable is unanswerable, and without the owner's name nobody is shown to be another.
        return Refusal("approver_not_permitted", "what this approval is about can no longer be read")
    if by.is_called(approval.subject.owner):
        return _own(approval, solo=solo, production=production)
    return None


def _own(approval: Approval, *, solo: bool, production: frozenset[str]) -> Refusal | None:
    if not solo:
        return Refusal("own_approval", "this is your own agent's call: somebody else decides")
    views = approval.subject.actions if approval.subject else ()
    lands = {approval.environment, *(view.environment for view in views)}
    if any(_folded(environment) in production for environment in lands):
        return Refusal("own_approval", "this is your own agent's call in production: somebody else decides")
    return None


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold().strip()
