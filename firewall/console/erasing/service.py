"""Erasing a person: who may, what must end before, and the entry that comes before the act (DESIGN 6.6).

INVARIANT: `audit.erased` is durable before the key is destroyed, and nothing is written between the two; a crash
there is finished at the next start.
INVARIANT: nobody erases himself under any of his names, but where `solo` says that there is nobody else; the last
one who can administer or answer is not erased, nor anybody whose break-glass nobody reviewed.
INVARIANT: one erasure runs at a time, and each is committed only while whoever asked for it still may.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from firewall.approvals.people import Approver, folded
from firewall.approvals.service import Approvals
from firewall.approvals.text import plain
from firewall.console.erasing.errors import ErasureError
from firewall.console.erasing.standing import Standing
from firewall.core.erasure import Erasable, EraseSubject, Living
from firewall.core.errors import StoreError
from firewall.core.ports import Clock, Sequencer
from firewall.core.work import Committed, Record, Unit, Unmet
from firewall.tokens.links import Links, UnknownLinkError
from firewall.tokens.people import People
from firewall.tokens.service import Tokens, UnknownTokenError

RESERVED = frozenset({"stayhand", "sources", "budgets"})
"""Subjects that are nobody: the server itself, addresses that failed to sign in, holders of budgets."""


class ErasureRows(Protocol):
    """Looking up whom it is about."""

    def subject(self, said: str, *, more: Iterable[str] = ()) -> Erasable | None:
        """Return whom a name, a pseudonymous id or a key's id means, or None. Raises: StoreError."""
        ...

    def living(self, who: Erasable, at: int) -> Living:
        """Return what there still is of somebody. Raises: StoreError."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What ends before somebody is erased."""

    tokens: Tokens
    people: People
    links: Links
    approvals: Approvals


@dataclass(frozen=True, slots=True)
class _Asked:
    """One erasure on its way."""

    who: Erasable
    living: Living
    by: Approver
    """Who asked for it, under all his names."""
    role: str
    """Of the account that goes; empty: none."""
    is_own: bool
    still: Callable[[], None]
    """Raises where whoever asked may no longer."""

    def demand_still(self) -> None:
        """Refuse where whoever asked may no longer; what ends of himself ends that too."""
        if not self.is_own:
            self.still()


@dataclass(frozen=True, slots=True)
class Erased:
    """What was done."""

    who: Erasable
    entry: int
    """The number of `audit.erased`."""
    tokens: int
    approvals: int
    links: int
    """How many of each ended with it."""
    is_configured: bool
    """The configuration still names him: no command of ours writes that file."""
    is_emptied: bool
    """Nothing of him lies in the write-ahead log; else it goes from there when somebody who reads the log ends."""
    is_back: bool
    """Somebody came under the name since, and has a key."""

    @property
    def ended(self) -> str:
        """What ended with it, in words; empty: nothing."""
        return counted({"token": self.tokens, "approval": self.approvals, "link": self.links})


