r"""Credentials that JSON spells with escapes are found where they are written."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.credentials.masking import Masker
from firewall.classify.credentials.spelled import Plain, has_escapes
from tests.support.credentials import DETECTOR

KEY = "ghp_" + "w7R2kq9XbT4mZs8LdPvY3nHc6JfA1eGu5oQi"
LOGIN = "https://deploy:" + "s3cr3t" + "P4ssw0rdX9@git.acme.dev/app"


def spelled(text: str, *, depth: int = 1, every: int = 1) -> str:
    r"""Write every so-manieth sign as `\u00XX`, as JSON within JSON so many times."""
    slashes = "\\" * (2 ** (depth - 1))
    return "".join(f"{slashes}u{ord(sign):04x}" if at % every == 0 else sign for at, sign in enumerate(text))


def quoted(text: str) -> bytes:
    """Return an object that holds what is written in a string, as it is."""
    return b'{"a": "x ' + text.encode() + b' y", "b": "c\\/d"}'


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("every", [1, 2, 7])
@pytest.mark.parametrize("secret", [KEY, LOGIN])
def test_what_is_spelled_with_escapes_is_found(secret: str, every: int, depth: int) -> None:
    """All of it, and of the text around it nothing more than without escapes."""
    written = spelled(secret, depth=depth, every=every)
    found = DETECTOR.find(quoted(written))
    assert len(found) == 1, written
    assert json.loads(quoted(written)).keys() == {"a", "b"}
    plain = DETECTOR.find(quoted(secret))
    assert found[0].rule == plain[0].rule
    body = quoted(written)
    bare = quoted(secret)
    cut = [raw[: one.start] + b"#" + raw[one.end :] for raw, one in ((body, found[0]), (bare, plain[0]))]
    assert Plain(cut[0]).data == Plain(cut[1]).data
    assert json.loads(cut[0])


def test_a_name_may_be_spelled_so_too() -> None:
    """The name that tells of a secret, and the slashes that PHP escapes in its value."""
    value = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYz" + "q83Tn0vLs"
    body = json.dumps({"aws_secret_access_key": value}).replace("/", "\\/").replace("secret", "s\\u0065cret")
    found = DETECTOR.find(body.encode())
    assert [body[one.start : one.end] for one in found] == [value.replace("/", "\\/")]


@given(
    st.lists(st.tuples(st.characters(codec="ascii", exclude_characters='"\\\x7f'), st.booleans()), max_size=200)
)
def test_every_place_leads_back(drawn: list[tuple[str, bool]]) -> None:
    """Whatever is spelled: what stands between two places reads, as written, what it reads without escapes."""
    signs = [sign.encode() for sign, _ in drawn]
    written = [
        b"\\u%04x" % ord(sign) if is_spelled and sign >= " " else sign.encode() for sign, is_spelled in drawn
    ]
    plain = Plain(b"".join(written))
    assert plain.data == b"".join(signs)
    for place in range(len(signs) + 1):
        assert plain.written(place) == sum(map(len, written[:place]))


@pytest.mark.parametrize("raw", [b"", b"no escapes", b"\\\\", b'\\"', b"\\u0022x\\u005c", b"\\u00", b"\\u0009"])
def test_what_breaks_a_value_stays_as_it_is(raw: bytes) -> None:
    """Quotes, backslashes and controls are not read, and then nothing is copied."""
    assert Plain(raw).data is raw


@pytest.mark.parametrize("before", range(1, 20))
def test_backslashes_before_an_escape_hide_nothing(before: int) -> None:
    """A parser reads pairs of them as backslashes, and then the sign: a credential begins behind them."""
    written = b'{"t":"' + b"\\" * before + b"\\u0067" + KEY[1:].encode() + b'"}'
    assert KEY.startswith("g")
    found = DETECTOR.find(written)
    assert len(found) == 1
    assert Plain(written[found[0].start : found[0].end]).data.endswith(KEY[1:].encode())


@pytest.mark.parametrize("piece", [b"\\/", b"\\\\/", b"\\u0041", b"a\\/"])
def test_many_escapes_cost_little_memory(piece: bytes) -> None:
    """Who writes every slash so, as PHP does, is read without a note for each."""
    body = b'{"t":"' + piece * (200_000 // len(piece)) + b'"}'
    tracemalloc.start()
    try:
        DETECTOR.find(body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40 * len(body)


def test_a_run_of_backslashes_costs_nothing() -> None:
    """Each is looked at once."""
    raw = b"\\" * 200_000
    assert has_escapes(raw + b"\\u00")
    assert Plain(raw).data is raw


@pytest.mark.parametrize("size", [1, 3, 7, 50])
def test_answers_are_masked_wherever_they_are_cut(size: int) -> None:
    """An escape that is cut in two is one all the same."""
    body = quoted(spelled(KEY, every=3))
    masker = Masker(DETECTOR)
    out = b"".join(masker.feed(body[at : at + size]) for at in range(0, len(body), size)) + masker.finish()
    assert json.loads(out)["a"].startswith("x [redacted:")
    assert json.loads(out)["a"].endswith("] y")
