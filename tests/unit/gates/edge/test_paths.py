"""Plain paths pass, everything that could be read otherwise does not."""

import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.core.errors import ProtocolError
from firewall.gates.edge.paths import check_path


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/v1beta/models/gemini-3.8-flash:streamGenerateContent",
        "/v1beta/models/m%3AgenerateContent",
        "/v1/models/gpt-5.5",
        "/v1/approvals/apr_01J",
        "/console/",
        "/static/app.css",
        "/v1/models/a%20b",
    ],
)
def test_plain_paths_pass(path: str) -> None:
    """What agents and browsers ask for is not in the way."""
    check_path(path.encode())


@given(st.text(alphabet="/.%;\\25ecEFab\0 é", max_size=12))
def test_a_path_that_passes_reads_the_same_everywhere(text: str) -> None:
    """Always: decoding an accepted path once or twice changes no segment boundary and leaves no dot segment."""
    raw = ("/" + text).encode("utf-8", "surrogatepass")
    try:
        check_path(raw)
    except ProtocolError:
        return
    once = urllib.parse.unquote_to_bytes(raw)
    assert urllib.parse.unquote_to_bytes(once) == once
    assert once.count(b"/") == raw.count(b"/")
    assert not {b".", b".."} & set(once.split(b"/"))
    assert b"//" not in once
    assert once.isascii()


def test_foreign_prefixes_are_matched_on_raw_bytes() -> None:
    """Only the exact prefix is left to its gate."""
    check_path(b"/infra/x/..%2f", foreign_prefixes=(b"/infra/",))
    for path in (b"/infra", b"/Infra/..%2f", b"/%69nfra/a%2fb", b"/v1/infra/..%2f"):
        if path != b"/infra":
            with pytest.raises(ProtocolError):
                check_path(path, foreign_prefixes=(b"/infra/",))
