"""What a request draws from the buckets of its token, its ancestors and its owner."""

from firewall.core.bucket import per_minute
from firewall.core.work import Take, Unmet
from firewall.gates.edge.rates import refused, takes_of
from firewall.tokens.service import Draw


def test_every_bucket_with_a_limit_is_drawn_from() -> None:
    """A draw without a limit takes nothing; each of the others takes one request of its own rate."""
    draws = (Draw("tok_1", 6, 0, 0), Draw("owner:alice", 24, 0, 0), Draw("tok_0", 0, 0, 0))
    assert takes_of(draws) == (
        Take("requests:tok_1", per_minute(6)),
        Take("requests:owner:alice", per_minute(24)),
    )


def test_a_full_bucket_says_when_to_come_back() -> None:
    """429, rounded up to the next second, so that whoever waits that long is served."""
    error = refused(Unmet(0, "full", retry_after_us=2_500_000))
    assert (error.status, error.retry_after_s) == (429, 3)


def test_a_token_whose_limits_are_others_draws_by_those() -> None:
    """What was kept for a token is not used for other draws of the same key, nor for other buckets."""
    narrow, wide = (Draw("tok_kept", 6, 0, 0),), (Draw("tok_kept", 60, 0, 0),)
    for _ in range(2):
        assert takes_of(narrow) == (Take("requests:tok_kept", per_minute(6)),)
        assert takes_of(wide) == (Take("requests:tok_kept", per_minute(60)),)
        assert takes_of(narrow, of="egress") == (Take("egress:tok_kept", per_minute(120)),)
    assert takes_of(()) == ()
