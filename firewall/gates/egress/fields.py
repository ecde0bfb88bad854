"""Which header fields of a program's request go on to a host that is no target: a list, so that none carries data.

What authenticates is not on it; a credential that somebody brought along is refused before (`infra.fields`).
"""

from collections.abc import Iterable

_OUT = frozenset(
    {
        b"accept",
        b"accept-language",
        b"cache-control",
        b"content-type",
        b"git-protocol",
        b"if-match",
        b"if-modified-since",
        b"if-none-match",
        b"if-range",
        b"if-unmodified-since",
        b"pragma",
        b"range",
        b"user-agent",
        b"x-nuget-client-version",
        b"x-nuget-protocol-version",
        b"x-terraform-version",
    }
)
MAX_VALUE_BYTES = 1024
"""Longer values stay here: pip's description of its machine is the longest that is any program's habit."""
_NO_BODY = frozenset({204, 304})


def outgoing(fields: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    """Return the fields that go on, in the client's order."""
    return tuple(
        (name.decode("ascii"), value.decode("latin-1"))
        for name, value in fields
        if name in _OUT and len(value) <= MAX_VALUE_BYTES and value.isascii()
    )


def length_of(raw: Iterable[tuple[bytes, bytes]], status: int) -> list[tuple[bytes, bytes]]:
    """Return the length of an answer that is passed on as it comes; nothing where it has none or is decoded."""
    held = {name.lower(): value for name, value in raw}
    coding = held.get(b"content-encoding", b"identity").strip().lower()
    length = held.get(b"content-length", b"")
    if status in _NO_BODY or coding != b"identity" or not length.isdigit():
        return []
    return [(b"content-length", length)]
