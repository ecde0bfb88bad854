"""Browsers that want to be told while their page is closed: added, listed, ended; each change is an entry.

INVARIANT: one browser is one person's. Whoever adds it while another has it takes it over, so that nobody is told
what waits in a browser that is somebody else's by now.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from firewall.core.errors import FirewallError
from firewall.core.ports import Clock, Sequencer
from firewall.core.push import PushBrowser
from firewall.core.secret import Secret
from firewall.core.work import EndPush, PutPush, Record, Unit, Unmet
from firewall.tokens.passkeys import label_of

MOST = 10
"""Browsers of one person."""


class Ended(StrEnum):
    """Why a browser is told no more; never reworded."""

    BY_PERSON = "by_person"
    BY_ADMIN = "by_admin"
    """An admin ended somebody else's."""
    GONE = "gone"
    """Its push service knows it no more."""
    TAKEN_OVER = "taken_over"
    """Somebody else added it."""
    RIGHT_LOST = "right_lost"
    """Its person decides nothing any more."""


class PushError(FirewallError):
    """A browser that cannot be added, or that there is none of."""

    code = "push_unknown"
    status = 404


class PushRows(Protocol):
    """Looking browsers up."""

    def browsers(self, person: str = "") -> Sequence[PushBrowser]:
        """Return them, oldest first: a person's, or everybody's."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """A browser that somebody adds, its endpoint and keys checked."""

    endpoint: Secret
    receiver: bytes
    auth: bytes
    label: str
    since: int
    """`Session.stands_since` of the session, Unix microseconds."""
    passkey: str = ""
    """The passkey that began the session; empty: something else did."""
    via: str = ""
    """How the session began."""


class Pushes:
    """Everything about these browsers; reads through `rows`, writes through the sequencer."""

    def __init__(self, *, sequencer: Sequencer, rows: PushRows, clock: Clock, new_id: Callable[[], str]) -> None:
        self._sequencer = sequencer
        self._rows = rows
        self._clock = clock
        self._new_id = new_id

    def of(self, person: str) -> Sequence[PushBrowser]:
        """Return a person's browsers, oldest first."""
        return self._rows.browsers(person)

    def listing(self) -> Sequence[PushBrowser]:
        """Return everybody's browsers, oldest first."""
        return self._rows.browsers()

    async def add(self, person: str, wanted: Wanted) -> PushBrowser:
        """Add a browser; one that the person has already stays as it is.

        Raises: PushError `push_full`, `push_changed`, `signed_out` (what the session stands on ended meanwhile);
        StoreError.
        """
        new = PushBrowser(
            id=self._new_id(),
            person=person,
            endpoint=wanted.endpoint,
            receiver=wanted.receiver,
            auth=wanted.auth,
            label=label_of(wanted.label, "browser"),
            passkey=wanted.passkey,
            created_at=self._clock.now_us(),
        )
        known = next((one for one in self._rows.browsers() if one.fingerprint == new.fingerprint), None)
        if known is not None and known.person == person and known.auth == new.auth:
            return known
        record = Record(
            kind="approver.push_added",
            data={"push": new.id, "via": wanted.via},
            person=person,
            principal=person,
            private={"name": person, "label": new.label},
        )
        put = PutPush(new, MOST, wanted.since)
        unit = Unit(records=(record,), steps=(put,))
        if known is not None:
            why = Ended.BY_PERSON if known.person == person else Ended.TAKEN_OVER
            ended = _ended(known, why, by=person)
            unit = Unit(records=(ended, record), steps=(EndPush(known.id), put))
        outcome = await self._sequencer.submit(unit)
        if isinstance(outcome, Unmet):
            raise _refused(outcome)
        return new

    def seen_by(self, person: str, *, is_admin: bool) -> Sequence[PushBrowser]:
        """Return what somebody may see: his own, or everybody's where he is an admin; by person, oldest first."""
        return sorted(self._rows.browsers("" if is_admin else person), key=lambda one: one.person)

    async def ended_by(self, person: str, push_id: str, *, is_admin: bool) -> PushBrowser:
        """Forget a browser that somebody may see; the entry says whether it was his own.

        Raises: PushError; StoreError.
        """
        found = self._found(push_id, "" if is_admin else person)
        why = Ended.BY_PERSON if found.person == person else Ended.BY_ADMIN
        return await self._end(found, why, by=person)

    async def end(self, push_id: str, why: Ended, *, by: str) -> PushBrowser:
        """Forget a browser. Raises: PushError; StoreError."""
        return await self._end(self._found(push_id, ""), why, by=by)

    def _found(self, push_id: str, own: str) -> PushBrowser:
        """Return a browser; `own`: only if it is this person's. Raises: PushError."""
        found = next((one for one in self._rows.browsers(own) if one.id == push_id), None)
        if found is None:
            raise PushError("there is no such browser")
        return found

    async def _end(self, found: PushBrowser, why: Ended, *, by: str) -> PushBrowser:
        unit = Unit(records=(_ended(found, why, by=by),), steps=(EndPush(found.id),))
        if isinstance(await self._sequencer.submit(unit), Unmet):
            raise PushError("there is no such browser")
        return found


def _ended(browser: PushBrowser, why: Ended, *, by: str) -> Record:
    return Record(
        kind="approver.push_ended",
        data={"push": browser.id, "why": why.value},
        person=browser.person,
        principal=by,
        private={"name": browser.person, "label": browser.label, "by": by},
    )


def _refused(unmet: Unmet) -> PushError:
    if unmet.why in ("ended", "erased"):
        words = "you were signed out, so nothing was changed; sign in and do it again"
        return PushError(words, code="signed_out", status=401)
    if unmet.why == "full":
        words = f"you have {MOST} browsers already: take one away first"
        return PushError(words, code="push_full", status=409)
    return PushError("somebody else changed this at the same time: try again", code="push_changed", status=409)
