"""Private keys in armour in texts that were cut, quoted or divided: no line is left of them."""

import json
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.credentials.armour import half_armoured, in_parts

LINES = [f"MIIJ{number:02}QIBAAKCAgEAz1" + "aB3d" * 11 for number in range(20)]
LAST = "Qx7Last="
BEGIN, END = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"


def left(text: str) -> str:
    """Return what is not hidden."""
    data, out, at = text.encode(), [], 0
    for one in half_armoured(data):
        assert at <= one.start < one.end <= len(data)
        out.append(data[at : one.start])
        at = one.end
    return b"".join([*out, data[at:]]).decode()


def notebook(lines: list[str]) -> str:
    """Spell lines as a notebook's cell has them."""
    return json.dumps({"source": [f"{one}\n" for one in lines]}, indent=1)


SPELLED: dict[str, Callable[[list[str]], str]] = {
    "plain": "\n".join,
    "escaped": lambda lines: json.dumps("\n".join(lines)),
    "escaped twice": lambda lines: json.dumps(json.dumps("\r\n".join(lines))),
    "a list": json.dumps,
    "a notebook": notebook,
    "bars": lambda lines: "\n".join(f"| {one}" for one in lines),
    "quoted": lambda lines: "\n".join(f"> {one}" for one in lines),
    "numbered": lambda lines: "\n".join(f"{number:6}\t{one}" for number, one in enumerate(lines, 1)),
    "added": lambda lines: "\n".join(f"+    {one}" for one in lines),
    "strings": lambda lines: "\n".join(f'    "{one}\\n"' for one in lines),
    "one line": " ".join,
    "a gap": lambda lines: "\n".join([*lines[:8], "[... 10 lines]", *lines[8:]]),
}


@pytest.mark.parametrize("name", SPELLED)
@pytest.mark.parametrize("has", ["both", "begin", "end"])
def test_no_line_is_left_however_a_key_is_spelled(name: str, has: str) -> None:
    """A key with both ends is hidden whole, one with one end alone as far as lines of base64 go."""
    lines = [BEGIN] * (has != "end") + LINES + [LAST] * (has != "begin") + [END] * (has != "begin")
    text = "before, it's said\n\n" + SPELLED[name](lines) + "\n\nit's said after"
    found = left(text)
    assert not [one for one in (*LINES, LAST) if one[:12] in found or one[-12:] in found]
    assert found.startswith("before, it's said")
    assert found.endswith("it's said after")


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (
            '---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: "a key"',
            "---- END SSH2 ENCRYPTED PRIVATE KEY ----",
        ),
        (
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n",
            "=aB3d\n-----END PGP PRIVATE KEY BLOCK-----",
        ),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "-----END OPENSSH PRIVATE KEY-----"),
        (f"{BEGIN}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0011\n", END),
        ("Private-Lines: 20", "Private-MAC: " + "0f" * 20),
    ],
)
def test_forms_of_armour(begin: str, end: str) -> None:
    """Every program's lines that begin and end a key are known, together and each alone."""
    body = "\n".join(LINES)
    for text in (f"{begin}\n{body}\n{end}", f"{begin}\n{body}", f"{body}\n{end}"):
        found = left(f"it's before\n\n{text}\n\nit's after")
        assert not [one for one in LINES if one[:12] in found]
        assert (found[:11], found[-10:]) == ("it's before", "it's after")


def test_what_stands_beside_a_word_about_keys_is_left() -> None:
    """A line that begins or ends a key without one beside it hides nothing; between both it hides everything."""
    for text in (f"grep '{BEGIN}' *", f"'{END}' is its 'end'", f"'{BEGIN}'\n" + "a 'line'\n" * 12 + LINES[0]):
        assert left(text) == text
    assert left(f"a {BEGIN} 'anything' {{}} {END} b") == "a  b"


def test_lines_that_were_cut_in_the_middle() -> None:
    """What is left of a first line is hidden with the next ones, and a last short line with those before it."""
    assert left(f"zZ9 it's\nAb12Cd34\n{LINES[0]}\n{END}") == "zZ9 it's"
    assert left(f"Ab12Cd34\n{LINES[0]}\n{END}") == ""
    assert left(f"{BEGIN}\n{LINES[0]}\nAb12Cd34\nit is") == "\nit is"


def test_a_text_that_was_cut_may_end_within_a_key() -> None:
    """Where what follows is not known, a begun key goes to the end, and lines at the end belong to one."""
    for text in (f"{BEGIN} 'it' {{}}", "\n".join(LINES)):
        (one,) = half_armoured(text.encode(), is_cut=True)
        assert (one.start, one.end) == (0, len(text))
    assert list(half_armoured(b"it's 'words'", is_cut=True)) == []


@given(st.lists(st.sampled_from([BEGIN, END, *LINES[:2], "it's", "", "\n"]), max_size=12), st.data())
def test_parts_hide_what_the_whole_does(lines: list[str], data: st.DataObject) -> None:
    """Wherever a message is divided between lines, its parts hide the same as all of it."""
    cuts = sorted(data.draw(st.sets(st.integers(1, max(len(lines), 1)), max_size=3)))
    parts = ["\n".join(lines[a:b]).encode() for a, b in zip([0, *cuts], [*cuts, len(lines)], strict=True)]
    whole = b"\n".join(parts)
    hidden = {at for one in half_armoured(whole) for at in range(one.start, one.end)}
    begin, of_parts = 0, set()
    for text, spans in zip(parts, in_parts(parts), strict=True):
        of_parts |= {begin + at for one in spans for at in range(one.start, one.end)}
        assert all(0 <= one.start < one.end <= len(text) for one in spans)
        begin += len(text) + 1
    ends, at = set(), -1
    for text in parts:
        at += len(text) + 1
        ends.add(at)
    assert hidden - ends == of_parts


HARD = [BEGIN, END, BEGIN + END, "a\n", "\\", LINES[0] + "\n", END + LINES[0] + "\n" * 12]


@pytest.mark.parametrize("piece", HARD)
def test_work_grows_with_size_alone(piece: str) -> None:
    """Sixteen times as much takes nothing like 256 times as long in CPU time, whatever is repeated."""

    def took(size: int) -> float:
        data = (BEGIN + "\n'" + piece * (size // len(piece)) + "'" + END * 2).encode()
        return min(_seconds(data) for _ in range(2))

    assert took(1 << 19) < 60 * (took(1 << 15) + 1e-3)


def _seconds(data: bytes) -> float:
    begun = time.thread_time()
    in_parts([data, data])
    return time.thread_time() - begun
