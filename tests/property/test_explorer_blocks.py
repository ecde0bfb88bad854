"""Blocks of words: whatever entries say, a question finds every entry that says all of it."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.console.explorer.blocks import WIDTH, Marks, Rows, found, packed
from firewall.console.explorer.seen import Seen

_WORDS = st.sampled_from(["volume", "delete", "staging", "rm", "payroll", "ls"])
_ENTRY = st.tuples(
    st.sampled_from(["", "sub_a", "sub_b"]), st.lists(_WORDS, max_size=4), st.lists(_WORDS, max_size=2)
)


def _mark(key: str, word: str) -> int:
    return int.from_bytes(sha256(f"{key}\n{word}".encode()).digest()[:4], "big")


def _seen(at: int, subject: str, sealed: list[str], said: list[str]) -> Seen:
    private = {"text": " ".join(sealed)} if subject else None
    return Seen(at, at, "tool.judged", "", "", subject, {"row": " ".join(said)}, private)


@given(st.lists(_ENTRY, max_size=40), st.lists(_WORDS, min_size=1, max_size=3), st.integers(1, 8))
def test_a_block_finds_every_entry_that_says_all_words(
    entries: list[tuple[str, list[str], list[str]]], asked: list[str], times: int
) -> None:
    """Always: no entry is missed, whichever part of it says a word; after being written and read again, too."""
    every = [*entries * times][:WIDTH]
    seen = [_seen(at, *one) for at, one in enumerate(every)]
    marks, rows = packed(seen, _mark, "sub_open")
    marks, rows = Marks.load(marks.dump()), Rows.load(rows.dump())
    expected = {
        at
        for at, (subject, sealed, said) in enumerate(every)
        if set(asked) <= set(said) | (set(sealed) if subject else set())
    }
    assert found(marks, lambda: rows, asked, _mark) == expected


@given(st.lists(_ENTRY, min_size=1, max_size=20), _WORDS)
def test_a_key_that_is_gone_finds_nothing_under_it(
    entries: list[tuple[str, list[str], list[str]]], asked: str
) -> None:
    """Always: what was sealed under an erased key is found by no word, and what others say still is."""
    seen = [_seen(at, *one) for at, one in enumerate(entries)]
    marks, rows = packed(seen, _mark, "sub_open")

    def erased(key: str, word: str) -> int | None:
        return None if key == "sub_a" else _mark(key, word)

    expected = {
        at
        for at, (subject, sealed, said) in enumerate(entries)
        if asked in said or (subject == "sub_b" and asked in sealed)
    }
    assert found(marks, lambda: rows, [asked], erased) == expected


@pytest.mark.parametrize(
    "data", [b"", b"\xff" * 3, b"\x00\x00\x00\x00", b"\x05\x00\x00\x00{}", b"\x09\x00\x00\x00xxxxxxxxxxxx"]
)
def test_what_is_no_block_is_refused(data: bytes) -> None:
    """A block that cannot be read raises, and is not taken for one without words."""
    with pytest.raises(ValueError, match=r".*"):
        Marks.load(data)
