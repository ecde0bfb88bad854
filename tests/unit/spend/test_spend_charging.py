"""The book of budgets finds the accounts that the rule finds, whatever was asked before."""

from hypothesis import given
from hypothesis import strategies as st

from firewall.core.attribution import Attribution
from firewall.core.budget import DAY_US, Budget, Scope, Window
from firewall.spend.charging import Ask, Book, Payer, drawn, draws_from, is_of_candidate
from firewall.spend.prices import Sold
from tests.support.spending import bound

AT_US = 1_790_000_000_000_000
_names = st.sampled_from(["", "a", "b", "ab"])
_budgets = st.builds(
    Budget,
    st.sampled_from(list(Scope)),
    st.sampled_from([Window.DAY, Window.MONTH]),
    hard_micros=st.sampled_from([0, 5, 9]),
    soft_micros=st.sampled_from([0, 3]),
    holders=st.sampled_from(["*", "a*", "b", "-"]),
)


@st.composite
def _asks(draw: st.DrawFn) -> Ask:
    about = Attribution(feature=draw(_names), user_tier=draw(_names), team=draw(_names))
    caps = draw(st.lists(st.tuples(st.sampled_from(["tok_1", "tok_2"]), st.integers(1, 9)), max_size=2))
    payer = Payer(token="tok_1", owner=draw(_names), session=draw(_names), about=about, caps=tuple(caps))
    sold = draw(st.lists(st.builds(Sold, st.sampled_from(["p", "q"]), st.sampled_from(["a", "b"])), min_size=1))
    return Ask(payer=payer, route=draw(_names), sold=tuple(sold), bound=bound())


@given(
    budgets=st.lists(_budgets, max_size=4).map(tuple),
    asked=st.lists(st.tuples(_asks(), st.integers(0, 40)), min_size=1, max_size=4),
)
def test_the_book_finds_what_the_rule_does(budgets: tuple[Budget, ...], asked: list[tuple[Ask, int]]) -> None:
    """Calls of several holders, days and months, one after another: each draws from the accounts of its own."""
    book = Book(budgets)
    for ask, days in asked:
        at_us = AT_US + days * DAY_US
        assert book.drawn(ask, at_us) == drawn(budgets, ask, at_us)


@given(budget=_budgets, ask=_asks())
def test_only_candidates_accounts_depend_on_who_answers(budget: Budget, ask: Ask) -> None:
    """From every other account a call draws whoever answers it."""
    for account in drawn((budget,), ask, AT_US):
        if not is_of_candidate(account):
            assert all(draws_from(account, one) for one in ask.sold)
