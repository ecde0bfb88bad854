"""What authorization servers answer, read without ever saying a token."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.codecs.oauth.answers import Awaited, challenge_of, code_of, error_of, issued, registered
from firewall.core.errors import ProtocolError

GOOD = {"access_token": "abc", "token_type": "bearer", "expires_in": 60}
HERE = Awaited("state-1", "https://a.example", says_issuer=True)


def test_tokens_are_read() -> None:
    """`bearer` in any case, a life as number or text, a refresh token where there is one."""
    found = issued(json.dumps(GOOD | {"refresh_token": "r", "scope": "a b", "expires_in": "60"}).encode())
    assert (found.access.reveal(), found.refresh.reveal(), found.life_s, found.scopes) == (
        "abc",
        "r",
        60,
        ("a", "b"),
    )
    assert not issued(json.dumps(GOOD).encode()).refresh
    assert issued(b'{"access_token":"abc","token_type":"Bearer"}').life_s == 0
    assert issued(json.dumps(GOOD | {"expires_in": 10**12}).encode()).life_s == 365 * 24 * 3600


@pytest.mark.parametrize(
    "change",
    [
        {"token_type": "DPoP"},
        {"token_type": None},
        {"access_token": ""},
        {"access_token": "a\r\nb"},
        {"access_token": "x" * 9000},
        {"access_token": 7},
        {"refresh_token": {"a": 1}},
        {"expires_in": -1},
        {"expires_in": True},
        {"expires_in": "soon"},
    ],
)
def test_tokens_that_no_header_can_carry(change: dict[str, object]) -> None:
    """Another kind, none, line ends, too long: an error of the server's that holds no token."""
    with pytest.raises(ProtocolError) as caught:
        issued(json.dumps(GOOD | change).encode())
    assert caught.value.code == "oauth_answer_invalid"
    assert "xxx" not in caught.value.public


def test_registrations() -> None:
    """An id, and a secret where there is one."""
    found = registered(b'{"client_id":"c","client_secret":"s","token_endpoint_auth_method":"client_secret_post"}')
    assert (found.id, found.secret.reveal(), found.authentication) == ("c", "s", "client_secret_post")
    for wrong in (b"{}", b'{"client_id":"a b"}', b"[]", b'{"client_id":"a","client_id":"b"}'):
        with pytest.raises(ProtocolError):
            registered(wrong)


def test_errors_are_words_that_are_known() -> None:
    """A server that writes what we sent into its error finds it nowhere."""
    assert error_of(b'{"error":"invalid_grant"}') == "invalid_grant"
    for other in (b'{"error":"the-refresh-token"}', b"no json", b'{"error":7}', b"{}"):
        assert error_of(other) == "another error"


def test_a_code_is_for_its_login_and_issuer() -> None:
    """State and issuer come first: nothing is said of an answer that is not ours."""
    assert code_of("code=c&state=state-1&iss=https%3A%2F%2Fa.example", HERE).reveal() == "c"
    silent = Awaited("state-1", "https://a.example", says_issuer=False)
    assert code_of("code=c&state=state-1", silent).reveal() == "c"
    for query, words in (
        ("code=c&state=other&iss=https%3A%2F%2Fa.example", "another login"),
        ("code=c&iss=https%3A%2F%2Fa.example", "another login"),
        ("code=c&state=state-1", "another issuer"),
        ("code=c&state=state-1&iss=https%3A%2F%2Fa.example%2F", "another issuer"),
        ("error=access_denied&state=state-1&iss=https%3A%2F%2Fevil.example", "another issuer"),
        ("error=access_denied&state=state-1&iss=https%3A%2F%2Fa.example", "`access_denied`"),
        ("error=<script>&state=state-1&iss=https%3A%2F%2Fa.example", "`another error`"),
        ("code=c&code=d&state=state-1", "twice"),
        ("state=state-1&iss=https%3A%2F%2Fa.example", "no code"),
        ("x" * 20_000, "too long"),
    ):
        with pytest.raises(ProtocolError) as caught:
            code_of(query, HERE)
        assert words in caught.value.public
    with pytest.raises(ProtocolError):
        code_of("code=c&state=state-1&iss=https%3A%2F%2Fevil.example", silent)


def test_challenges() -> None:
    """The parameters of `Bearer`, in any case; another scheme has none for us."""
    fields = [(b"WWW-Authenticate", b'bearer resource_metadata="https://a.example/x", scope="a b", error="e"')]
    assert challenge_of(fields) == {"resource_metadata": "https://a.example/x", "scope": "a b", "error": "e"}
    assert challenge_of([(b"www-authenticate", b'Basic realm="x"')]) == {}


@given(st.text(max_size=80))
def test_no_answer_breaks_the_reader(text: str) -> None:
    """Whatever a browser brings is a code of ours or refused."""
    with pytest.raises(ProtocolError):
        code_of(text, HERE)
