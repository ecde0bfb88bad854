"""Which fields cross: what is known at one look agrees with the rules."""

import pytest

from firewall.routing import fields
from firewall.routing.fields import inbound, outbound


@pytest.mark.parametrize("own_login", [False, True])
def test_what_stays_at_one_look_would_stay_by_the_rules(*, own_login: bool) -> None:
    """The short list keeps nothing back that the tables let through."""
    for name in fields._STAYS:
        assert not fields._goes_out(name, own_login=own_login)
        assert outbound([(name, b"x")], own_login=own_login) == []


def test_an_account_goes_along_beside_the_own_login_alone() -> None:
    """The same field asked about again: what was remembered for the other case does not hold for this one."""
    account = (b"openai-organization", b"org-1")
    for _ in range(2):
        assert outbound([account], own_login=True) == [account]
        assert outbound([account], own_login=False) == []


def test_a_field_that_connection_names_stays() -> None:
    """Of several Connection fields all are heeded, whatever the case."""
    named = [(b"connection", b"close, X-App"), (b"connection", b"user-agent")]
    held = [*named, (b"x-app", b"cli"), (b"user-agent", b"a"), (b"accept", b"*/*")]
    assert outbound(held, own_login=False) == [(b"accept", b"*/*")]


def test_no_field_comes_back_with_a_secret() -> None:
    """In whichever of its forms, also within a value that is usual otherwise."""
    raw = [(b"Content-Type", b"application/json; a=c2VjcmV0"), (b"Request-Id", b"1"), (b"x-request-id", b"secret")]
    assert inbound(raw, [b"secret", b"c2VjcmV0"]) == [(b"request-id", b"1")]
