"""What the sequencer does with money: hold it for a call, extend that, settle it; plain values.

A call's money is held in the same commit as its `model.requested` entry and settled in that of `model.answered`.
"""

from dataclasses import dataclass
from enum import StrEnum

from firewall.core.attribution import NOTHING, Attribution
from firewall.core.bucket import Rate
from firewall.core.fast_init import fast_init, maker
from firewall.core.money import UNUSED, Tokens


class State(StrEnum):
    """How sure we are of what a call cost."""

    OPEN = "open"
    """Under way: nothing is owed yet."""
    EXACT = "exact"
    """By the provider's own count."""
    ESTIMATED = "estimated"
    """The provider's count is missing or a part: an upper estimate."""
    UNKNOWN = "unknown"
    """Nobody knows the price; the tokens stand beside it. Never booked as nothing."""
    LEAKED = "leaked"
    """Nobody settled it in time (a crash): booked as what was held."""
    UNASKED = "unasked"
    """No provider was asked: nothing is owed."""


@fast_init
@dataclass(frozen=True, slots=True)
class Line:
    """One model call in the ledger; people are pseudonyms, features, teams and models are words."""

    call: str
    at_us: int
    state: State
    entry: int = 0
    """Number of its `model.requested` entry; 0 while it has none."""
    token: str = ""
    principal: str = ""
    owner: str = ""
    session: str = ""
    about: Attribution = NOTHING
    route: str = ""
    provider: str = ""
    model: str = ""
    used: Tokens = UNUSED
    cost_micros: int | None = None
    """None: not known."""
    reserved_micros: int = 0
    attempts: int = 1
    price: str = ""
    """Source and day of the price."""


line_of = maker(Line)


@fast_init
@dataclass(frozen=True, slots=True)
class Part:
    """An amount on one account."""

    key: str
    micros: int
    limit_micros: int = 0
    """What the account may hold and have spent together; 0: any amount."""


part_of = maker(Part)


@fast_init
@dataclass(frozen=True, slots=True)
class Reserve:
    """Hold money on every account, or on none: unmet as `spent` when one of them would pass its limit."""

    line: Line
    parts: tuple[Part, ...]
    until_us: int
    """After this nobody is expected to settle any more."""


@dataclass(frozen=True, slots=True)
class Extend:
    """Hold more for a call under way; unmet as `spent`, or as `unknown` when the call holds nothing any more."""

    call: str
    parts: tuple[Part, ...]


@fast_init
@dataclass(frozen=True, slots=True)
class Settle:
    """Give back all that a call holds and book what it owes. A call that was taken for leaked is put right."""

    line: Line
    charges: tuple[Part, ...] = ()
    held: tuple[Part, ...] | None = None
    """What its caller believes that the call holds, which the store holds against what it knows; empty: it was
    never given anything, so there is nothing to give back. None: not known."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Remember that people were told about an account; unmet as `told` when they were told as much already."""

    key: str
    micros: int


@dataclass(frozen=True, slots=True)
class Reclaim:
    """Book what calls hold that nobody settled in time."""

    before_us: int
    """Leases that ended before this instant."""
    forget_us: int = 0
    """Lines older than this are forgotten; accounts of windows that are long over as well."""


@dataclass(frozen=True, slots=True)
class Pay:
    """Take cells from a bucket whatever it holds, or give some back (fewer than none): it goes into debt."""

    key: str
    rate: Rate
    cells: int


@fast_init
@dataclass(frozen=True, slots=True)
class Spent:
    """An account after a settlement."""

    key: str
    spent: int
    told: int
    """The highest mark (micro-USD) that people were told of."""


Spending = Reserve | Extend | Settle | Tell | Reclaim | Pay
