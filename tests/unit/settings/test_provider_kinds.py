"""`[[provider]]`: what each kind needs is said when the configuration is loaded, not when it is asked."""

import pytest
from pydantic import ValidationError

from firewall.core.errors import ConfigError
from firewall.references import references_of
from firewall.routing.configured import address_of, manners_of, providers_of
from firewall.settings.providers import Provider
from firewall.settings.settings import Settings

BASE: dict[str, object] = {"name": "p", "dialect": "openai-chat", "base_url": "https://x.example.com/v1"}
KEY = {"env": "SOME_KEY"}


def provider(**more: object) -> Provider:
    """Read one."""
    return Provider.model_validate({**BASE, **more})


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "api_key"),
        ({"api_key": KEY, "base_url": ""}, "base_url"),
        ({"api_key": KEY, "kind": "azure", "dialect": "gemini"}, "azure"),
        ({"api_key": KEY, "kind": "azure", "api_version": "a b"}, "characters"),
        ({"api_key": KEY, "kind": "bedrock", "dialect": "anthropic"}, "region"),
        ({"api_key": KEY, "kind": "bedrock", "dialect": "gemini", "region": "eu-central-1"}, "gemini"),
        ({"api_key": KEY, "kind": "bedrock", "region": "eu-central-1", "base_url": ""}, "base_url"),
        ({"api_key": KEY, "kind": "bedrock", "dialect": "anthropic", "region": "evil.com/"}, "region"),
        ({"api_key": "client", "kind": "bedrock", "dialect": "anthropic", "region": "eu-central-1"}, "credential"),
        ({"kind": "vertex", "dialect": "gemini", "region": "eu", "project": "a", "hosting": "self"}, "credential"),
        ({"api_key": KEY, "kind": "vertex", "dialect": "gemini", "region": "eu"}, "project"),
        (
            {"api_key": KEY, "kind": "vertex", "dialect": "gemini", "region": "eu", "project": "a/../b"},
            "characters",
        ),
        ({"api_key": KEY, "kind": "vertex", "region": "eu", "project": "a"}, "gemini or anthropic"),
        ({"api_key": KEY, "header": "Authorization"}, "credential"),
        ({"api_key": KEY, "headers": {"Authorization": "x"}}, "cannot be fixed"),
        ({"api_key": KEY, "headers": {"x-y": "a\r\nb: c"}}, "cannot be fixed"),
        ({"api_key": KEY, "headers": {"bad name": "a"}}, "cannot be fixed"),
        ({"api_key": KEY, "headers": {"Host": "a"}}, "cannot be fixed"),
    ],
)
def test_what_cannot_work_is_refused_at_load(more: dict[str, object], words: str) -> None:
    """Each mistake has words that say what is missing or wrong."""
    with pytest.raises(ValidationError, match=words):
        provider(**more)


def test_regions_name_addresses() -> None:
    """Bedrock and Vertex are found by their region; what is configured wins."""
    bedrock = {"kind": "bedrock", "dialect": "anthropic", "region": "eu-central-1", "api_key": KEY, "base_url": ""}
    assert address_of(provider(**bedrock)) == "https://bedrock-runtime.eu-central-1.amazonaws.com"
    vertex = {
        "kind": "vertex",
        "dialect": "gemini",
        "region": "global",
        "project": "a",
        "api_key": KEY,
        "base_url": "",
    }
    assert address_of(provider(**vertex)) == "https://aiplatform.googleapis.com"
    assert (
        address_of(provider(**{**bedrock, "base_url": "https://vpce.example.com"})) == "https://vpce.example.com"
    )


def test_keys_go_where_the_kind_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Azure's own field, a field that is named, and nowhere at all for a server without keys."""
    monkeypatch.setenv("SOME_KEY", "k")
    rows = (
        provider(name="a", kind="azure", api_key=KEY),
        provider(name="b", header="Authorization: Token {credential}", api_key=KEY),
        provider(name="c", hosting="self", base_url="http://llm.example.com/v1", models=("llama",)),
        provider(name="d", api_key=KEY),
    )
    found = [one.credential(None) for one in providers_of(Settings(provider=rows))]
    assert [(one.header, one.prefix) if one else None for one in found] == [
        ("api-key", ""), ("authorization", "Token "), None, ("authorization", "Bearer "),
    ]  # fmt: skip
    own = providers_of(Settings(provider=rows))[2]
    assert (own.is_keyless, own.models, own.endpoint.keyless) == (True, ("llama",), True)


def test_manners_are_made_for_those_that_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain provider has none; two of one name could not be told apart."""
    monkeypatch.setenv("SOME_KEY", "k")
    azure = provider(name="a", kind="azure", api_key=KEY)
    settings = Settings(provider=(azure, provider(name="b", api_key=KEY)))
    assert list(manners_of(settings, references_of(settings), lambda _request, _key: {})) == ["a"]
    twice = Settings(provider=(azure, azure))
    with pytest.raises(ConfigError, match="two providers"):
        manners_of(twice, references_of(twice), lambda _request, _key: {})
