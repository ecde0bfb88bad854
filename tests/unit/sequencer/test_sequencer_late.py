"""Names that were erased: recognized without being kept, and taken back with the batch that failed."""

from firewall.core.bucket import Rate
from firewall.core.work import PutToken, Sweep, Take
from firewall.sequencer.late import Late

RATE = Rate(limit=5, window_us=1_000_000, burst=5)


def test_an_erased_name_has_one_key_until_somebody_comes() -> None:
    """No other name has it, and the next time it is another."""
    late = Late()
    assert not late
    assert late.key("olga") is None
    late.leaves("olga")
    late.committed()
    first = late.key("olga")
    assert late
    assert first is not None
    assert late.key("olga") is first
    assert late.key("otto") is None
    assert "olga" not in repr(vars(late))
    late.comes("otto")
    late.comes("olga")
    assert late.key("olga") is None
    late.leaves("olga")
    again = late.key("olga")
    assert again is not None
    assert again.id != first.id
    late.leaves("")
    assert late.key("") is None


def test_what_a_batch_changed_is_taken_back_with_it() -> None:
    """Also where it erased one and brought back another; what was committed stays."""
    late = Late()
    late.leaves("olga")
    late.committed()
    kept = late.key("olga")
    late.comes("olga")
    late.leaves("otto")
    late.undone()
    assert late.key("olga") is kept
    assert late.key("otto") is None
    late.undone()
    assert late.key("olga") is kept


def test_only_what_would_name_the_erased_is_refused() -> None:
    """Buckets of others, of tokens, and whoever comes by a token of its own are not."""
    late = Late()
    late.leaves("olga")
    unmet = late.refusal(Take("requests:owner:olga", RATE), 3)
    assert unmet is not None
    assert (unmet.step, unmet.why, unmet.found) == (3, "full", "requests:owner:olga")
    for bucket in ("requests:owner:otto", "requests:tok_1", "owner:otto", ""):
        assert late.refusal(Take(bucket, RATE), 0) is None
        assert not late.is_debt(bucket)
    assert late.is_debt("owner:olga")
    assert late.refusal(Sweep(0), 0) is None
    token = PutToken("tok_1", b"f", "oauth", "", "", "", 0, 1, owner="olga", erasures=1)
    assert late.refusal(token, 0) is None
    assert late.is_behind(token, 2)
    assert not late.is_behind(token, 1)
