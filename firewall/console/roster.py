"""Everybody who may decide now: people, their groups of both sources, and for whom they speak at this moment."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from firewall.approvals.people import ROLES, Approver, Deputy, whole
from firewall.core.absence import Absence
from firewall.core.ports import Clock
from firewall.settings.sections import ApproverSettings
from firewall.tokens.absences import Absences
from firewall.tokens.people import People, Person


class Listed:
    """The approvals' `Roster` over people who can sign in, what is configured of them, and absences."""

    def __init__(
        self, people: People, absences: Absences, configured: Sequence[ApproverSettings], clock: Clock
    ) -> None:
        self._people = people
        self._absences = absences
        self._configured: Mapping[str, ApproverSettings] = {one.name: one for one in configured}
        self._clock = clock

    def everybody(self) -> list[Approver]:
        """Return them with their groups, and with those for whom they speak at this moment."""
        known = {one.name: self._approver(one) for one in self._people.listing()}
        holding = self.holding()
        for one in holding:
            absent = known.get(one.person)
            if absent is None:  # who may no longer decide lends nothing
                continue
            known[one.person] = replace(absent, is_away=one.is_away)
        return [self._speaking(one, known, holding) for one in known.values()]

    def changes(self) -> int:
        """Return the number of changes among them so far."""
        return self._absences.changes()

    def _approver(self, person: Person) -> Approver:
        configured = self._configured.get(person.name)
        groups = {*person.groups, *(configured.groups if configured else ())}
        aliases = (configured.email,) if configured and configured.email else ()
        return Approver(person.name, person.role, tuple(sorted(groups)), aliases=aliases, since=person.since)

    def holding(self) -> list[Absence]:
        """Return the absences that hold now; what was noted by a command goes before what is configured."""
        noted = self._absences.now()
        names = {one.person for one in noted}
        written = [one.absence for one in self._configured.values() if one.absence is not None]
        now = self._clock.now_us()
        return [*noted, *(one for one in written if one.person not in names and one.holds(now))]

    @staticmethod
    def _speaking(one: Approver, known: Mapping[str, Approver], holding: Sequence[Absence]) -> Approver:
        lending = {other.person: other.since for other in holding if other.delegate == one.name}
        absent = [(known[name], at) for name, at in lending.items() if name in known and known[name].role in ROLES]
        # Under all his names, so that nobody speaks for him about a call of what is his under another.
        lent = tuple(
            Deputy(whole(other, [*known.values()]).names, other.groups, max(at, other.since))
            for other, at in absent
        )
        return replace(one, speaks_for=lent) if lent else one
