"""People who may sign in on the control side: a passphrase, kept only as an argon2id hash (RFC 9106)."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import argon2

from firewall.core.errors import FirewallError
from firewall.core.ports import Clock, Sequencer
from firewall.core.work import Committed, EndPerson, PutPerson, Record, Unit
from firewall.tokens.port import PeopleRows, PersonRow

_HASHER = argon2.PasswordHasher()
_WORDS = (  # noqa: SIM905 - a list of words reads as words
    "amber anchor apple arrow autumn badge bamboo beacon birch bottle breeze bridge bronze butter cabin "
    "candle canyon carbon castle cedar chalk cherry circle clover cobalt copper coral cotton crystal "
    "desert dolphin dragon eagle ember falcon feather fern fiddle forest fossil garden garnet ginger "
    "glacier granite harbor hazel helmet hollow honey island ivory jasmine jungle kettle ladder lagoon "
    "lantern laurel lemon lichen linen lizard magnet mango maple marble meadow mirror mosaic mountain "
    "nectar needle nutmeg oasis ocean olive onyx orbit orchid otter oxygen paddle panther paper pearl "
    "pebble pepper pigeon pillow planet plum pocket prism pumpkin quartz rabbit raven ribbon river "
    "rocket saddle saffron salmon sandal silver sketch spruce stone summer sunset tablet temple thunder "
    "timber tulip tunnel turtle umber valley velvet violet walnut willow window winter wolf yarrow zebra "
    "zenith "
).split()


class PersonError(FirewallError):
    """No such person, or a name that cannot be one."""

    code = "person_unknown"
    status = 404


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in."""

    name: str
    role: str
    groups: tuple[str, ...]
    since: int = 0
    """When he was added, or got the role and the groups that he has, Unix microseconds; a new passphrase changes
    nothing of it."""
    passphrase_at: int = 0
    """When his passphrase was set, Unix microseconds."""
    mark: str = ""
    """Another one as soon as he has a new passphrase, or was removed and added again, whatever a clock says."""


@cache
def _nobody() -> str:
    """Return a hash for people who are not there, so that looking takes as long as for those who are."""
    return _HASHER.hash("a passphrase that nobody has")


def new_passphrase() -> str:
    """Return six words of about 42 bits together with three digits: to be typed on a phone, shown once."""
    words = "-".join(secrets.choice(_WORDS) for _ in range(6))
    return f"{words}-{secrets.randbelow(900) + 100}"


class People:
    """Everything about approvers and admins; reads through `rows`, writes through the sequencer."""

    def __init__(
        self, *, sequencer: Sequencer, rows: PeopleRows, clock: Clock, roles: Mapping[str, str] | None = None
    ) -> None:
        """`roles`: those that the configuration names; they count in place of what a command said."""
        self._roles = dict(roles or {})
        self._sequencer = sequencer
        self._rows = rows
        self._clock = clock

    async def add(self, name: str, *, role: str, groups: tuple[str, ...], passphrase: str, by: str) -> None:
        """Add a person or set a new passphrase.

        Raises: PersonError for a name with other characters than letters, digits, `-`, `_`, `.` and `@`.
        """
        if not name or len(name) > 64 or not all(char.isalnum() or char in "-_.@" for char in name):
            raise PersonError(f"`{name}` cannot be a name: use letters, digits, - _ . @", status=400)
        step = PutPerson(name, role, groups, _HASHER.hash(passphrase), self._clock.now_us())
        record = Record(
            kind="approver.added",
            data={"role": role},
            person=name,
            private={"name": name, "groups": groups, "by": by},
        )
        await self._sequencer.submit(Unit(records=(record,), steps=(step,)))

    async def remove(self, name: str, *, by: str) -> None:
        """Remove a person.

        Raises: PersonError when there is none.
        """
        record = Record(kind="approver.removed", person=name, private={"name": name, "by": by})
        outcome = await self._sequencer.submit(
            Unit(records=(record,), steps=(EndPerson(name, self._clock.now_us()),))
        )
        if not isinstance(outcome, Committed):
            raise PersonError(f"there is no approver `{name}`")

    def get(self, name: str) -> Person | None:
        """Return a person who has not been removed."""
        row = self._rows.get(name)
        return None if row is None else self._person(row)

    def listing(self) -> list[Person]:
        """Return everybody who has not been removed."""
        return [self._person(row) for row in self._rows.listing()]

    def _person(self, row: PersonRow) -> Person:
        role = self._roles.get(row.name) or row.role
        since = max(row.created_at, row.changed_at)
        # Its salt makes each hash another one.
        mark = hashlib.sha256(b"stayhand account 1\n" + row.passphrase_hash.encode()).hexdigest()
        return Person(row.name, role, row.groups, since, max(row.created_at, row.passphrase_at), mark)

    def check(self, name: str, passphrase: str) -> Person | None:
        """Verify a passphrase; slow on purpose (call it in a thread), and as slow for names that do not exist."""
        row = self._rows.get(name)
        nobody = _nobody()
        try:
            _HASHER.verify(row.passphrase_hash if row else nobody, passphrase)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return None
        return None if row is None else self._person(row)
