"""Budgets: whose money a call draws from, and how much may still be held; pure (DESIGN 6.2, issue: money).

An account is what one holder of a budget has spent and holds within one window. The storage runs the same rule as
one conditional statement; `hold` and `settle` state it and are the oracle of its tests.

INVARIANT: an account never holds and has spent more than its limit through `hold`; only `settle` may pass it, by
what a call cost more than was held for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from firewall.core.grant import matches


class Scope(StrEnum):
    """What a budget is kept for: each of its holders has an account of its own."""

    TOKEN = "token"  # noqa: S105 - the name of a scope
    SESSION = "session"
    OWNER = "owner"
    TEAM = "team"
    FEATURE = "feature"
    USER_TIER = "user_tier"
    ROUTE = "route"
    MODEL = "model"
    PROVIDER = "provider"


OF_CANDIDATE = frozenset({Scope.MODEL, Scope.PROVIDER})
"""Scopes whose holder is known only once a candidate answers."""
OF_PEOPLE = frozenset({Scope.TOKEN, Scope.SESSION, Scope.OWNER})
"""Scopes whose holder is a person, or what one person uses."""


class Window(StrEnum):
    """How long an account runs before it begins anew, in UTC."""

    DAY = "day"
    MONTH = "month"
    LIFE = "life"
    """As long as a token lives: the cap in its grant."""


DAY_US = 86_400 * 1_000_000
NOBODY = "-"
"""The holder where a call names none: all of them share one account, so leaving a name out escapes nothing."""


@dataclass(frozen=True, slots=True)
class Budget:
    """One `[[budget]]`: for each holder of a scope that the glob names."""

    scope: Scope
    window: Window
    soft_micros: int = 0
    """Above this people are told; 0: never."""
    hard_micros: int = 0
    """Above this calls are refused; 0: never."""
    holders: str = "*"
    """Glob of the holders' names."""


@dataclass(frozen=True, slots=True)
class Account:
    """One holder's account in its present window."""

    key: str
    scope: Scope
    window: Window
    holder: str
    soft_micros: int
    hard_micros: int


def period(window: Window, at_us: int) -> str:
    """Return the name of the window that an instant lies in: `2026-11-21`, `2026-11`, `life`."""
    return _period(window, at_us // DAY_US)


@lru_cache(maxsize=64)
def _period(window: Window, day: int) -> str:
    if window is Window.LIFE:
        return "life"
    return datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y-%m-%d" if window is Window.DAY else "%Y-%m")


def ends_us(window: Window, at_us: int) -> int:
    """Return the instant at which the window ends that an instant lies in; 0 for one that has no end."""
    day = datetime.fromtimestamp(at_us // 1_000_000, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    match window:
        case Window.DAY:
            end = day + timedelta(days=1)
        case Window.MONTH:
            end = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        case Window.LIFE:
            return 0
    return int(end.timestamp()) * 1_000_000


def accounts(budgets: Iterable[Budget], holders: Mapping[Scope, Sequence[str]], at_us: int) -> tuple[Account, ...]:
    """Return the accounts that a call draws from: one for each budget and holder, none twice.

    `holders`: by scope, all that apply (a chain has several models); a scope without any is `NOBODY`'s, unless it
    is one of a candidate.
    """
    found: dict[str, Account] = {}
    for budget in budgets:
        unnamed = () if budget.scope in OF_CANDIDATE else (NOBODY,)
        names = [name for name in holders.get(budget.scope, ()) if name] or unnamed
        for name in names:
            if not matches(budget.holders, name):
                continue
            key = f"{budget.scope.value}:{name}:{budget.window.value}:{period(budget.window, at_us)}"
            made = Account(key, budget.scope, budget.window, name, budget.soft_micros, budget.hard_micros)
            found[key] = stricter(found[key], made) if key in found else made
    return tuple(found.values())


def stricter(one: Account, other: Account) -> Account:
    """Return one account under the lower limits of two."""
    soft = _least(one.soft_micros, other.soft_micros)
    return replace(one, soft_micros=soft, hard_micros=_least(one.hard_micros, other.hard_micros))


def _least(one: int, other: int) -> int:
    return min(one, other) if one and other else one or other


@lru_cache(maxsize=4096)
def cap_account(token_id: str, cap_micros: int) -> Account:
    """Return the account of a token's own cap."""
    return Account(f"token:{token_id}:life:life", Scope.TOKEN, Window.LIFE, token_id, 0, cap_micros)


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account has spent, and holds for calls under way."""

    spent: int = 0
    held: int = 0


def hold(balance: Balance, amount: int, limit: int) -> Balance | None:
    """Hold money for a call, or None when the limit (0: none) does not permit it."""
    if limit and balance.spent + balance.held + amount > limit:
        return None
    return replace(balance, held=balance.held + amount)


def settle(balance: Balance, held: int, charged: int) -> Balance:
    """Give back what was held and book what is owed."""
    return Balance(balance.spent + charged, balance.held - held)


STEPS = (50, 80, 100)
"""Percentages of a limit at which people are told."""


@dataclass(frozen=True, slots=True)
class Mark:
    """An amount at which people are told."""

    micros: int
    what: str
    """`50`, `80`, `100`: per cent of the hard limit (of the soft one where there is no other); `soft`."""


def marks(account: Account) -> tuple[Mark, ...]:
    """Return the amounts at which people are told, in ascending order."""
    return _marks(account.hard_micros, account.soft_micros)


@lru_cache(maxsize=1024)
def _marks(hard_micros: int, soft_micros: int) -> tuple[Mark, ...]:
    limit = hard_micros or soft_micros
    found = [Mark(-(-limit * step // 100), str(step)) for step in STEPS if limit]
    if soft_micros and hard_micros:
        found.append(Mark(soft_micros, "soft"))
    return tuple(sorted(found, key=lambda mark: mark.micros))


def reached(account: Account, spent: int, told: int) -> Mark | None:
    """Return the highest mark that is reached and higher than what was told already (micro-USD), or None."""
    found = _marks(account.hard_micros, account.soft_micros)
    if not found or spent < found[0].micros:
        return None
    for mark in reversed(found):
        if mark.micros <= spent:
            return mark if told < mark.micros else None
    return None
