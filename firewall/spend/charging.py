"""Who pays for a call, and who may answer it: what spending is told by a gate; values only."""

from dataclasses import dataclass, field

from firewall.core.attribution import Attribution
from firewall.core.budget import Account, Budget, Scope, accounts, cap_account
from firewall.core.fast_init import fast_init
from firewall.spend.estimate import Bound
from firewall.spend.prices import Sold


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """Whose call it is; people and sessions are pseudonyms."""

    token: str
    """Its id."""
    principal: str = ""
    owner: str = ""
    session: str = ""
    about: Attribution = field(default_factory=Attribution)
    caps: tuple[tuple[str, int], ...] = ()
    """Ids of the token and its ancestors with the caps of their grants in micro-USD; only those that have one."""


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
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


def drawn(budgets: tuple[Budget, ...], ask: Ask, at_us: int) -> tuple[Account, ...]:
    """Return all accounts that a call draws from: those of budgets, then the caps of its token and ancestors."""
    payer, about = ask.payer, ask.payer.about
    holders = {
        Scope.TOKEN: (payer.token,),
        Scope.SESSION: (payer.session,),
        Scope.OWNER: (payer.owner,),
        Scope.TEAM: (about.team,),
        Scope.FEATURE: (about.feature,),
        Scope.USER_TIER: (about.user_tier,),
        Scope.ROUTE: (ask.route,),
        Scope.MODEL: tuple(one.model for one in ask.sold),
        Scope.PROVIDER: tuple(one.provider for one in ask.sold),
    }
    return (*accounts(budgets, holders, at_us), *(cap_account(token, cap) for token, cap in payer.caps))


def draws_from(account: Account, sold: Sold) -> bool:
    """Tell whether a call that `sold` answers draws from an account."""
    match account.scope:
        case Scope.MODEL:
            return account.holder == sold.model
        case Scope.PROVIDER:
            return account.holder == sold.provider
        case _:
            return True
