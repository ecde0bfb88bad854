"""Forms: read in one way only, or refused."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.codecs.multipart import MAX_PARTS, is_form, parts
from firewall.core.errors import ProtocolError

TYPE = "multipart/form-data; boundary=abc"
ONE = b'--abc\r\nContent-Disposition: form-data; name="model"\r\n\r\ngpt-image-2\r\n--abc--\r\n'


def contents(body: bytes, content_type: str) -> list[tuple[str, bytes]]:
    """Return names and contents."""
    return [(part.name, body[part.span[0] : part.span[1]]) for part in parts(body, content_type)]


def test_a_form_is_read_part_by_part() -> None:
    """Names and contents stand where they say, whatever the content is."""
    assert contents(ONE, TYPE) == [("model", b"gpt-image-2")]
    empty = b'--abc\r\ncontent-disposition: form-data; name="a"\r\n\r\n\r\n--abc--'
    assert contents(empty, 'multipart/form-data; boundary="abc"') == [("a", b"")]
    assert is_form("Multipart/Form-Data; boundary=x")
    assert not is_form("application/json")


@given(st.binary(max_size=300), st.text(alphabet="abcXYZ019_.-", min_size=1, max_size=12))
def test_what_a_real_client_sends_is_read_as_it_was_meant(content: bytes, name: str) -> None:
    """Any content of a file comes back byte for byte from what httpx writes, in the order that it was given in."""
    request = httpx.Request(
        "POST", "http://x", data={"model": "m"}, files={name: ("ü a.png", content, "image/png"), "z": b"end"}
    )
    body = request.read()
    assert contents(body, request.headers["content-type"]) == [("model", b"m"), (name, content), ("z", b"end")]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"preamble\r\n" + ONE, TYPE),
        (ONE + b"epilogue", TYPE),
        (ONE.removesuffix(b"--abc--\r\n"), TYPE),
        (ONE.replace(b"Content-D", b"X-Other: 1\r\nContent-D"), TYPE),
        (ONE.replace(b"Content-D", b"Content-Transfer-Encoding: base64\r\nContent-D"), TYPE),
        (ONE.replace(b"form-data;", b"attachment;"), TYPE),
        (ONE.replace(b'name="model"', b'name="mo\\"del"'), TYPE),
        (ONE.replace(b'name="model"', b"name=model"), TYPE),
        (ONE.replace(b'name="model"', b"name*=UTF-8''model"), TYPE),
        (ONE.replace(b'name="model"', b'name="a"; name="model"'), TYPE),
        (ONE.replace(b"form-data; name", b"form-data;\r\n name"), TYPE),
        (ONE.replace(b'"model"\r\n', b'"model"\r\nContent-Disposition: form-data; name="b"\r\n'), TYPE),
        (ONE.replace(b"\r\n\r\n", b"\r\n" + b"Content-Type: " + b"a" * 4000 + b"\r\n\r\n"), TYPE),
        (ONE, "multipart/form-data"),
        (ONE, "multipart/form-data; boundary=abc; boundary=b"),
        (ONE, "multipart/mixed; boundary=abc"),
        (ONE, "multipart/form-data; boundary=a\u00e9"),
        (b"", TYPE),
        (ONE[:-10].replace(b"--abc\r\n", b"--abc\r\n", 1) * (MAX_PARTS + 1), TYPE),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(body: bytes, content_type: str) -> None:
    """No preamble, epilogue, folded line, second name, escape, unknown header or missing end comes through."""
    with pytest.raises(ProtocolError) as refused:
        parts(body, content_type)
    assert (refused.value.code, refused.value.status) == ("form_invalid", 400)


def test_a_form_of_very_many_parts_is_refused() -> None:
    """The number of parts is bounded."""
    one = ONE.removesuffix(b"--abc--\r\n")
    assert len(parts(one * MAX_PARTS + b"--abc--", TYPE)) == MAX_PARTS
    with pytest.raises(ProtocolError):
        parts(one * (MAX_PARTS + 1) + b"--abc--", TYPE)
