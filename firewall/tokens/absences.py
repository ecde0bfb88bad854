"""Who is away and who speaks for whom, until when: noted and forgotten through the sequencer (DESIGN 6.6)."""

from collections.abc import Sequence
from typing import Protocol

from firewall.core.absence import Absence
from firewall.core.ports import Clock, Sequencer
from firewall.core.work import Committed, EndAbsence, PutAbsence, Record, Unit
from firewall.tokens.people import People, PersonError

LONGEST_US = 90 * 24 * 3600 * 1_000_000
"""What is lent for longer is a group of one's own."""


class AbsenceRows(Protocol):
    """Looking absences up."""

    def absences(self) -> Sequence[Absence]:
        """Return everything that is noted, over or not."""
        ...

    def changes(self) -> int:
        """Return the number of changes among those who may decide."""
        ...


class Absences:
    """Everything about absences; reads through `rows`, writes through the sequencer."""

    def __init__(self, *, sequencer: Sequencer, rows: AbsenceRows, people: People, clock: Clock) -> None:
        self._sequencer = sequencer
        self._rows = rows
        self._people = people
        self._clock = clock

    def now(self) -> list[Absence]:
        """Return those that hold now."""
        now = self._clock.now_us()
        return [one for one in self._rows.absences() if one.holds(now)]

    def changes(self) -> int:
        """Return the number of changes among those who may decide."""
        return self._rows.changes()

    async def note(self, person: str, *, delegate: str, is_away: bool, until_us: int, by: str) -> Absence:
        """Note that somebody is away, or lets another speak for his groups, in place of what was noted.

        Raises: PersonError for people who are not there, for himself as his delegate, for an end that is over or
        more than ninety days ahead, and where nothing would follow from it.
        """
        now = self._clock.now_us()
        for name in (person, *([delegate] if delegate else [])):
            if self._people.get(name) is None:
                raise PersonError(f"there is no approver `{name}`")
        if not delegate and not is_away:
            raise PersonError("say who speaks for him, or that he is away", status=400)
        if delegate == person:
            raise PersonError("somebody else speaks for him", status=400)
        if not now < until_us <= now + LONGEST_US:
            raise PersonError("an absence ends, within ninety days from now", status=400)
        step = PutAbsence(person, delegate, is_away, now, until_us)
        record = Record(
            kind="approver.away" if is_away else "approver.delegated",
            data={"until": until_us, "delegated": bool(delegate)},
            person=person,
            private={"name": person, "delegate": delegate, "by": by},
        )
        outcome = await self._sequencer.submit(Unit(records=(record,), steps=(step,)))
        if not isinstance(outcome, Committed):
            raise PersonError("one of them was erased meanwhile")
        return Absence(person, delegate, is_away, now, until_us)

    async def end(self, person: str, *, by: str) -> None:
        """Forget what is noted of somebody.

        Raises: PersonError where nothing is.
        """
        record = Record(kind="approver.returned", person=person, private={"name": person, "by": by})
        outcome = await self._sequencer.submit(Unit(records=(record,), steps=(EndAbsence(person),)))
        if not isinstance(outcome, Committed):
            raise PersonError(f"nothing is noted of `{person}`")
