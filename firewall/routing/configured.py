"""Providers as configured, or as found from the keys in the environment."""

import os
from collections.abc import Mapping

from firewall.core.dialect import Dialect
from firewall.core.errors import ConfigError
from firewall.references import References, references_of
from firewall.routing.kinds import vertex
from firewall.routing.kinds.azure import Azure
from firewall.routing.kinds.bedrock import Bedrock
from firewall.routing.kinds.extra import WithFields
from firewall.routing.kinds.interface import Manner, Sign
from firewall.routing.kinds.service_account import ServiceAccounts
from firewall.routing.kinds.vertex import Vertex
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


_HEADERS = {"azure": "api-key: {credential}"}
"""Where a kind's key goes, if not where its dialect's does."""


def address_of(one: ProviderSettings) -> str:
    """Return where a provider is: as configured, or by its kind and region."""
    if one.base_url:
        return one.base_url
    if one.kind == "bedrock":
        return f"https://bedrock-runtime.{one.region}.amazonaws.com"
    return vertex.base_url_of(one.region)


def manners_of(settings: Settings, references: References, sign: Sign) -> Mapping[str, Manner]:
    """Return the manners of those configured providers that have one, by name.

    Raises: ConfigError when two providers share a name, or a secret cannot be read.
    """
    names = [one.name for one in settings.provider]
    accounts = ServiceAccounts()
    found: dict[str, Manner] = {}
    for one in settings.provider:
        manner = _manner(one, references, sign, accounts)
        if manner is not None and names.count(one.name) > 1:
            raise ConfigError(f"two providers are named `{one.name}`")
        if manner is not None:
            found[one.name] = manner
    return found


def _manner(one: ProviderSettings, references: References, sign: Sign, accounts: ServiceAccounts) -> Manner | None:
    found: Manner | None = None
    if one.kind == "azure":
        found = Azure(one.api_version)
    elif isinstance(one.api_key, SecretRef) and one.kind != "plain":
        key = references.reader(one.api_key, f"provider `{one.name}`", Purpose.PROVIDER)
        if one.kind == "bedrock":
            found = Bedrock(one.dialect, one.region, key, sign)
        else:
            found = Vertex(one.dialect, one.project, one.region, key, accounts)
    if one.headers:
        fixed = [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in one.headers.items()]
        found = WithFields(fixed, found)
    return found


def _provider(one: ProviderSettings, secrets: References) -> Provider:
    base_url = address_of(one)
    endpoint = Endpoint(
        name=one.name,
        base_url=base_url,
        private=is_private_by_configuration(base_url, one.hosting),
        keyless=one.api_key is None,
        timeouts=Timeouts(
            connect_s=one.connect_timeout_s,
            first_byte_s=one.first_token_timeout_s,
            idle_s=one.idle_timeout_s,
            total_s=one.timeout_s,
        ),
    )
    ref, what = one.api_key, f"provider `{one.name}`"
    key = None if ref is None or ref == "client" else secrets.reader(ref, what, Purpose.PROVIDER)
    header, _, value = (one.header or _HEADERS.get(one.kind, "")).partition(":")
    return Provider(
        one.name,
        one.dialect,
        endpoint,
        key,
        care=one.care,
        region=one.region,
        hosting=one.hosting,
        seller=one.prices,
        counts=one.kind != "bedrock",
        counts_streams=one.stream_usage,
        marks_cache=one.cache_marks,
        header=header.strip().lower(),
        prefix=value.strip().removesuffix("{credential}"),
        is_keyless=ref is None,
        models=one.models,
    )
