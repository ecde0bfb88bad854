"""Where metadata stands, what it must say, and which addresses may be asked."""

import json

import pytest

from firewall.codecs.oauth.metadata import MOST_BYTES, resource_of, server_of
from firewall.codecs.oauth.places import complaint, is_loopback, issuer_metadata, resource_metadata
from firewall.core.errors import ProtocolError


def test_well_known_places() -> None:
    """The examples of RFC 9728 and of MCP 2026-07-28, in their order."""
    known = "/.well-known"
    assert (
        resource_metadata("https://a.example/mcp/x") == f"https://a.example{known}/oauth-protected-resource/mcp/x"
    )
    assert resource_metadata("https://a.example") == f"https://a.example{known}/oauth-protected-resource"
    assert issuer_metadata("https://a.example") == (
        f"https://a.example{known}/oauth-authorization-server",
        f"https://a.example{known}/openid-configuration",
    )
    assert issuer_metadata("https://a.example/t1") == (
        f"https://a.example{known}/oauth-authorization-server/t1",
        f"https://a.example{known}/openid-configuration/t1",
        f"https://a.example/t1{known}/openid-configuration",
    )


@pytest.mark.parametrize(
    ("url", "loopback", "may"),
    [
        ("https://a.example/x?y=1", False, True),
        ("http://a.example/x", False, False),
        ("http://a.example/x", True, False),
        ("http://127.0.0.1:9/x", False, False),
        ("http://127.0.0.1:9/x", True, True),
        ("http://localhost:9/x", True, True),
        ("javascript:alert(1)", True, False),
        ("file:///etc/passwd", True, False),
        ("https://a.example@evil.example/", False, False),
        ("https://a.example\\@evil.example/", False, False),
        ("https://a.example/$(id) x", False, False),
        ("https://a.example:0/", False, False),
        ("https://a.example:port/", False, False),
        ("https://[::1", False, False),
        ("https:///x", False, False),
        ("https://a.example/#x", False, False),
        ("https://\u0430.example/", False, False),
        ("https://a.example/" + "x" * 3000, False, False),
        ("", True, False),
    ],
)
def test_which_addresses_may_be_asked(url: str, may: bool, *, loopback: bool) -> None:  # noqa: FBT001 - a row
    """Plain https addresses, and http on this machine where that was configured."""
    assert (complaint(url, loopback=loopback) == "") is may


def test_loopback_is_named() -> None:
    """By its three names alone."""
    assert [is_loopback(url) for url in ("http://localhost:1", "https://[::1]/", "https://a.example", "no")] == [
        True,
        True,
        False,
        False,
    ]


def test_metadata_of_a_server_is_read() -> None:
    """What is not said is empty; only `true` means yes."""
    said = {
        "issuer": "https://a.example",
        "token_endpoint": "https://a.example/token",
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": "yes",
    }
    found = server_of(json.dumps(said).encode(), "https://a.example")
    assert (found.token_endpoint, found.challenges, found.says_issuer) == (
        "https://a.example/token",
        ("S256",),
        True,
    )
    assert (found.takes_documents, found.jwks_uri, found.scopes) == (False, "", ())


@pytest.mark.parametrize(
    "said",
    [
        b'{"issuer":"https://a.example/"}',
        b'{"issuer":"https://A.example"}',
        b"{}",
        b"[]",
        b'{"issuer":"https://a.example","jwks_uri":7}',
        b'{"issuer":"https://a.example","scopes_supported":"x"}',
        b'{"issuer":"https://a.example","scopes_supported":[7]}',
        b'{"issuer":"https://a.example","issuer":"https://a.example"}',
        b" " * (MOST_BYTES + 1),
    ],
)
def test_metadata_of_somebody_else_is_not_used(said: bytes) -> None:
    """The issuer is compared letter by letter; what cannot be read is refused by name."""
    with pytest.raises(ProtocolError) as caught:
        server_of(said, "https://a.example")
    assert caught.value.code == "oauth_metadata_invalid"


def test_metadata_of_a_resource() -> None:
    """It must speak for the resource that was asked, and name somebody who issues tokens for it."""
    said = {"resource": "https://a.example/mcp", "authorization_servers": ["https://b.example"]}
    found = resource_of(json.dumps(said).encode(), "https://a.example/mcp", "https://a.example")
    assert found.issuers == ("https://b.example",)
    for wrong in (said | {"resource": "https://evil.example"}, {"resource": "https://a.example/mcp"}):
        with pytest.raises(ProtocolError):
            resource_of(json.dumps(wrong).encode(), "https://a.example/mcp")
