"""Intercepted text on a page: spans survive any cutting, nothing hides, nothing is left out."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.console.marked import MOST_BYTES, show, spell_out
from firewall.console.templating import environment


def test_a_span_is_marked_exactly() -> None:
    """The marked words are those of the span, with its note."""
    shown = show("cd /srv && rm -rf data", [(11, 22, "removes")])
    assert [(part.text, part.marked) for part in shown.first[0].segments] == [
        ("cd /srv && ", False),
        ("rm -rf data", True),
    ]
    assert shown.notes == ("removes",)
    assert (shown.whole, shown.more) == ((), 0)


def test_overlapping_spans_keep_both_notes() -> None:
    """Where two reasons meet both are told."""
    shown = show("abcdef", [(0, 4, "one"), (2, 6, "two")])
    assert [(part.text, part.note) for part in shown.first[0].segments] == [
        ("ab", "one"),
        ("cd", "one; two"),
        ("ef", "two"),
    ]


def test_a_span_over_lines_marks_each_of_them() -> None:
    """A here-doc's words stay marked on every line."""
    shown = show("a\nbb\nc", [(0, 6, "n")])
    assert [line.marked for line in shown.first] == [True, True, True]


def test_a_long_text_shows_its_deciding_lines_first() -> None:
    """Padding before, behind and beside the deciding words does not push them away."""
    text = "\n".join(["x"] * 500 + ["y" * 5000 + "rm -rf /" + "z" * 5000] + ["x"] * 500)
    at = text.index("rm")
    shown = show(text, [(at, at + 8, "")])
    (line,) = shown.first
    assert line.number == 501
    assert [part.text for part in line.segments if part.marked] == ["rm -rf /"]
    assert sum(len(part.text) for part in line.segments) < 500
    assert len(shown.whole) == 1001
    assert shown.more == 1000


def test_deciding_words_behind_the_headers_of_a_request_come_first() -> None:
    """What a short text begins with pushes nothing that decides off the first screen; nothing is left out."""
    head = "POST /graphql/v2\naccept: */*\ncontent-type: application/json\n"
    text = head + "{volumeDelete}"
    shown = show(text, [(text.index("volume"), len(text) - 1, "deletes it")])
    assert [line.number for line in shown.first] == [4]
    assert (len(shown.whole), shown.more) == (4, 3)
    near = "POST /graphql/v2\n\n{volumeDelete}"
    assert show(near, [(near.index("volume"), len(near) - 1, "")]).whole == ()


def test_a_long_text_without_evidence_shows_its_beginning() -> None:
    """Where nothing decided by itself the first lines stand in front of the whole."""
    shown = show("line\n" * 100, [])
    assert [line.number for line in shown.first] == [1, 2, 3, 4, 5]
    assert shown.more == 96


@given(
    text=st.text(alphabet=st.characters(exclude_characters="\u27e6\u27e7", codec="utf-8"), max_size=300),
    spans=st.lists(st.tuples(st.integers(-5, 320), st.integers(-5, 320), st.text(max_size=5)), max_size=6),
)
def test_the_whole_text_is_shown_whatever_the_spans(text: str, spans: list[tuple[int, int, str]]) -> None:
    """No span, however wrong, drops, repeats or reorders a character; every character of a span is marked."""
    shown = show(text, spans)
    lines = shown.whole or shown.first
    inside = {at for start, end, _ in spans if start < end for at in range(max(0, start), min(len(text), end))}
    assert [line.number for line in lines] == list(range(1, text.count("\n") + 2))
    start = 0
    for line, content in zip(lines, text.split("\n"), strict=True):
        pieces = _pieces(content, start, inside)
        shown_pieces = [(part.text, part.marked) for part in line.segments]
        assert "".join(piece for piece, marked in shown_pieces if marked) == "".join(
            piece for piece, marked in pieces if marked
        ) or "⟦" in str(shown_pieces)
        if "⟦" not in "".join(part.text for part in line.segments):
            assert "".join(part.text for part in line.segments) == content
        start += len(content) + 1


def _pieces(content: str, offset: int, inside: set[int]) -> list[tuple[str, bool]]:
    return [(char, offset + index in inside) for index, char in enumerate(content)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a⟦U+202E⟧b"),
        ("a" + " " * 100 + "b", "a⟦100 spaces⟧b"),
        ("a" + "\t" * 9 + "b", "a⟦9 tabs⟧b"),
        ("a\tb  c\nd", "a\tb  c\nd"),
        ("\x1b[31m", "⟦U+001B⟧[31m"),
        ("é 日本", "é 日本"),
    ],
)
def test_odd_characters_are_spelled_and_blanks_counted(text: str, shown: str) -> None:
    """Nothing is hidden by a character that does not show or by a run of blanks."""
    assert spell_out(text) == shown


