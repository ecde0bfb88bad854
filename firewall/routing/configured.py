"""Providers as configured, or as found from the keys in the environment."""

import os

from firewall.core.dialect import Dialect
from firewall.references import References, references_of
from firewall.routing.port import Endpoint, Timeouts, is_private_by_configuration
from firewall.routing.providers import Provider
from firewall.settings.providers import Provider as ProviderSettings
from firewall.settings.settings import Settings
from firewall.settings.values import SecretRef
from firewall.tokens.vault.sealing import Purpose

FROM_ENVIRONMENT = (
    ("ANTHROPIC_API_KEY", "anthropic", Dialect.ANTHROPIC, "https://api.anthropic.com"),
    ("OPENAI_API_KEY", "openai", Dialect.OPENAI_RESPONSES, "https://api.openai.com/v1"),
    ("GEMINI_API_KEY", "gemini", Dialect.GEMINI, "https://generativelanguage.googleapis.com"),
)
"""Where providers are found when the configuration names none."""


def providers_of(settings: Settings, references: References | None = None) -> list[Provider]:
    """Return the configured providers; with none, those whose keys are in the environment.

    `references`: what reads their secrets; none: of these settings.

    Raises: ConfigError for an address or a secret that cannot be used.
    """
    secrets = references or references_of(settings)
    if settings.provider:
        return [_provider(one, secrets) for one in settings.provider]
    return [
        _provider(
            ProviderSettings(name=name, dialect=dialect, base_url=url, api_key=SecretRef(env=variable)), secrets
        )
        for variable, name, dialect, url in FROM_ENVIRONMENT
        if os.environ.get(variable)
    ]


def described(settings: Settings) -> list[Provider]:
    """Return the providers of a configuration without their keys, for commands that ask nobody anything.

    With none at all the scripted provider's names, as `stayhand serve` would serve them.

    Raises: ConfigError for an address that cannot be used.
    """
    secrets = references_of(settings)
    listed = list(settings.provider) or [
        ProviderSettings(name=name, dialect=dialect, base_url=url, api_key="client")
        for variable, name, dialect, url in FROM_ENVIRONMENT
        if os.environ.get(variable)
    ]
    scripted = [
        ProviderSettings(name="scripted", dialect=dialect, base_url="http://127.0.0.1", api_key="client")
        for dialect in (Dialect.ANTHROPIC, Dialect.OPENAI_RESPONSES, Dialect.GEMINI)
    ]
    return [_provider(one.model_copy(update={"api_key": "client"}), secrets) for one in listed or scripted]


def _provider(one: ProviderSettings, secrets: References) -> Provider:
    endpoint = Endpoint(
        name=one.name,
        base_url=one.base_url,
        private=is_private_by_configuration(one.base_url, one.hosting),
        timeouts=Timeouts(
            connect_s=one.connect_timeout_s,
            first_byte_s=one.first_token_timeout_s,
            idle_s=one.idle_timeout_s,
            total_s=one.timeout_s,
        ),
    )
    ref, what = one.api_key, f"provider `{one.name}`"
    key = None if ref == "client" else secrets.reader(ref, what, Purpose.PROVIDER)
    return Provider(
        one.name,
        one.dialect,
        endpoint,
        key,
        care=one.care,
        region=one.region,
        hosting=one.hosting,
        seller=one.prices,
        counts_streams=one.stream_usage,
    )
