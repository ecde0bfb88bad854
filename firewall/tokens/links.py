"""Personal links that work once: an address that begins a session, or that decides one approval (ADR 0041).

The secret is shown or sent once and kept as a hash. INVARIANT: looking at a link changes nothing; it is spent by
one commit that finds it unused, unrevoked and in its time.
"""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from firewall.core.errors import FirewallError
from firewall.core.ports import Clock, Sequencer
from firewall.core.proofs import Link, LinkUse
from firewall.core.secret import Secret
from firewall.core.work import Committed, EndLink, PutLink, Record, Unit, UseLink

SIGN_IN_S = 3600
DECIDE_S = 600
"""The longest that a link may wait to be used."""
_PREFIX = "shl_"
_SECRET_CHARS = 43


class LinkError(FirewallError):
    """A link that is unknown, used, revoked or too old; nobody is told which."""

    code = "link_invalid"
    status = 403

    def __init__(self) -> None:
        super().__init__("this link is not valid: it was used, revoked, is too old, or was copied in part")


class UnknownLinkError(FirewallError):
    """No such link to be revoked."""

    code = "link_unknown"
    status = 404


@dataclass(frozen=True, slots=True)
class Made:
    """A new link and its secret, which is stored nowhere."""

    link: Link
    secret: Secret


class LinkRows(Protocol):
    """Looking links up."""

    def link(self, fingerprint: bytes) -> Link | None:
        """Return the link whose SHA-256 this is, if it is unused and unrevoked."""
        ...

    def links(self, now_us: int) -> Sequence[Link]:
        """Return links that could still be used, newest first."""
        ...


class Links:
    """Everything about personal links; reads through `rows`, writes through the sequencer."""

    def __init__(self, *, sequencer: Sequencer, rows: LinkRows, clock: Clock, new_id: Callable[[], str]) -> None:
        self._sequencer = sequencer
        self._rows = rows
        self._clock = clock
        self._new_id = new_id

    async def for_sign_in(self, person: str, *, by: str) -> Made:
        """Make a link that signs somebody in once. Raises: LinkError where he was erased meanwhile; StoreError."""
        return await self._make(LinkUse.SIGN_IN, person, by=by, life_s=SIGN_IN_S)

    async def for_decision(self, person: str, *, approval: str, digest: str, until_us: int) -> Made:
        """Make a link by which this person may decide this approval, as it is bound now, at most until then.

        It goes to that person's own channel and nowhere else; whoever holds it can decide.
        Raises: as `for_sign_in`.
        """
        left_s = max(0, until_us - self._clock.now_us()) // 1_000_000
        return await self._make(
            LinkUse.DECIDE, person, by=person, life_s=min(DECIDE_S, left_s), approval=approval, digest=digest
        )

    def look(self, secret: str, use: LinkUse) -> Link:
        """Return the link of a secret; this changes nothing. Raises: LinkError; StoreError."""
        if not secret.startswith(_PREFIX) or len(secret) != len(_PREFIX) + _SECRET_CHARS:
            raise LinkError
        found = self._rows.link(_fingerprint(secret))
        if found is None or found.use is not use or found.expires_at <= self._clock.now_us():
            raise LinkError
        return found

    async def spend(self, link: Link) -> None:
        """Use a link up: durable before what it is for happens. Raises: LinkError; StoreError."""
        if not isinstance(await self._sequencer.submit(self.spending(link)), Committed):
            raise LinkError

    def spending(self, link: Link) -> Unit:
        """Return what uses a link up, for a commit that holds what it is for as well."""
        record = Record(
            kind="approver.link_used",
            data={"link": link.id, "use": link.use.value},
            person=link.person,
            principal=link.person,
            approval=link.approval,
            private={"name": link.person},
        )
        return Unit(records=(record,), steps=(UseLink(link.id, self._clock.now_us()),))

    def listing(self) -> Sequence[Link]:
        """Return links that could still be used, newest first."""
        return self._rows.links(self._clock.now_us())

    async def revoke(self, link_id: str, *, by: str) -> Link:
        """Revoke an unused link. Raises: UnknownLinkError; StoreError."""
        found = next((one for one in self.listing() if one.id == link_id), None)
        if found is None:
            raise UnknownLinkError("there is no such link, or it was used or is too old")
        record = Record(
            kind="approver.link_revoked",
            data={"link": found.id, "use": found.use.value},
            person=found.person,
            principal=by,
            approval=found.approval,
            private={"name": found.person, "by": by},
        )
        unit = Unit(records=(record,), steps=(EndLink(found.id, self._clock.now_us()),))
        if not isinstance(await self._sequencer.submit(unit), Committed):
            raise UnknownLinkError("there is no such link, or it was used or is too old")
        return found

    async def _make(
        self, use: LinkUse, person: str, *, by: str, life_s: int, approval: str = "", digest: str = ""
    ) -> Made:
        secret = f"{_PREFIX}{secrets.token_urlsafe(32)}"
        now = self._clock.now_us()
        link = Link(
            id=self._new_id(),
            fingerprint=_fingerprint(secret),
            use=use,
            person=person,
            approval=approval,
            digest=digest,
            created_at=now,
            expires_at=now + life_s * 1_000_000,
        )
        record = Record(
            kind="approver.linked",
            data={"link": link.id, "use": use.value, "expires_at": link.expires_at},
            person=person,
            principal=by,
            approval=approval,
            private={"name": person, "by": by},
        )
        unit = Unit(records=(record,), steps=(PutLink(link),))
        if not isinstance(await self._sequencer.submit(unit), Committed):
            raise LinkError  # whom it is for was erased meanwhile
        return Made(link, Secret(secret))


def _fingerprint(secret: str) -> bytes:
    return hashlib.sha256(b"stayhand link 1\n" + secret.encode("utf-8", "replace")).digest()
