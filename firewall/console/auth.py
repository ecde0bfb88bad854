"""Who is asking: what the console wants from whoever knows tokens and passphrases, and how agents are kept out.

INVARIANT: a request that carries an agent's token anywhere is refused before anything else is looked at, whatever
else it carries.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Protocol

from firewall.approvals.people import Approver

AGENT_HEADERS = frozenset({b"authorization", b"x-api-key", b"x-goog-api-key", b"x-stayhand-token"})
"""Where an agent's token comes in (DESIGN 6.4)."""
_AGENT_TOKEN = re.compile(rb"shd_[^\s/]{0,100}_agent_", re.IGNORECASE)


class Authenticator(Protocol):
    """Knows tokens and people; tells nobody why something is wrong."""

    def token(self, text: str) -> Approver | None:
        """Return the holder of a live admin, approver or service token (`via="token"`, role after its kind)."""
        ...

    def passphrase(self, name: str, passphrase: str) -> Approver | None:
        """Verify a passphrase; slow on purpose and as slow for unknown names; called in a thread."""
        ...

    def person(self, name: str) -> Approver | None:
        """Return somebody who may still sign in: asked at every request, so that removal ends a session."""
        ...

    def mark(self, name: str) -> str:
        """Return what tells somebody's account and passphrase from those before and after; empty: nobody's.

        Asked at every request: a session is one of the account and the passphrase that were there when it began.
        """
        ...


class Access(StrEnum):
    """Who may use a route; every route has exactly one row of this."""

    PUBLIC = "public"
    """Anybody who reaches the listener; shows nothing that is not public."""
    PAGE = "page"
    """A browser; without a session it gets a sign-in form."""
    FORM = "form"
    """A browser's session, same origin, with the CSRF token in the form."""
    SIGN_IN = "sign_in"
    """Anybody from the same origin who is about to show a passphrase."""
    READER = "reader"
    """Anybody with a role here: viewer, approver, auditor, admin; token, or session."""
    LOG = "log"
    """Whoever may read the log: auditor, approver, admin; token, or session."""
    DECIDER = "decider"
    """An approver or admin: token, or session (with CSRF header where something changes)."""
    ADMIN = "admin"
    """An admin: token, or session (with CSRF header where something changes)."""
    METRICS = "metrics"
    """An admin's or a service token."""


ROLES: dict[Access, frozenset[str]] = {
    Access.READER: frozenset({"viewer", "approver", "auditor", "admin"}),
    Access.LOG: frozenset({"approver", "auditor", "admin"}),
    Access.DECIDER: frozenset({"approver", "admin"}),
    Access.ADMIN: frozenset({"admin"}),
    Access.METRICS: frozenset({"admin", "service"}),
}
_ORDER = ("viewer", "approver", "auditor", "service", "admin")
"""How roles are named one after the other."""


def needing(access: Access, role: str) -> str:
    """Return in words which roles a row is for, and which one asked."""
    *most, last = [f"`{one}`" for one in _ORDER if one in ROLES[access]]
    wanted = f"{', '.join(most)} or {last}" if most else last
    return f"this needs the role {wanted}; yours is `{role}`"


def may_name(who: Approver | None) -> bool:
    """Tell whether somebody is told who did what, as the log tells it: whoever may read that."""
    return who is not None and who.role in ROLES[Access.LOG]


def agent_token_present(headers: Iterable[tuple[bytes, bytes]], query: bytes = b"") -> bool:
    """Tell whether a request carries what looks like an agent's token; its checksum does not matter."""
    if _AGENT_TOKEN.search(query):
        return True
    return any(name.lower() in AGENT_HEADERS and _AGENT_TOKEN.search(value) for name, value in headers)
