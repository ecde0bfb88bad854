"""Providers as configured, or as found from the keys in the environment."""

import os

from firewall.core.dialect import Dialect
from firewall.references import reader_of
from firewall.routing.port import Endpoint, Timeouts, is_private_by_configuration
from firewall.routing.providers import Provider
from firewall.settings.providers import Provider as ProviderSettings
from firewall.settings.settings import Settings
from firewall.settings.values import SecretRef

FROM_ENVIRONMENT = (
    ("ANTHROPIC_API_KEY", "anthropic", Dialect.ANTHROPIC, "https://api.anthropic.com"),
    ("OPENAI_API_KEY", "openai", Dialect.OPENAI_RESPONSES, "https://api.openai.com/v1"),
    ("GEMINI_API_KEY", "gemini", Dialect.GEMINI, "https://generativelanguage.googleapis.com"),
)
"""Where providers are found when the configuration names none."""


def providers_of(settings: Settings) -> list[Provider]:
    """Return the configured providers; with none, those whose keys are in the environment.

    Raises: ConfigError for an address or a secret that cannot be used.
    """
    if settings.provider:
        return [_provider(one) for one in settings.provider]
    return [
        _provider(ProviderSettings(name=name, dialect=dialect, base_url=url, api_key=SecretRef(env=variable)))
        for variable, name, dialect, url in FROM_ENVIRONMENT
        if os.environ.get(variable)
    ]


def _provider(one: ProviderSettings) -> Provider:
    endpoint = Endpoint(
        name=one.name,
        base_url=one.base_url,
        private=is_private_by_configuration(one.base_url, one.hosting),
        timeouts=Timeouts(first_byte_s=one.first_token_timeout_s, total_s=one.timeout_s),
    )
    key = None if one.api_key == "client" else reader_of(one.api_key, f"provider `{one.name}`")
    return Provider(one.name, one.dialect, endpoint, key)
