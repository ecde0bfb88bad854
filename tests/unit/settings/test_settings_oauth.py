"""`[oauth]` and `[[oauth_issuer]]`: what opens nothing by mistake."""

import pytest
from pydantic import ValidationError

from firewall.settings.oauth import OAuth, OAuthIssuer
from firewall.settings.settings import Settings

ROW = {"scopes": ["use"], "owner": "olga", "agent": "coder", "environment": "staging"}
GOOD = {"issuer": "https://login.example.com/acme", "grant": [ROW]}


def test_a_plain_issuer() -> None:
    """Only MCP tools, no algorithm with a shared key, no plain JWT by default."""
    one = OAuthIssuer.model_validate(GOOD)
    assert one.grant[0].tools == ("mcp__*",)
    assert not one.plain_jwt
    assert not any(name.startswith("HS") or name == "none" for name in one.algorithms)


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "http://login.example.com"},
        {"issuer": "https://login.example.com/?x=1"},
        {"issuer": "https://a@login.example.com"},
        {"issuer": "login.example.com"},
        {"jwks_url": "http://login.example.com/keys"},
        {"jwks_url": "file:///etc/keys"},
        {"algorithms": ["HS256"]},
        {"algorithms": ["none"]},
        {"grant": []},
        {"grant": [{**ROW, "scopes": []}]},
        {"grant": [{**ROW, "scopes": ['a"b']}]},
        {"grant": [{**ROW, "scopes": ["a b"]}]},
        {"grant": [{**ROW, "owner_claim": "email"}]},
        {"grant": [{**ROW, "owner": ""}]},
        {"grant": [{**ROW, "agent": "a/b"}]},
        {"grant": [{**ROW, "environment": "a b"}]},
        {"grant": [{**ROW, "verbs": ["everything"]}]},
    ],
)
def test_what_is_refused(change: dict[str, object]) -> None:
    """Addresses without TLS, shared keys, rows for everybody or for nobody, names that run together."""
    with pytest.raises(ValidationError):
        OAuthIssuer.model_validate({**GOOD, **change})


def test_tokens_must_be_issued_for_us() -> None:
    """Without our own address no issuer counts, and none stands twice."""
    for wrong in (
        {"oauth_issuer": [GOOD]},
        {"oauth": {"resource": "https://a.example"}, "oauth_issuer": [GOOD, GOOD]},
    ):
        with pytest.raises(ValidationError):
            Settings.model_validate(wrong)
    Settings.model_validate({"oauth": {"resource": "https://a.example"}, "oauth_issuer": [GOOD]})
    for address in ("http://a.example", "https://a.example/path", "https://a.example/", "a.example"):
        with pytest.raises(ValidationError):
            OAuth(resource=address)
    assert OAuth(resource="http://127.0.0.1:8787").resource
