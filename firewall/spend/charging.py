"""Who pays for a call, and who may answer it: what spending is told by a gate; values only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from firewall.core.attribution import NOTHING, Attribution
from firewall.core.budget import (
    DAY_US,
    NOBODY,
    OF_CANDIDATE,
    Account,
    Budget,
    Scope,
    accounts,
    cap_account,
    stricter,
)
from firewall.core.fast_init import fast_init, maker
from firewall.spend.estimate import Bound
from firewall.spend.prices import Sold

MOST_HOLDERS = 10_000
"""Accounts of one budget that are remembered; what is forgotten is made anew."""


@fast_init
@dataclass(frozen=True, slots=True)
class Payer:
    """Whose call it is; people and sessions are pseudonyms."""

    token: str
    """Its id."""
    principal: str = ""
    owner: str = ""
    session: str = ""
    about: Attribution = NOTHING
    caps: tuple[tuple[str, int], ...] = ()
    """Ids of the token and its ancestors with the caps of their grants in micro-USD; only those that have one."""


@fast_init
@dataclass(frozen=True, slots=True)
class Ask:
    """One call, before it is sent."""

    payer: Payer
    route: str
    sold: tuple[Sold, ...]
    """Who may answer, in order."""
    bound: Bound
    asides: tuple[Sold, ...] = ()
    """Who is asked questions of ours, named once for each; none of them is left out either."""
    beside: frozenset[Sold] = frozenset()
    """Of these, who is asked beside those who answer (a judge, a grader): never left out."""


payer_of = maker(Payer)
ask_of = maker(Ask)

_MODEL, _PROVIDER = Scope.MODEL, Scope.PROVIDER
_HOLDERS: Mapping[Scope, Callable[[Ask], tuple[str, ...]]] = {
    Scope.TOKEN: lambda ask: (ask.payer.token,),
    Scope.SESSION: lambda ask: (ask.payer.session,),
    Scope.OWNER: lambda ask: (ask.payer.owner,),
    Scope.TEAM: lambda ask: (ask.payer.about.team,),
    Scope.FEATURE: lambda ask: (ask.payer.about.feature,),
    Scope.USER_TIER: lambda ask: (ask.payer.about.user_tier,),
    Scope.ROUTE: lambda ask: (ask.route,),
    Scope.MODEL: lambda ask: tuple([one.model for one in ask.sold]),
    Scope.PROVIDER: lambda ask: tuple([one.provider for one in ask.sold]),
}


def drawn(budgets: tuple[Budget, ...], ask: Ask, at_us: int) -> tuple[Account, ...]:
    """Return all accounts that a call draws from: those of budgets, then the caps of its token and ancestors."""
    holders = {scope: of(ask) for scope, of in _HOLDERS.items()}
    return (*accounts(budgets, holders, at_us), *_caps(ask))


def _caps(ask: Ask) -> tuple[Account, ...]:
    return tuple([cap_account(token, cap) for token, cap in ask.payer.caps])


class Book:
    """Finds what `drawn` does for some budgets; a holder's account is made once a day and not for every call."""

    def __init__(self, budgets: tuple[Budget, ...]) -> None:
        self._pages = tuple(_Page(one) for one in budgets)

    def drawn(self, ask: Ask, at_us: int) -> tuple[Account, ...]:
        """Return all accounts that a call draws from."""
        if not self._pages:
            return _caps(ask) if ask.payer.caps else ()
        found: dict[str, Account] = {}
        for page in self._pages:
            page.drawn(ask, at_us, found)
        return (*found.values(), *_caps(ask)) if ask.payer.caps else tuple(found.values())


class _Page:
    """The accounts of one budget in its present window."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._holders = _HOLDERS[budget.scope]
        self._unnamed = "" if budget.scope in OF_CANDIDATE else NOBODY
        self._day = 0
        self._made: dict[str, Account | None] = {}

    def drawn(self, ask: Ask, at_us: int, found: dict[str, Account]) -> None:
        """Add the accounts that a call draws from to those of other budgets, by key."""
        day = at_us // DAY_US
        if day != self._day or len(self._made) > MOST_HOLDERS:
            self._day, self._made = day, {}
        made, is_named = self._made, False
        for name in self._holders(ask):
            if name:
                is_named = True
                _add(found, made[name] if name in made else self._opened(name, at_us))
        if not is_named:
            name = self._unnamed
            _add(found, made[name] if name in made else self._opened(name, at_us))

    def _opened(self, name: str, at_us: int) -> Account | None:
        found = accounts((self._budget,), {self._budget.scope: (name,)}, at_us)
        self._made[name] = one = found[0] if found else None
        return one


def _add(found: dict[str, Account], one: Account | None) -> None:
    if one is not None:
        had = found.get(one.key)
        found[one.key] = one if had is None or had is one else stricter(had, one)


def is_of_candidate(account: Account) -> bool:
    """Tell whether it depends on who answers that a call draws from an account."""
    return account.scope is _MODEL or account.scope is _PROVIDER


def draws_from(account: Account, sold: Sold) -> bool:
    """Tell whether a call that `sold` answers draws from an account."""
    scope = account.scope
    if scope is _MODEL:
        return account.holder == sold.model
    return scope is not _PROVIDER or account.holder == sold.provider