def test_look_alike_letters_are_named() -> None:
    """A Cyrillic letter in a path is said by name."""
    shown = show("rm -rf /srv/d\u0430ta", [])
    assert shown.look_alikes == ("\u0430 cyrillic small letter a",)
    assert shown.hidden == 0


LONG = "a b & c < d\n" * 350_000
HIDDEN = "\u202e" * 500_000


@pytest.mark.parametrize(
    "text",
    [
        LONG,
        HIDDEN,
        "\n" * 4_000_000,
        "&" * 4_000_000,
        "x" * 4_000_000,
        "日本" * 500_000,
        "e\u0301\u0301" * 60_000,
        ("\x00\n" + " " * 40) * 60_000,
    ],
    ids=["lines", "hidden", "blank lines", "escaped", "one line", "wide", "marks", "padding"],
)
@pytest.mark.parametrize("count", [0, 1, 60, 9_000])
def test_a_page_of_any_text_is_bounded_in_bytes(text: str, count: int) -> None:
    """83: whatever it is made of, and however much decides, as it is written and not as it is counted."""
    step = len(text) // (count + 1)
    spans = [(at * step, at * step + 9, f"reason {at} <&>" * 20) for at in range(count)]
    shown = show(text, spans)
    code = vars(environment().get_template("code_parts.html").module)["code"]
    first, whole = (code(lines, numbers=True) for lines in (shown.first, shown.whole))
    assert len(whole.encode()) <= MOST_BYTES
    assert len(first.encode()) <= MOST_BYTES // 2
    assert shown.left_out
    assert shown.unseen == 0 or count > 1
    assert sum(len(note) for note in shown.notes) < 10_000


def test_deciding_words_of_a_long_text_stand_on_the_page_wherever_they_are() -> None:
    """55: at the beginning, in the middle and at the end; the bytes between are counted, none is lost."""
    hits = [0, 1_234_567, len(LONG) - 9]
    shown = show(LONG, [(at, at + 9, "decides") for at in hits])
    marked = ["".join(part.text for part in line.segments if part.marked) for line in shown.whole if line.marked]
    assert "".join(marked) == "".join(LONG[at : at + 9].replace("\n", "") for at in hits)
    assert shown.unseen == 0
    numbers = [line.number for line in shown.whole if line.marked]
    assert numbers[0] == 1
    assert LONG.count("\n", 0, 1_234_567) + 1 in numbers


def test_deciding_words_that_no_page_has_room_for_are_said() -> None:
    """Nobody approves blindly: a span of megabytes shows both its ends, and counts as unseen."""
    shown = show("x" * 10 + "y" * 4_000_000 + "z" * 10, [(10, 4_000_010, "all of it decides")])
    assert shown.unseen == 1
    marked = "".join(part.text for line in shown.whole for part in line.segments if part.marked)
    assert len(marked) > 1_000
    many = show(LONG, [(at * 400, at * 400 + 9, "") for at in range(9_000)])
    assert 0 < many.unseen < 9_000


@given(
    text=st.text(alphabet=st.sampled_from("ab\n\u202eé<"), min_size=1, max_size=2_000),
    spans=st.lists(
        st.tuples(st.integers(0, 2_000), st.integers(0, 2_000), st.sampled_from(["", "n"])), max_size=8
    ),
    most=st.integers(0, 3_000),
)
def test_parts_and_what_is_left_out_are_the_whole_text(
    text: str, spans: list[tuple[int, int, str]], most: int
) -> None:
    """Whatever room there is, shown and left out add up; where nothing is unseen every letter is marked."""
    shown = show(text, spans, most)
    lines = shown.whole or shown.first
    seen = sum(len(spelled_back(part.text).encode()) for line in lines for part in line.segments)
    breaks = sum(1 for one, other in pairwise(lines) if not one.gap and not other.gap)
    assert seen + breaks + shown.left_out == len(text.encode())
    if not shown.unseen:
        inside = {at for start, end, _ in spans if start < end for at in range(start, min(end, len(text)))}
        words = "".join(text[at] for at in sorted(inside) if text[at] != "\n")
        assert spelled_back("".join(part.text for line in lines for part in line.segments if part.marked)) == words


def spelled_back(text: str) -> str:
    """Return what was spelled out as it was."""
    return text.replace("⟦U+202E⟧", "\u202e")
