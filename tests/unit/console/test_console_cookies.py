"""Cookies of a request: ours are found among any others, and nothing of the standard library reads strangers'."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from firewall.console.cookies import cookie_of

NAME = "__Host-stayhand"


def _request(*lines: str) -> Request:
    headers = [(b"cookie", line.encode("latin-1")) for line in lines]
    return Request({"type": "http", "headers": headers})


@pytest.mark.parametrize(
    ("lines", "value"),
    [
        ((), ""),
        (("",), ""),
        ((f"{NAME}=abc.DEF_-1",), "abc.DEF_-1"),
        ((f"a=b;{NAME} = abc ; c=d",), "abc"),
        (("a=b", f"{NAME}=abc"), "abc"),
        ((f"{NAME}=a=b",), "a=b"),
        ((f'{NAME}="abc"',), '"abc"'),
        ((f'{NAME}="\\141bc"',), '"\\141bc"'),
        ((f"{NAME}=of-a-longer-path; {NAME}=ours",), "ours"),
        ((f"{NAME}-strict=abc; x{NAME}=abc; {NAME.lower()}=abc",), ""),
        ((NAME,), ""),
    ],
)
def test_a_cookie_is_taken_as_it_stands(lines: tuple[str, ...], value: str) -> None:
    """Quotes and escapes mean nothing; a name is compared as a whole."""
    assert cookie_of(_request(*lines), NAME) == value


@given(
    st.text(st.characters(codec="latin-1", exclude_characters=";"), max_size=60),
    st.text(st.characters(codec="latin-1", exclude_characters=";"), max_size=60),
)
def test_ours_is_found_whatever_stands_beside_it(before: str, behind: str) -> None:
    """No neighbour hides it or changes it."""
    ours = "id.signature"
    assert cookie_of(_request(f"a={before};{NAME}={ours};b={behind}"), NAME) == ours
