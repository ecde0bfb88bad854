"""Which models there are: what every provider lists or is configured with, and the names that routes answer to.

A provider is asked seldom and never for long; one that does not answer is left out, or listed as last seen.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from firewall.codecs.model_lists import Listed, read
from firewall.core.dialect import Dialect
from firewall.core.errors import FirewallError, UpstreamError, UpstreamFault
from firewall.routing.choosing.table import Rule
from firewall.routing.natives import speaks
from firewall.routing.port import Upstream, UpstreamRequest
from firewall.routing.providers import OwnLogin, Provider

log = logging.getLogger("stayhand.routing")
FRESH_S = 300.0
"""How long a provider's list serves before it is asked anew."""
AGAIN_S = 15.0
"""How long one that failed is left alone: nobody waits for it with each list."""
_PATIENCE_S = 10.0
_MAX_BYTES = 4 << 20
_PAGES = 10
_PATTERN = frozenset("*?")
_FIELDS = {Dialect.ANTHROPIC: ((b"anthropic-version", b"2023-06-01"),)}
_PATHS = {Dialect.ANTHROPIC: "/v1/models", Dialect.GEMINI: "/v1beta/models"}
_PAGE = {Dialect.ANTHROPIC: ("limit=1000", "after_id"), Dialect.GEMINI: ("pageSize=1000", "pageToken")}


@dataclass(slots=True)
class _Kept:
    models: tuple[Listed, ...] | None = None
    """None: it never could be asked."""
    fresh_until: float = 0.0
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


def list_request(provider: Provider, own_login: OwnLogin | None = None, query: str = "") -> UpstreamRequest:
    """Return the request for a provider's list of models.

    Raises: ConfigError when its key cannot be read.
    """
    return UpstreamRequest(
        method="GET",
        path=_PATHS.get(provider.dialect, "/models"),
        query=query,
        fields=_FIELDS.get(provider.dialect, ()),
        credential=provider.credential(own_login),
        streamed=False,
    )


def named_by(rules: Iterable[Rule]) -> tuple[str, ...]:
    """Return the names that routes answer to and that are no patterns, each once, in order."""
    names = (name for rule in rules for name in rule.models if not _PATTERN & set(name))
    return tuple(dict.fromkeys(names))


class Catalogue:
    """All models of an installation; one instance per process."""

    def __init__(
        self,
        *,
        providers: Iterable[Provider],
        upstream: Upstream,
        aliases: Callable[[], Sequence[str]] = tuple,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`aliases`: the names that routes answer to, without patterns."""
        self._providers = tuple(providers)
        self._upstream = upstream
        self._aliases = aliases
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    async def models(self, own_login: OwnLogin | None, dialect: Dialect) -> list[Listed]:
        """Return every model once: routes' names first, then the providers' in order.

        `own_login`: the client's, for providers that are asked with it and speak `dialect`, which is its own.

        Raises: UpstreamError when no provider could be asked and nothing else is known.
        """
        lists = await asyncio.gather(
            *(self._of(one, own_login if speaks(one, dialect) else None) for one in self._providers)
        )
        found = {name: Listed(name, "stayhand") for name in self._aliases()}
        for models in lists:
            for model in models or ():
                found.setdefault(model.name, model)
        if not found and None in lists:
            raise UpstreamError("no provider could be asked for its models", fault=UpstreamFault.UNAVAILABLE)
        return list(found.values())

    async def _of(self, provider: Provider, own_login: OwnLogin | None) -> tuple[Listed, ...] | None:
        """Return a provider's models; None: it could not be asked."""
        if provider.models:
            return tuple(Listed(name, provider.name) for name in provider.models)
        if (
            provider.key is None and not provider.is_keyless
        ):  # with the client's login: nobody else may see what it lists
            return await self._asked(provider, own_login) if own_login is not None else ()
        kept = self._kept.setdefault(provider.name, _Kept())
        async with kept.asking:
            if self._clock() >= kept.fresh_until:
                found = await self._asked(provider, None)
                kept.models = kept.models if found is None else found
                kept.fresh_until = self._clock() + (AGAIN_S if found is None else FRESH_S)
        return kept.models

    async def _asked(self, provider: Provider, own_login: OwnLogin | None) -> tuple[Listed, ...] | None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await self._pages(provider, own_login)
        except (FirewallError, TimeoutError) as error:
            log.info("no list of models from provider=%s: %s", provider.name, type(error).__name__)
            return None

    async def _pages(self, provider: Provider, own_login: OwnLogin | None) -> tuple[Listed, ...]:
        found: list[Listed] = []
        query, cursor = _PAGE.get(provider.dialect, ("", ""))
        after = ""
        for _ in range(_PAGES):
            asked = f"{query}&{cursor}={quote(after, safe='')}" if after else query
            request = list_request(provider, own_login, asked)
            async with await self._upstream.open(provider.endpoint, request) as response:
                if response.status != 200:
                    raise UpstreamError("refused", fault=UpstreamFault.REJECTED)
                page = read(await response.read(_MAX_BYTES), provider.dialect, provider.name)
            found += page.models
            after = page.after
            if not after:
                break
        return tuple(found)
