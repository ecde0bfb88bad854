"""Which fields go on to hosts that are no targets."""

from firewall.gates.egress.fields import MAX_VALUE_BYTES, length_of, outgoing


def test_only_listed_fields_go_on() -> None:
    """What authenticates, names or carries stays here, and so does a value that is long enough to carry."""
    held = [
        (b"accept", b"a/b"),
        (b"authorization", b"Bearer x"),
        (b"cookie", b"a=b"),
        (b"x-data", b"secret plans"),
        (b"referer", b"https://x"),
        (b"user-agent", b"u" * (MAX_VALUE_BYTES + 1)),
        (b"git-protocol", b"version=2"),
        (b"range", b"bytes=0-9"),
    ]
    assert outgoing(held) == (("accept", "a/b"), ("git-protocol", "version=2"), ("range", "bytes=0-9"))


def test_a_length_is_passed_on_only_where_the_bytes_are() -> None:
    """Not of compressed answers, which are decoded, and not where there is no body."""
    assert length_of([(b"Content-Length", b"7")], 200) == [(b"content-length", b"7")]
    assert length_of([(b"content-length", b"7"), (b"content-encoding", b"gzip")], 200) == []
    assert length_of([(b"content-length", b"7")], 304) == []
    assert length_of([], 200) == []
