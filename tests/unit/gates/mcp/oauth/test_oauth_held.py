"""What is kept of a login, and how we prove who we are with it."""

import pytest

from firewall.core.errors import ConfigError
from firewall.core.secret import Secret
from firewall.gates.mcp.oauth.discovery import names_of
from firewall.gates.mcp.oauth.held import Held, parse, proven
from firewall.routing.issuing import authentication_for

HELD = Held(
    issuer="https://a.example",
    resource="https://b.example/mcp",
    token_endpoint="https://a.example/token",
    client_id="a client:1",
    authentication="client_secret_basic",
    client_secret=Secret("s&e:c"),
    access=Secret("access"),
    refresh=Secret("refresh"),
    renew_s=7,
    expires_s=9,
)


def test_what_is_kept_is_read_again() -> None:
    """The same values; secrets in no repr."""
    assert parse(HELD.dump(), "far") == HELD
    assert "refresh" not in repr(HELD.refresh)
    assert [one.reveal() for one in HELD.secrets] == ["access", "refresh", "s&e:c"]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"issuer":7}', "no json with a secret"])
def test_what_cannot_be_read_is_an_error_without_it(text: str) -> None:
    """A changed version of this program, or somebody else's value: a login mends it."""
    with pytest.raises(ConfigError) as caught:
        parse(Secret(text), "far")
    assert caught.value.hint == "stayhand mcp login far"
    assert "secret" not in caught.value.public


def test_how_clients_prove_themselves() -> None:
    """In the header with both parts escaped, in the form, or by the id alone (RFC 6749, 2.3.1)."""
    credential, form = proven(HELD)
    assert credential is not None
    assert (credential.prefix, credential.secret.reveal(), form) == (
        "Basic ",
        "YSUyMGNsaWVudCUzQTE6cyUyNmUlM0Fj",
        [],
    )
    assert authentication_for((), Secret("")) == "none"
    assert authentication_for((), Secret("s")) == "client_secret_basic"
    assert authentication_for(("client_secret_post",), Secret("s")) == "client_secret_post"
    assert authentication_for((), Secret("s"), "client_secret_post") == "client_secret_post"


def test_a_server_may_be_called_by_an_address_above_it() -> None:
    """On its own host alone, and by whole steps of its path."""
    found = names_of("https://a.example/x/mcp")
    assert {"https://a.example/x/mcp", "https://a.example/x", "https://a.example", "https://a.example/"} <= set(
        found
    )
    assert "https://a.example/x/m" not in found
    assert all(one.startswith("https://a.example") for one in found)
