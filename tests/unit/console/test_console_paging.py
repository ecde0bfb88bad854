"""How lists of the API lead on, and how their parts are asked for."""

import pytest
from starlette.requests import Request

from firewall.console.paging import paged, skip_of
from firewall.core.errors import ProtocolError


def asking(query: bytes) -> Request:
    """Return a request for a list."""
    return Request({"type": "http", "method": "GET", "path": "/api/list", "query_string": query, "headers": []})


def test_what_was_asked_for_goes_on_with_the_page_behind() -> None:
    """Every field stays but the one that says where the page begins; nothing in it ends the address."""
    answer = paged(asking(b"status=a%3E%22%0d%0ax&after=b"), [1], {"after": "c d"})
    assert answer.headers["link"] == '</api/list?status=a%3E%22%0D%0Ax&after=c+d>; rel="next"'
    assert answer.body == b"[1]"
    assert "link" not in paged(asking(b"after=b"), [], {}).headers


@pytest.mark.parametrize(("query", "skip"), [(b"", 0), (b"skip=0", 0), (b"skip=12", 12)])
def test_so_many_are_left_out(query: bytes, skip: int) -> None:
    """A whole number, or nothing."""
    assert skip_of(asking(query)) == skip


@pytest.mark.parametrize(
    "query", [b"skip=", b"skip=-1", b"skip=1.5", b"skip=x", b"skip=%D9%A3", b"skip=1000000000"]
)
def test_what_is_no_number_is_refused(query: bytes) -> None:
    """With a stable code."""
    with pytest.raises(ProtocolError) as caught:
        skip_of(asking(query))
    assert caught.value.code == "skip_invalid"
