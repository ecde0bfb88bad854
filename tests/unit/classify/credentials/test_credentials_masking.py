"""Masking: what a target's answer holds is hidden wherever the stream is cut, and nothing else is touched."""

import base64
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.credentials.masking import Masker, masked
from tests.support.credentials import DETECTOR

PAT = "gh" + "p_" + "aZ3kQ9xW7vB2nM5tR8yU1iO4pL6sD0fGhJkc"
LIVE = "sk_" + "live_" + "9xW7vB2nM5tR8yU1iO4pL6sD"
ARMOUR = (
    "-----BEGIN RSA PRIVATE KEY-----\n"
    + "MIIEow9xW7vB2nM5tR8yU1iO4pL6sD0f\n" * 6
    + "-----END RSA PRIVATE KEY-----\n"
)
CODED = base64.b64encode(f"a line\nexport TOKEN={PAT}\n".encode()).decode()
ANSWER = json.dumps(
    {
        "id": "3d2c42fb-9e1a-4c7b-8a55-0d1f6b7c8e90",
        "connectionString": f"postgres://app:{LIVE}@db.acme.net/app?sslmode=require",
        "uri": "postgres://app:w0rd9tail,with;signs@db.acme.net/app",
        "password": 'with"quote\\and7',
        "pem": ARMOUR,
        "nested": json.dumps({"password": "hunter22"}),
        "next_token": "page-2",
        "tokens": [PAT, "plain"],
        "file": f"first\n{LIVE}\nlast",
        "coded": CODED,
        "note": "Authorization: Bearer 7c9e6679-7425-40de-944b-e07fc1f90ae7 was used",
    }
).encode()
SECRETS = (
    PAT,
    LIVE,
    "w0rd9tail",
    "with;signs",
    "quote",
    "MIIEow9x",
    "hunter22",
    "7c9e6679",
    "e07fc1f90ae7",
    CODED[12:40],
)


def played(data: bytes, cuts: list[int]) -> bytes:
    """Feed `data` cut at some places."""
    masker = Masker(DETECTOR)
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    pieces = [masker.feed(data[begin:end]) for begin, end in pairwise(edges)]
    return b"".join(pieces) + masker.finish()


def test_an_answer_stays_json_without_its_secrets() -> None:
    """Every secret is replaced by its rule's name, ids and page tokens stay, and the text is still JSON."""
    document = json.loads(masked(ANSWER, DETECTOR))
    text = json.dumps(document)
    assert [secret for secret in SECRETS if secret in text] == []
    assert document["connectionString"] == "[redacted:secret-field]"
    assert document["uri"] == "postgres://app:[redacted:address-password]@db.acme.net/app"
    assert document["id"] == "3d2c42fb-9e1a-4c7b-8a55-0d1f6b7c8e90"
    assert document["file"] == "first\n[redacted:stripe-key]\nlast"
    assert document["coded"] == "[redacted:encoded-github-pat]"
    assert document["next_token"] == "page-2"
    assert document["tokens"] == ["[redacted:github-pat]", "plain"]
    assert json.loads(document["nested"]) == {"password": "[redacted:secret-field]"}


@pytest.mark.parametrize("cut", range(len(ANSWER)))
def test_one_cut_anywhere_changes_nothing(cut: int) -> None:
    """The stream may be cut at any byte."""
    assert played(ANSWER, [cut]) == masked(ANSWER, DETECTOR)


@given(st.lists(st.integers(0, 10_000), max_size=30))
def test_many_cuts_show_nothing(cuts: list[int]) -> None:
    """However it is cut, no secret comes out and what comes out is JSON."""
    out = played(ANSWER, cuts)
    assert json.loads(out)
    assert [secret for secret in SECRETS if secret.encode() in out] == []


def test_every_byte_alone_shows_nothing() -> None:
    """Fed byte by byte, no secret comes out."""
    out = played(ANSWER, list(range(len(ANSWER))))
    assert [secret for secret in SECRETS if secret.encode() in out] == []


@given(
    st.lists(st.sampled_from([b"plain ", b'{"a": 1}', b"\n", b"word", b"\xff\x00", b"'x'", b"a/b?c=d "])),
    st.data(),
)
def test_what_holds_no_secret_is_passed_unchanged(parts: list[bytes], data: st.DataObject) -> None:
    """Without a finding the bytes that come out are the bytes that went in."""
    whole = b"".join(parts)
    assert played(whole, data.draw(st.lists(st.integers(0, 1000), max_size=8))) == whole


def test_lines_go_at_once_and_waiting_is_bounded() -> None:
    """A line that has ended does not wait; of a word without end at most 8 KiB wait."""
    masker = Masker(DETECTOR)
    assert masker.feed(b"line 1\n") == b"line 1\n"
    assert masker.feed(b"data: {}\n\n") == b"data: {}\n\n"
    sent = sum(len(masker.feed(b"a" * 4096)) for _ in range(10))
    assert sent >= 40_960 - 8192


@pytest.mark.parametrize("padding", [0, 70_000])
def test_an_answer_that_is_all_here_is_masked_at_once(padding: int) -> None:
    """The same comes out as piece by piece, whatever its length; what is no text stays."""
    data = b"x " * padding + b'{"token": "' + PAT.encode() + b'"}'
    pieces = Masker(DETECTOR)
    expected = b"".join(pieces.feed(data[at : at + 900]) for at in range(0, len(data), 900)) + pieces.finish()
    assert Masker(DETECTOR).whole(data) == expected
    assert PAT.encode() not in expected
    assert Masker(DETECTOR).whole(b"\0" + data) == b"\0" + data


def test_what_is_no_text_is_left_alone() -> None:
    """An archive or image is passed as it is; its bytes could only be spoiled."""
    masker = Masker(DETECTOR)
    data = b"\x00\x01" + PAT.encode() + b" "
    assert masker.pass_on(data, is_first=True) + masker.pass_on(data, is_first=False) == data + data
    assert masker.masked == 0
