"""Whose account a call draws from, and what an account permits."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.core.budget import (
    NOBODY,
    Account,
    Balance,
    Budget,
    Mark,
    Scope,
    Window,
    accounts,
    cap_account,
    ends_us,
    hold,
    marks,
    period,
    reached,
    settle,
)

AT = int(datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC).timestamp()) * 1_000_000
DAILY = Budget(Scope.TEAM, Window.DAY, hard_micros=5_000_000)


def test_windows_end_at_midnight_and_with_the_month() -> None:
    """A day's account and a month's begin anew in UTC; a token's own cap never does."""
    assert [period(window, AT) for window in Window] == ["2026-11-30", "2026-11", "life"]
    assert [ends_us(window, AT) - AT for window in (Window.DAY, Window.MONTH)] == [1_000_000, 1_000_000]
    assert ends_us(Window.LIFE, AT) == 0
    december = AT + 1_000_000
    assert ends_us(Window.MONTH, december) - december == 31 * 86_400 * 1_000_000


def test_each_holder_has_an_account() -> None:
    """A budget for teams caps every team by itself; whoever names none shares one account."""
    assert [one.key for one in accounts([DAILY], {Scope.TEAM: ["platform"]}, AT)] == [
        "team:platform:day:2026-11-30"
    ]
    assert [one.key for one in accounts([DAILY], {}, AT)] == ["team:-:day:2026-11-30"]
    assert accounts([DAILY], {Scope.TEAM: [""]}, AT)[0].holder == NOBODY


def test_a_budget_may_name_its_holders() -> None:
    """A glob picks holders; two that fit are one account under the stricter of both."""
    narrow = Budget(Scope.TEAM, Window.DAY, soft_micros=1, hard_micros=9, holders="plat*")
    both = accounts([DAILY, narrow], {Scope.TEAM: ["platform"]}, AT)
    assert [(one.soft_micros, one.hard_micros) for one in both] == [(1, 9)]
    assert accounts([narrow], {Scope.TEAM: ["billing"]}, AT) == ()
    assert accounts([narrow], {}, AT) == ()


def test_a_chain_draws_from_the_accounts_of_all_its_models() -> None:
    """Which candidate answers is known later; a call without candidates has no account there."""
    budget = Budget(Scope.MODEL, Window.MONTH, hard_micros=1)
    keys = [one.key for one in accounts([budget], {Scope.MODEL: ["a", "b", "a"]}, AT)]
    assert keys == ["model:a:month:2026-11", "model:b:month:2026-11"]
    assert accounts([budget], {}, AT) == ()


def test_a_cap_lives_as_long_as_its_token() -> None:
    """The cap in a grant is an account without an end."""
    assert cap_account("tok_1", 7) == Account("token:tok_1:life:life", Scope.TOKEN, Window.LIFE, "tok_1", 0, 7)


@given(
    st.integers(0, 1000),
    st.lists(st.tuples(st.booleans(), st.integers(0, 300), st.integers(0, 100)), max_size=60),
)
def test_holding_never_passes_the_limit(limit: int, moves: list[tuple[bool, int, int]]) -> None:
    """However calls begin and end, spent and held stay within the limit when none costs more than was held."""
    balance, under_way = Balance(), list[int]()
    for begins, amount, share in moves:
        if begins or not under_way:
            held = hold(balance, amount, limit)
            if held is not None:
                balance = held
                under_way.append(amount)
        else:
            one = under_way.pop(0)
            balance = settle(balance, one, one * share // 100)
        assert balance.held == sum(under_way)
        assert not limit or balance.spent + balance.held <= limit


@pytest.mark.parametrize(
    ("soft", "hard", "expected"),
    [
        (0, 0, []),
        (0, 1_000, [(500, "50"), (800, "80"), (1_000, "100")]),
        (101, 0, [(51, "50"), (81, "80"), (101, "100")]),
        (600, 1_000, [(500, "50"), (600, "soft"), (800, "80"), (1_000, "100")]),
    ],
)
def test_marks_of_an_account(soft: int, hard: int, expected: list[tuple[int, str]]) -> None:
    """People are told at half, at four fifths and at all of a limit, and where the soft one lies."""
    account = Account("k", Scope.TEAM, Window.DAY, "x", soft, hard)
    assert [(mark.micros, mark.what) for mark in marks(account)] == expected


def test_people_are_told_once_of_the_highest_mark() -> None:
    """A call that passes two marks tells the higher one; what was told is not told again."""
    account = Account("k", Scope.TEAM, Window.DAY, "x", 0, 1_000)
    assert reached(account, 499, 0) is None
    assert reached(account, 850, 0) == Mark(800, "80")
    assert reached(account, 999, 800) is None
    assert reached(account, 5_000, 800) == Mark(1_000, "100")
