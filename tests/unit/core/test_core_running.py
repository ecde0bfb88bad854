"""Running digests: equal exactly as far as two texts are."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from firewall.core.running import BLOCK, Digests, digests_from_end, running_digests


def test_the_last_digest_is_of_all_of_it() -> None:
    """The plain SHA-256, also of nothing."""
    for size in (0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK):
        data = bytes(at % 251 for at in range(size))
        assert running_digests(data)[-1] == hashlib.sha256(data).digest()
        assert len(running_digests(data)) == max(1, -(-size // BLOCK))


@given(st.integers(0, 4 * BLOCK), st.integers(1, 5 * BLOCK))
def test_texts_share_digests_as_far_as_they_are_equal(changed: int, size: int) -> None:
    """A byte that differs changes the digest of its block and of every later one, and none before."""
    one = bytearray(at % 251 for at in range(size))
    other = bytearray(one)
    at = changed % size
    other[at] ^= 1
    pairs = list(zip(running_digests(bytes(one)), running_digests(bytes(other)), strict=True))
    assert [left == right for left, right in pairs] == [block < at // BLOCK for block in range(len(pairs))]


@given(st.integers(0, 3 * BLOCK), st.integers(0, 3 * BLOCK))
def test_from_the_end_what_stands_before_does_not_count(more: int, start: int) -> None:
    """Two texts with the same end share the digests of its whole blocks."""
    end = bytes(at % 251 for at in range(2 * BLOCK + 7))
    one, other = digests_from_end(b"a" * more + end, 0), digests_from_end(end, 0)
    assert one[:2] == other[:2]
    body = b"a" * start + end
    assert len(digests_from_end(body, start)) == 3
    assert digests_from_end(body, len(body)) == ()


def test_the_digests_of_a_body_are_the_same_from_both_ends() -> None:
    """As the functions give them, however often and for whichever start they are asked for."""
    data = bytes(at % 251 for at in range(5 * BLOCK + 3))
    digests = Digests(data)
    assert digests.forward == running_digests(data)
    assert digests.whole == hashlib.sha256(data).digest()
    for start in (0, 2 * BLOCK, 2 * BLOCK, 0, len(data)):
        assert digests.from_end(start) == digests_from_end(data, start)
