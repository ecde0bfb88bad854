"""Who erases, and who is left: one person under all his names, who was there before (DESIGN 6.6).

INVARIANT: whoever erases was an admin a day ago, and what he showed was made before that: nobody is made an
admin, or given another's passphrase, in order to hide what somebody did.
"""

from collections.abc import Mapping
from dataclasses import replace

from firewall.approvals.people import Approver, folded, people_among, whole
from firewall.approvals.service import Approvals
from firewall.console.erasing.errors import ErasureError
from firewall.console.shape import rfc3339
from firewall.core.errors import AuthError
from firewall.core.ports import Clock

OLD_US = 24 * 3_600_000_000
"""How long the standing of whoever erases must have been what it is."""
DECIDES = ("approver", "admin")


class Standing:
    """Looks at everybody who may sign in at this moment, and at who the configuration says they are."""

    def __init__(self, approvals: Approvals, clock: Clock, configured: Mapping[str, str]) -> None:
        """`configured`: e-mail addresses, or nothing, by the names that the configuration has."""
        self._approvals = approvals
        self._clock = clock
        self._written = [
            Approver(name, "", aliases=(email,) if email else ()) for name, email in configured.items()
        ]

    def eraser(self, by: Approver) -> Approver:
        """Return who erases under all his names.

        Raises: AuthError where he is no admin any more; ErasureError `eraser_too_new` (403).
        """
        everybody = self._approvals.counter().everybody
        listed = next((one for one in everybody if one.name == by.name), None)
        if listed is None or by.role != "admin" or listed.role != "admin":
            raise AuthError(detail="who erases is no admin any more")
        for what, at in (("account, role or groups are", listed.since), ("sign-in or token is", by.proof_at)):
            if at + OLD_US > self._clock.now_us():
                words = f"your {what} less than a day old: you may erase from {rfc3339(at + OLD_US)} on"
                raise ErasureError(words, code="eraser_too_new", status=403)
        known = replace(listed, aliases=tuple({*listed.aliases, *by.aliases}))
        return whole(known, [*everybody, *self._written])

    def names(self, name: str) -> frozenset[str]:
        """Return everything that somebody is called, folded; of a name that is no account's, itself."""
        mine = folded(name)
        known = [*self._approvals.counter().everybody, *self._written, Approver(name, "")]
        return next((names for names in people_among(known) if mine in names), frozenset())

    def role(self, name: str) -> str:
        """Return the role of an account; empty where there is none."""
        return next((one.role for one in self._approvals.counter().everybody if one.name == name), "")

    def demand_another(self, name: str, role: str) -> None:
        """Refuse where nobody but this person would administer, or answer. Raises: ErasureError."""
        if role not in DECIDES:
            return
        mine = self.names(name)
        others = {one.role for one in self._approvals.counter().everybody if mine.isdisjoint(self.names(one.name))}
        if role == "admin" and "admin" not in others:
            raise ErasureError("nobody else could administer: add another admin first", code="last_admin")
        if others.isdisjoint(DECIDES):
            raise ErasureError("nobody else could answer: add another approver first", code="last_approver")
