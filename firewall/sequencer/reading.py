"""Reading what the writer wrote: approvals opened for those permitted, tokens, people, entries."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from audit import AuditError
from firewall.core import conversation
from firewall.core.absence import Absence
from firewall.core.approval import Answer, Approval, ApprovalStatus, Decision
from firewall.core.errors import StoreError
from firewall.core.glass import GlassUse
from firewall.core.ids import sha256_hex
from firewall.core.pins import Pin
from firewall.core.proofs import Link, Passkey
from firewall.core.push import PushBrowser
from firewall.core.work import OpenApproval
from firewall.sequencer.sealing import Sealing, conversation_name, push_name, read_push, read_subject
from firewall.storage.sqlite import (
    absences,
    approvals,
    conversations,
    erasures,
    forms,
    glass,
    people,
    pins,
    proofs,
    pushes,
    tokens,
    votes,
)
from firewall.storage.sqlite.approvals import StoredApproval
from firewall.storage.sqlite.glass import StoredUse
from firewall.storage.sqlite.people import StoredPerson
from firewall.storage.sqlite.tokens import StoredToken

_T = TypeVar("_T")
_EARLIER_BYTES = 64 * 1024
"""Larger subjects are not opened to be compared with."""
_ALIKE = 200
"""Approvals of one token that are held against each other."""
_PAGE_BYTES = 1 << 20
"""Sealed subjects that one page of a list opens; one that is larger by itself is a page of its own."""


def _guarded(read: Callable[[], _T]) -> _T:
    """Run a query; a store that cannot be read closes the gates instead of looking empty."""
    try:
        return read()
    except sqlite3.Error as error:
        raise StoreError("the store cannot be read, so nothing may pass", detail=str(error)) from error


class Approving:
    """The `ApprovalStore` port over SQLite: what is sealed is opened here."""

    def __init__(self, connection: sqlite3.Connection, sealing: Sealing) -> None:
        self._connection = connection
        self._sealing = sealing

    def get(self, approval_id: str) -> Approval | None:
        """Return one approval with its opened subject, or None."""
        stored = _guarded(lambda: approvals.get(self._connection, approval_id))
        if stored is None:
            return None
        runs = _guarded(lambda: forms.runs(self._connection, approval_id))
        (opened,) = self._all([stored])
        return replace(opened, runs=runs)

    def bare(self, approval_id: str) -> Approval | None:
        """Return one approval without its subject, which is not opened, or None."""
        stored = _guarded(lambda: approvals.bare(self._connection, approval_id))
        return None if stored is None else self._all([stored])[0]

    def begun(self) -> list[str]:
        """Return the approvals whose form is under way."""
        return _guarded(lambda: forms.begun(self._connection))

    def usable(self, principal: str, digest: str, now_us: int) -> Approval | None:
        """Return an approved, unused, unexpired approval of exactly this call."""
        stored = _guarded(lambda: approvals.usable(self._connection, principal, digest, now_us))
        return None if stored is None else self._all([stored])[0]

    def would_open(self, step: OpenApproval) -> bool:
        """Tell whether an approval would be opened as things stand; the commit alone decides it."""
        return _guarded(lambda: approvals.not_opened(self._connection, step, 0)) is None

    def listing(self, status: str | None, limit: int) -> list[Approval]:
        """Return approvals, newest first, subjects opened."""
        return self._all(_guarded(lambda: approvals.listing(self._connection, status, limit)))

    def newest(self, status: str | None, limit: int, after: str = "") -> tuple[list[Approval], str]:
        """Return a page of approvals, newest first, and the id of its last where more stand behind it."""
        most = approvals.Most(limit, _PAGE_BYTES)
        found, last = _guarded(lambda: approvals.newest(self._connection, status, most, after))
        return self._all(found), last

    def waiting(self, now_us: int, limit: int, after: str = "") -> tuple[list[Approval], bool]:
        """Return a page of what waits, the one whose time ends first on top, and whether more stands behind it."""
        most = approvals.Most(limit, _PAGE_BYTES)
        found, is_more = _guarded(lambda: approvals.waiting(self._connection, now_us, most, after))
        return self._all(found), is_more

    def settled(self, limit: int) -> list[Approval]:
        """Return what waits no more, opened last first; fewer where subjects are long."""
        most = approvals.Most(limit, _PAGE_BYTES)
        return self._all(_guarded(lambda: approvals.settled(self._connection, most)))

    def waits(self, now_us: int, limit: int, since_us: int = 0) -> tuple[int, list[str]]:
        """Return how many wait, and the ids of the last since an instant; nothing is opened."""
        return _guarded(lambda: approvals.waits(self._connection, now_us, limit, since_us))

    def glance(self, approval_id: str) -> tuple[ApprovalStatus, int] | None:
        """Return where an approval stands and how many bytes its subject is; nothing is opened."""
        return _guarded(lambda: approvals.glance(self._connection, approval_id))

    def alike(self, approval: Approval, now_us: int, most_bytes: int) -> tuple[list[Approval], int]:
        """Return what waits beside an approval, oldest first, and how many of it are not opened."""
        most = approvals.Most(_ALIKE, _PAGE_BYTES)
        found, left = _guarded(lambda: approvals.alike(self._connection, approval, now_us, most, most_bytes))
        return self._all(found), left

    def open_of(self, token: str) -> list[str]:
        """Return the ids of what a token has pending or approved and unused."""
        return _guarded(lambda: approvals.open_of(self._connection, token))

    def earlier(self, approval: Approval, limit: int) -> list[Approval]:
        """Return what the same requester asked before, newest first, subjects opened; very large ones left out."""
        return self._all(_guarded(lambda: approvals.earlier(self._connection, approval, limit, _EARLIER_BYTES)))

    def answers(self, since_us: int, limit: int) -> list[Answer]:
        """Return votes after an instant, newest first, each with when its giver was first shown the approval."""
        found = _guarded(lambda: votes.answers(self._connection, since_us, limit))
        return [Answer(voter, Decision(said), at, seen, together) for voter, said, at, seen, together in found]

    def due(self, now_us: int) -> list[str]:
        """Return the ids of those whose time is over but whose status does not say so yet."""
        return _guarded(lambda: approvals.due(self._connection, now_us))

    def glass_use(self, approval_id: str) -> GlassUse | None:
        """Return the use of break-glass that approved an approval, or None."""
        stored = _guarded(lambda: glass.use(self._connection, approval_id))
        return None if stored is None else self._use(stored)

    def glass_uses(self, limit: int, *, is_open: bool, skip: int = 0) -> list[GlassUse]:
        """Return uses that wait for a review, oldest first; or those reviewed, newest review first."""
        found = _guarded(lambda: glass.uses(self._connection, limit, is_open=is_open, skip=skip))
        return [self._use(one) for one in found]

    def glass_open(self) -> int:
        """Return how many uses of break-glass wait for a review; nothing is opened."""
        return _guarded(lambda: glass.count_open(self._connection))

    def _use(self, stored: StoredUse) -> GlassUse:
        reason, note = (
            (self._sealing.open(stored.subject_key, sealed, f"{stored.use.approval}/{what}") or b"").decode(
                "utf-8", errors="replace"
            )
            for what, sealed in (("glass", stored.reason), ("review", stored.note))
        )
        return replace(stored.use, reason=reason, note=note)

    def has_conversation(self, approval_id: str) -> bool:
        """Tell whether what led to an approval was kept."""
        return _guarded(lambda: conversations.has(self._connection, approval_id))

    def conversation(self, approval_id: str) -> conversation.Kept | None:
        """Return what led to an approval, opened, or None where nothing was kept."""
        stored = _guarded(lambda: conversations.get(self._connection, approval_id))
        if stored is None:
            return None
        try:
            data = self._sealing.open(stored[0], stored[1], conversation_name(approval_id))
        except AuditError as error:
            raise StoreError("a stored conversation cannot be read", detail=str(error)) from error
        if data is None:
            return conversation.Kept(None)
        return conversation.Kept(conversation.read(data), sha256_hex(data))

    def _all(self, stored: Sequence[StoredApproval]) -> list[Approval]:
        given = _guarded(lambda: votes.votes(self._connection, [one.approval.id for one in stored]))
        return [replace(self._opened(one), votes=given.get(one.approval.id, ())) for one in stored]

    def _opened(self, stored: StoredApproval) -> Approval:
        approval = stored.approval
        key = stored.subject_key
        subject = read_subject(self._sealing.open(key, stored.subject, approval.id))
        reason = self._sealing.open(key, stored.reason, f"{approval.id}/reason")
        return replace(approval, subject=subject, reason=(reason or b"").decode("utf-8", errors="replace"))


class TokenLookup:
    """The `TokenRows` port over SQLite."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def erasures(self) -> int:
        """As the port says."""
        return _guarded(lambda: erasures.count(self._connection))

    def by_fingerprint(self, fingerprint: bytes) -> StoredToken | None:
        """Return the token whose SHA-256 this is."""
        return _guarded(lambda: tokens.by_fingerprint(self._connection, fingerprint))

    def by_id(self, token_id: str) -> StoredToken | None:
        """Return the token with this id."""
        return _guarded(lambda: tokens.by_id(self._connection, token_id))

    def listing(self, limit: int, after: str = "") -> Sequence[StoredToken]:
        """Return tokens, newest first; `after`: only those behind this one."""
        return _guarded(lambda: tokens.listing(self._connection, limit, after))

    def roots(self, limit: int, after: str = "") -> Sequence[StoredToken]:
        """As the port says."""
        return _guarded(lambda: tokens.roots(self._connection, limit, after))

    def descendants(self, token_id: str, limit: int) -> Sequence[StoredToken]:
        """As the port says."""
        return _guarded(lambda: tokens.descendants(self._connection, token_id, limit))

    def uses(self, ids: Sequence[str]) -> Mapping[str, int]:
        """As the port says."""
        return _guarded(lambda: tokens.uses(self._connection, ids))

    def revoked_of(self, holder: str) -> Sequence[str]:
        """As the port says."""
        return _guarded(lambda: tokens.revoked_of(self._connection, holder))

    def family(self, token_id: str) -> Sequence[str]:
        """Return the ids of a token and of everything below it, itself first."""
        return _guarded(lambda: tokens.family(self._connection, token_id))

    def issuer_of(self, principal: str, issued: str) -> str:
        """Return the provider by which an id was given to this principal (a pseudonym); empty: by none."""
        return _guarded(lambda: tokens.issuer_of(self._connection, principal, issued))


