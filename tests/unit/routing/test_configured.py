"""Providers from the configuration or the environment, and whose credential goes to whom."""

import pytest

from firewall.core.dialect import Dialect
from firewall.core.errors import ConfigError
from firewall.core.secret import Secret
from firewall.routing.configured import providers_of
from firewall.routing.providers import NoProviderError, OwnLogin, Providers
from firewall.settings.providers import Provider
from firewall.settings.settings import Settings
from firewall.settings.values import SecretRef


def test_keys_in_the_environment_are_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    """With no section, each known key brings its provider."""
    for name in ("ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    found = Providers(providers_of(Settings()))
    assert [provider.name for provider in found] == ["openai"]
    assert found.pick(Dialect.OPENAI_CHAT) is found.pick(Dialect.OPENAI_RESPONSES)
    with pytest.raises(NoProviderError):
        found.pick(Dialect.ANTHROPIC)


def test_our_key_goes_and_the_clients_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider with a key of ours never sees the agent's own login."""
    monkeypatch.setenv("KEY", "sk-ours")
    settings = Settings(provider=(_provider(SecretRef(env="KEY")),))
    credential = providers_of(settings)[0].credential(OwnLogin("authorization", Secret("theirs"), "Bearer "))
    assert credential is not None
    assert (credential.header, credential.secret.reveal(), credential.of_client) == ("x-api-key", "sk-ours", False)


def test_own_login_passes_only_where_configured() -> None:
    """`client`: the agent's own login, or nothing at all."""
    provider = providers_of(Settings(provider=(_provider("client"),)))[0]
    assert provider.credential(None) is None
    credential = provider.credential(OwnLogin("authorization", Secret("theirs"), "Bearer "))
    assert credential is not None
    assert credential.of_client


def test_missing_secret_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process does not start with a provider that it cannot speak to."""
    monkeypatch.delenv("KEY", raising=False)
    with pytest.raises(ConfigError, match="secret of provider `x`"):
        providers_of(Settings(provider=(_provider(SecretRef(env="KEY")),)))


def _provider(key: SecretRef | str) -> Provider:
    return Provider.model_validate(
        {"name": "x", "dialect": "anthropic", "base_url": "https://api.example.com", "api_key": key}
    )