class Erasing:
    """Erases people for admins."""

    def __init__(
        self,
        parts: Parts,
        *,
        sequencer: Sequencer,
        rows: ErasureRows,
        clock: Clock,
        is_emptied: Callable[[], bool],
        configured: Mapping[str, str] | None = None,
        forget: Sequence[Callable[[str], None]] = (),
    ) -> None:
        """Wire it.

        `is_emptied`: whether nothing of what was erased lies in the write-ahead log.
        `configured`: names in the configuration, each with its e-mail address or nothing; `forget`: what has
        somebody's name or words in memory.
        """
        self._parts = parts
        self._sequencer = sequencer
        self._rows = rows
        self._clock = clock
        self._is_emptied = is_emptied
        written = configured or {}
        self._configured = frozenset({*written, *written.values()} - {""})
        self._standing = Standing(parts.approvals, clock, written)
        self._forget = tuple(forget)
        self._lock = asyncio.Lock()

    def subject(self, said: str, by: Approver) -> tuple[Erasable, Living]:
        """Return whom somebody may erase, and what there still is of him; nothing is changed.

        Raises: AuthError; ErasureError `subject_unknown` (404), `subject_reserved`, `erase_self`, `eraser_too_new`
        (403), `last_admin`, `last_approver`, `review_open` (409); StoreError.
        """
        eraser = self._standing.eraser(by)
        who = self._rows.subject(said, more=self._configured)
        if said in RESERVED:
            raise _reserved()
        if who is None:
            words = "no key is kept for that: give a person's name, a `per_` or a `sub_` id"
            raise ErasureError(words, code="subject_unknown", status=404)
        # a key without a name may be one of these: whoever has only its id is not believed
        own = {found.key for found in map(self._rows.subject, RESERVED) if found is not None}
        if who.name in RESERVED or who.key in own:
            raise _reserved()
        if eraser.is_called(who.name) and not self._parts.approvals.rules.solo:
            words = "somebody else erases you: another admin"
            raise ErasureError(words, code="erase_self", status=403)
        self._standing.demand_another(who.name, self._standing.role(who.name))
        living = self._rows.living(who, self._clock.now_us())
        if living.unreviewed:
            uses = counted({"use": living.unreviewed})
            words = f"{uses} of break-glass without a review: erasing would hide why"
            raise ErasureError(words, code="review_open")
        return who, living

    async def erase(
        self, said: str, *, reason: str, revoke: bool, by: Approver, still: Callable[[], None] = lambda: None
    ) -> Erased:
        """Erase somebody's key; with `revoke`, what lives of him ends before, each with its own entry.

        `still` raises where what `by` came with has ended meanwhile.
        Raises: as `subject` and `still`; ErasureError `reason_missing`, `reason_names_subject` (400),
        `subject_live`, `roster_changed` (409).
        """
        async with self._lock:
            still()
            who, living = self.subject(said, by)
            reason = _reason(reason, {who.name, *self._standing.names(who.name)})
            links = self._links_of(who.name)
            signs_in = self._parts.people.get(who.name) is not None
            if not revoke and (living.tokens or living.approvals or links or signs_in):
                raise _alive(living, len(links), signs_in=signs_in)
            eraser, role = self._standing.eraser(by), self._standing.role(who.name)
            asked = _Asked(who, living, eraser, role, eraser.is_called(who.name), still)
            if revoke:
                await self._end(asked)
            entry = await self._commit(asked, reason)
            for forget in (self._parts.tokens.forget_erased, *self._forget):
                forget(who.name)
            return Erased(
                who,
                entry,
                len(living.tokens),
                len(living.approvals),
                len(links),
                is_configured=who.name in self._configured,
                is_emptied=self._is_emptied(),
                is_back=await self._is_back(who),
            )

    async def _is_back(self, who: Erasable) -> bool:
        """Tell whether an erased name has a key again; true where nobody can tell."""
        if not who.name:
            return False
        try:
            await self._sequencer.submit(Unit())  # behind whatever was handed in until now
            return self._rows.subject(who.name) is not None
        except StoreError:
            return True

    def _links_of(self, name: str) -> list[str]:
        return [one.id for one in self._parts.links.listing() if one.person == name]

    async def _end(self, asked: _Asked) -> None:
        """End what lives of somebody; what ended meanwhile is passed over."""
        parts, who, by = self._parts, asked.who, asked.by.name
        for token in asked.living.tokens:
            asked.demand_still()
            with suppress(UnknownTokenError):
                await parts.tokens.revoke(token, by=by)
        for approval in self._rows.living(who, self._clock.now_us()).approvals:
            asked.demand_still()
            await parts.approvals.cancel(approval, why="subject_erased")
        for link in self._links_of(who.name):
            asked.demand_still()
            with suppress(UnknownLinkError):
                await parts.links.revoke(link, by=by)
        asked.demand_still()
        if parts.people.get(who.name) is not None:
            await parts.people.remove(who.name, by=by)
            parts.tokens.forget(who.name)

    def _still(self, asked: _Asked) -> int:
        """Return up to which change among people whoever asked still may. Raises: as `subject` and `still`."""
        changes = self._parts.approvals.changes()
        asked.demand_still()
        if not asked.is_own:
            self._standing.eraser(asked.by)
        self._standing.demand_another(asked.who.name, asked.role)
        return changes

    async def _commit(self, asked: _Asked, reason: str) -> int:
        """Write the entry and have the key destroyed. Raises: as `erase`."""
        who, living, by = asked.who, asked.living, asked.by
        seen = self._still(asked)
        step = EraseSubject(who.key, who.name, who.pseudonym, self._clock.now_us(), roster=seen)
        is_own = asked.is_own  # then it is sealed by the server: nothing about him outlives his key
        record = Record(
            kind="audit.erased",
            data={
                "subject": who.pseudonym,
                "key": who.key,
                "tokens": len(living.tokens),
                "approvals": len(living.approvals),
            },
            person="" if is_own else by.name,
            principal="" if is_own else by.name,
            private={"note": reason} if is_own else {"by": by.name, "note": reason},
        )
        outcome = await self._sequencer.submit(Unit(records=(record,), steps=(step,)))
        match outcome:
            case Committed():
                return outcome.seqs[0]
            case Unmet(why="roster"):
                raise ErasureError("who may administer changed meanwhile: try again", code="roster_changed")
            case Unmet(why="living"):
                raise ErasureError("something of it came meanwhile: try again", code="subject_live")
            case Unmet(why="review_open"):
                raise ErasureError("break-glass was used meanwhile: review it first", code="review_open")
            case Unmet():
                raise StoreError("the erasure was recorded already", detail=who.key)


def _reserved() -> ErasureError:
    return ErasureError("this key is the server's own", code="subject_reserved", status=403)


def _reason(text: str, names: Iterable[str]) -> str:
    """Return a reason that may stay. Raises: ErasureError where there is none, or it names whom it is about."""
    reason = plain(text)
    if not reason:
        raise ErasureError("say why: `reason` stays in the log", code="reason_missing", status=400)
    said = folded(reason)
    for one in {folded(part) for name in names for part in (name, name.partition("@")[0])} - {""}:
        if re.search(rf"(?<!\w){re.escape(one)}(?!\w)", said):
            words = "the reason stays readable: say it without the name"
            raise ErasureError(words, code="reason_names_subject", status=400)
    return reason


def _alive(living: Living, links: int, *, signs_in: bool) -> ErasureError:
    counts = counted({"token": len(living.tokens), "approval": len(living.approvals), "link": links})
    parts = [*([counts] if counts else []), *(["the right to sign in"] if signs_in else [])]
    return ErasureError(f"still there: {', '.join(parts)}; end this first, or with `revoke`", code="subject_live")


def counted(counts: Mapping[str, int]) -> str:
    """Return what there is any of, in words."""
    return ", ".join(f"{count} {what if count == 1 else f'{what}s'}" for what, count in counts.items() if count)
