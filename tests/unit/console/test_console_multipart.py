"""Forms with a file: what browsers send is read, everything else is refused as a whole."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.console.multipart import boundary_of, fields_of
from firewall.core.errors import ProtocolError

MARK = b"----WebKitFormBoundary7MA4YWxkTrZu0gW"


def written(fields: list[tuple[str, str]], *, filename: str = "") -> bytes:
    """Write a form as browsers do; the last field is a file where it has a name."""
    out = b""
    for at, (name, text) in enumerate(fields):
        is_file = filename and at == len(fields) - 1
        more = f'; filename="{filename}"\r\nContent-Type: text/csv' if is_file else ""
        out += b"--" + MARK + f'\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode()
        out += text.encode() + b"\r\n"
    return out + b"--" + MARK + b"--\r\n"


NAMES = st.sampled_from(["csrf", "rows", "days", "file"])
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60)


@given(st.lists(st.tuples(NAMES, TEXTS), min_size=1, max_size=6))
def test_what_was_written_is_read(fields: list[tuple[str, str]]) -> None:
    """Every field with all its bytes, empty ones, line ends, dashes and quotes too."""
    assert fields_of(written(fields, filename="policy.csv"), MARK, 6) == fields


@given(st.binary(max_size=200), st.integers(0, 200))
def test_anything_else_is_refused_with_a_code(noise: bytes, at: int) -> None:
    """No bytes make it fail in another way, or give more fields than are asked for."""
    whole = written([("csrf", "x"), ("rows", "p, *, *\n")])
    for body in (noise, whole[:at] + noise + whole[at:], whole[:at]):
        with suppress(ProtocolError):
            assert len(fields_of(body, MARK, 3)) <= 3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--" + MARK + b"--\r\n",
        written([("a", "1")])[:-6],
        written([("a", "1")]) + b"more",
        b"before" + written([("a", "1")]),
        written([("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]),
        written([("A b", "1")]),
        written([("a", "1")]).replace(b"form-data", b"attachment"),
        written([("a", "1")]).replace(b'name="a"', b'name="a"; name="b"'),
        written([("a", "1")]).replace(b"\r\n\r\n1", b"\r\nContent-Transfer-Encoding: base64\r\n\r\nMQ=="),
        written([("a", "1")]).replace(b"\r\n\r\n1", b'\r\nContent-Disposition: form-data; name="b"\r\n\r\n1'),
        written([("a", "1")]).replace(b"\r\n\r\n1", b"\r\nX: " + b"y" * 3_000 + b"\r\n\r\n1"),
        written([("a", "1")]).replace(b"\r\n1\r\n", b"\r\n\xff\xfe\r\n"),
    ],
)
def test_forms_that_are_none_are_refused(body: bytes) -> None:
    """Cut, doubled, encoded, too many, too long, no text."""
    with pytest.raises(ProtocolError) as caught:
        fields_of(body, MARK, 3)
    assert caught.value.code == "form_invalid"


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('Multipart/Form-Data;boundary="a b"', b"a b"),
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=", b""),
        ("multipart/form-data; boundary=" + "x" * 71, b""),
        ("multipart/form-data; boundary=a; charset=utf-7", b""),
        ("multipart/mixed; boundary=abc", b""),
        ("application/x-www-form-urlencoded", b""),
    ],
)
def test_what_stands_between_fields(content_type: str, boundary: bytes) -> None:
    """As the header says it, and nothing beside it."""
    assert boundary_of(content_type) == boundary
