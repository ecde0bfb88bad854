"""Entries: the exact bytes, and everything that must not become an entry."""

import json
from hashlib import sha256
from types import MappingProxyType

import pytest
import rfc8785

import audit
from audit import AuditError, Draft, Kind, decode, encode, entry

FULL = Draft(
    kind=Kind.TOOL_JUDGED,
    principal="prn_1",
    at=1_760_000_000_000_000,
    data={"verdict": "ask", "effects": ["destructive", "exec"], "held": True, "n": {"rows": -3}},
    approval="apr_1",
    subject="sub_1",
    sealed=b"ciphertext",
)


def test_a_full_entry_has_exactly_these_bytes() -> None:
    """The format document's example, byte for byte."""
    assert encode(FULL, 7) == (
        b'{"approval":"apr_1","at":1760000000000000,"data":{"effects":["destructive","exec"],"held":true,'
        b'"n":{"rows":-3},"verdict":"ask"},"kind":"tool.judged","principal":"prn_1","sealed":{"key":"sub_1",'
        b'"sha256":"' + sha256(b"ciphertext").hexdigest().encode() + b'"},"seq":7,"v":1}'
    )


def test_absent_parts_leave_no_trace() -> None:
    """Without approval and sealed part there is no such key, not an empty one."""
    assert encode(Draft(Kind.AUDIT_READ, "", 0), 0) == (
        b'{"at":0,"data":{},"kind":"audit.read","principal":"","seq":0,"v":1}'
    )


@pytest.mark.parametrize(
    "one", [FULL, Draft(Kind.AUDIT_READ, 'q"\\\n\x1b é 😀', 5, {"t": "\u2028\x7f\x00/"})], ids=["full", "odd"]
)
def test_bytes_are_rfc_8785(one: Draft) -> None:
    """An independent canonicaliser writes the same bytes."""
    body = encode(one, 3)
    assert rfc8785.dumps(json.loads(body)) == body


def test_decode_gives_back_what_was_encoded() -> None:
    """Every field survives; the sealed part as the hash of its ciphertext."""
    back = decode(encode(FULL, 7))
    assert (back.seq, back.at, back.kind, back.principal) == (7, FULL.at, "tool.judged", "prn_1")
    assert (back.approval, back.subject) == ("apr_1", "sub_1")
    assert back.data == FULL.data
    assert back.sealed_sha256 == sha256(b"ciphertext").hexdigest()


def test_data_may_be_any_mapping() -> None:
    """A read-only mapping is written like a dict."""
    assert decode(encode(Draft(Kind.AUDIT_READ, "", 0, MappingProxyType({"a": 1})), 0)).data == {"a": 1}


def _deep(levels: int) -> dict[str, object]:
    nested: dict[str, object] = {}
    for _ in range(levels - 1):
        nested = {"k": nested}
    return nested


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"x": 1.0}, "cannot hold a float"),
        ({"x": None}, "cannot hold a NoneType"),
        ({"x": b"raw"}, "cannot hold a bytes"),
        ({"x": 2**53}, r"2\*\*53 or more"),
        ({"x": -(2**53)}, r"2\*\*53 or more"),
        ({"é": 1}, "not ASCII"),
        ({1: 1}, "not ASCII"),
        ({"x": "\ud800"}, "lone surrogate"),
        ({"x": ["\udfff"]}, "lone surrogate"),
        (_deep(18), "nests deeper"),
        ({"x": [[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}, "nests deeper"),
        ({"x": "a" * 65_536}, "over the limit"),
    ],
)
def test_what_leaves_the_model_is_refused(data: dict[str, object], why: str) -> None:
    """Floats, null, big integers, odd keys, lone surrogates, depth and length never reach the log."""
    with pytest.raises(AuditError, match=why):
        encode(Draft(Kind.AUDIT_READ, "", 0, data), 0)  # type: ignore[arg-type]  # that is the point


def test_limits_themselves_are_allowed() -> None:
    """The largest integers and the deepest nesting still fit."""
    encode(Draft(Kind.AUDIT_READ, "", 0, {"x": 2**53 - 1, "y": 1 - 2**53}), 0)
    encode(Draft(Kind.AUDIT_READ, "", 0, _deep(16)), 0)  # type: ignore[arg-type]  # nested dicts


@pytest.mark.parametrize(
    "one",
    [
        Draft(Kind.AUDIT_READ, "\ud800", 0),
        Draft(Kind.AUDIT_READ, "", 0, approval="\ud800"),
        Draft(Kind.AUDIT_READ, "", 2**53),
        Draft(Kind.AUDIT_READ, "", 0, subject="sub_1"),
        Draft(Kind.AUDIT_READ, "", 0, sealed=b"x"),
    ],
)
def test_bad_frames_are_refused(one: Draft) -> None:
    """The fields around `data` obey the same rules, and a sealed part and its subject come together."""
    with pytest.raises(AuditError):
        encode(one, 0)


GOOD = encode(FULL, 7)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"1",
        b"{",
        b"[" * 100_000,
        GOOD + b" ",
        GOOD.replace(b'"v":1', b'"v":2'),
        GOOD.replace(b'"v":1', b'"v":1.0'),
        GOOD.replace(b'"v":1', b'"v":1,"w":1'),
        GOOD.replace(b'"seq":7,', b""),
        GOOD.replace(b'"seq":7', b'"seq":true'),
        GOOD.replace(b'"seq":7', b'"seq":"7"'),
        GOOD.replace(b'"seq":7', b'"seq":7,"seq":7'),
        GOOD.replace(b'"kind":"tool.judged"', b'"kind":1'),
        GOOD.replace(b'"key":"sub_1",', b""),
        GOOD.replace(b'"held":true', b'"held":null'),
        GOOD.replace(b'"held":true', b'"held":NaN'),
        GOOD.replace(b'"rows":-3', b'"rows":-3e0'),
        b'{"at":0,"data":[],"kind":"audit.read","principal":"","seq":0,"v":1}',
        b'{"at":0,"data":{},"kind":"audit.read","principal":"","sealed":1,"seq":0,"v":1}',
    ],
)
def test_decode_refuses_everything_else(body: bytes) -> None:
    """Bytes that `encode` would not have written are refused, duplicate keys and other spellings included."""
    with pytest.raises(AuditError):
        decode(body)


def test_kinds_are_subject_and_verb() -> None:
    """Every kind is `subject.verb` in plain ASCII, so that it stands literally in a body."""
    for kind in Kind:
        subject, dot, verb = kind.value.partition(".")
        assert dot
        assert kind.value.isascii()
        assert subject.isalpha()
        assert verb.replace("_", "").isalpha()


def test_public_names_are_exactly_these() -> None:
    """`__all__` is sorted, complete and importable."""
    assert sorted(audit.__all__, key=lambda name: (not name.isupper(), name)) == audit.__all__
    assert all(hasattr(audit, name) for name in audit.__all__)
    assert entry.VERSION == 1
