"""Signing in at the configured OpenID provider, put together."""

import time

from firewall.console.proving.oidc_pages import BACK
from firewall.console.proving.openid import OpenId, Provider
from firewall.core.errors import ConfigError
from firewall.core.ports import Timer
from firewall.core.secret import Secret
from firewall.references import reader_of
from firewall.routing.documents import Documents, ground_of
from firewall.routing.port import Upstream
from firewall.settings.settings import Settings


def openid_of(settings: Settings, clock: Timer, upstream: Upstream) -> OpenId | None:
    """Return the sign-in at the provider, None where none is configured; it is asked when somebody comes.

    Raises: ConfigError for an address or a secret that cannot be used.
    """
    one = settings.oidc
    if one is None:
        return None
    public = settings.server.public_url.rstrip("/")
    if not public.isascii():
        raise ConfigError("`server.public_url` must be ASCII for an OpenID provider to send browsers back to")
    secret = reader_of(one.client_secret, "the OpenID provider") if one.client_secret else lambda: Secret("")
    provider = Provider(
        issuer=one.issuer,
        client_id=one.client_id,
        secret=secret,
        scopes=one.scopes,
        algorithms=frozenset(one.algorithms),
        ground=ground_of(one.issuer, one.hosting),
        name=one.name,
    )
    return OpenId(
        provider,
        redirect=f"{public}{BACK}",
        documents=Documents(upstream),
        clock=clock,
        now=time.monotonic,
    )