class PeopleLookup:
    """The `PeopleRows` port over SQLite."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, name: str) -> StoredPerson | None:
        """Return a person who has not been removed."""
        return _guarded(lambda: people.get(self._connection, name))

    def listing(self) -> Sequence[StoredPerson]:
        """Return everybody who has not been removed."""
        return _guarded(lambda: people.listing(self._connection))

    def absences(self) -> Sequence[Absence]:
        """Return who is away and who speaks for whom, over or not."""
        return _guarded(lambda: absences.listing(self._connection))

    def changes(self) -> int:
        """Return the number of changes among those who may decide, for `CastVote`."""
        return _guarded(lambda: votes.roster(self._connection))


class ProofLookup:
    """The `ProofRows` port over SQLite."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def passkey(self, credential: bytes) -> Passkey | None:
        """Return the live passkey with this credential id."""
        return _guarded(lambda: proofs.passkey(self._connection, credential))

    def passkeys(self, person: str = "") -> Sequence[Passkey]:
        """Return live passkeys, oldest first: a person's, or everybody's."""
        return _guarded(lambda: proofs.passkeys(self._connection, person))

    def link(self, fingerprint: bytes) -> Link | None:
        """Return the link whose SHA-256 this is, if it is unused and unrevoked."""
        return _guarded(lambda: proofs.link(self._connection, fingerprint))

    def links(self, now_us: int) -> Sequence[Link]:
        """Return links that could still be used, newest first."""
        return _guarded(lambda: proofs.links(self._connection, now_us))


class PushLookup:
    """Browsers that want to be told, over SQLite: what is sealed is opened here."""

    def __init__(self, connection: sqlite3.Connection, sealing: Sealing) -> None:
        self._connection = connection
        self._sealing = sealing

    def browsers(self, person: str = "") -> Sequence[PushBrowser]:
        """Return them, oldest first: a person's, or everybody's; those of an erased person are left out."""
        rows = _guarded(lambda: pushes.listing(self._connection, person))
        opened = ((row, self._sealing.open(row.subject_key, row.sealed, push_name(row.id))) for row in rows)
        return [
            read_push(data, push_id=row.id, person=row.person, passkey=row.passkey, created_at=row.created_at)
            for row, data in opened
            if data is not None
        ]


class PinLookup:
    """What is pinned of servers' tools, over SQLite."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def listing(self) -> Sequence[Pin]:
        """Return everything that is pinned or waits."""
        return _guarded(lambda: pins.listing(self._connection))
