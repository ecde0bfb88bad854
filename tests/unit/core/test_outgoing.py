"""Requests to targets: what is judged, shown and bound is what is sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.core.outgoing import INERT, Outgoing, decode

_TEXT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=20)
_REQUESTS = st.builds(
    Outgoing,
    method=st.sampled_from(["GET", "POST", "DELETE"]),
    path=_TEXT.map(lambda text: f"/{text}"),
    query=_TEXT,
    headers=st.lists(st.tuples(_TEXT, st.text(st.characters(max_codepoint=0xFF), max_size=20)), max_size=5).map(
        tuple
    ),
    body=st.one_of(st.binary(max_size=60), st.sampled_from([b"a" * 70_000, b"\xff" * 70_000, b"{}\n" * 30_000])),
    host=st.sampled_from(["rds.eu-west-1.amazonaws.com", "ec2.eu-west-1.amazonaws.com"]),
    scope=st.sampled_from(["eu-west-1/rds", "us-east-1/rds"]),
)


@given(_REQUESTS)
def test_what_was_judged_is_what_is_sent(request_: Outgoing) -> None:
    """Reading back gives every part, whatever bytes the body has."""
    assert decode(request_.encode()) == request_


@given(_REQUESTS, _REQUESTS)
def test_two_requests_are_bound_alike_only_when_they_do_the_same(one: Outgoing, other: Outgoing) -> None:
    """Only inert fields and the order of names may differ between requests that one approval fits."""

    def meaning(request: Outgoing) -> object:
        kept = sorted(pair for pair in request.headers if pair[0] not in INERT)
        return request.method, request.path, request.query, kept, request.body, request.host, request.scope

    assert (one.bound() == other.bound()) == (meaning(one) == meaning(other))


def test_inert_fields_are_sent_and_not_bound() -> None:
    """A second try with another user agent is the same request."""
    one = Outgoing("GET", "/a", headers=(("user-agent", "x"), ("if-match", "1")))
    other = Outgoing("GET", "/a", headers=(("if-match", "1"), ("user-agent", "y")))
    assert one.bound() == other.bound()
    assert one.header("user-agent") == "x"


def test_a_person_reads_the_request_line_first() -> None:
    """The text begins with method and target; bytes that are no text are counted."""
    assert Outgoing("PUT", "/a", "b=c", (("x", "y"),), b"\xff\xfe").text() == (
        "PUT /a?b=c\nx: y\n\n(2 bytes that are no text)"
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"method":"GET"}',
        b'{"method":1,"path":2,"query":3,"headers":4}',
        b'{"method":"GET","path":"/","query":"","headers":[],"body_bytes":3}\nab',
        b'{"method":"GET","path":"/","query":"","headers":[],"body":"x"}\n',
    ],
)
def test_anything_else_is_no_request(data: bytes) -> None:
    """Bytes that `encode` did not write are refused."""
    with pytest.raises(ValueError, match=r"."):
        decode(data)
