"""What is kept of a login at an MCP server: one credential of the vault, JSON, for this purpose alone."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from firewall.core.errors import ConfigError, UpstreamError, UpstreamFault
from firewall.core.secret import Secret
from firewall.routing.issuing import client_proof
from firewall.routing.port import Credential
from firewall.tokens.vault.errors import VaultError, Wrong
from firewall.tokens.vault.sealing import Purpose
from firewall.tokens.vault.store import Vault

_TEXTS = ("issuer", "resource", "token_endpoint", "client_id", "authentication")
_SECRETS = ("client_secret", "access", "refresh")


@dataclass(frozen=True, slots=True)
class Held:
    """Tokens of one server, and what it takes to renew them."""

    issuer: str
    resource: str
    token_endpoint: str
    client_id: str
    authentication: str
    """`none`, `client_secret_basic` or `client_secret_post`."""
    client_secret: Secret
    access: Secret
    refresh: Secret
    renew_s: int = 0
    """From when on it is renewed, in unix seconds; 0: when the server refuses it."""
    expires_s: int = 0
    """When it ends; 0: nobody said."""
    registered_for: str = ""
    """The redirect address with which we registered this client ourselves; empty: it was given to us."""

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """All that must not leak."""
        return tuple(one for one in (self.access, self.refresh, self.client_secret) if one)

    def dump(self) -> Secret:
        """Write it for the vault."""
        row: dict[str, object] = {name: getattr(self, name) for name in _TEXTS}
        row |= {name: getattr(self, name).reveal() for name in _SECRETS}
        times = {"renew_s": self.renew_s, "expires_s": self.expires_s}
        return Secret(orjson.dumps({**row, **times, "registered_for": self.registered_for}).decode())


def parse(text: Secret, server: str) -> Held:
    """Read what was kept. Raises: ConfigError, without the text."""
    try:
        row = orjson.loads(text.reveal())
        return Held(
            issuer=_text(row, "issuer"),
            resource=_text(row, "resource"),
            token_endpoint=_text(row, "token_endpoint"),
            client_id=_text(row, "client_id"),
            authentication=_text(row, "authentication"),
            client_secret=Secret(_text(row, "client_secret")),
            access=Secret(_text(row, "access")),
            refresh=Secret(_text(row, "refresh")),
            renew_s=int(row["renew_s"]),
            expires_s=int(row["expires_s"]),
            registered_for=_text({"registered_for": "", **row}, "registered_for"),  # earlier versions wrote none
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(
            f"the login at the MCP server `{server}` cannot be read", hint=f"stayhand mcp login {server}"
        ) from None


class Shelf:
    """Reads logins out of the vault; a version of one is parsed once."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._known: dict[str, tuple[Secret, Held]] = {}

    def read(self, server: str) -> Held | None:
        """Return what is kept of a server, None where nobody is logged in. Raises: ConfigError."""
        try:
            secret = self._vault.secret(vault_name(server), Purpose.OAUTH)
        except VaultError as error:
            if error.wrong is Wrong.MISSING:
                return None
            raise
        known = self._known.get(server)
        if known is None or known[0] is not secret:
            known = self._known[server] = (secret, parse(secret, server))
        return known[1]


def vault_name(server: str) -> str:
    """Return the name by which the vault knows a server's login."""
    return f"mcp-oauth.{server}"


def proven(held: Held) -> tuple[Credential | None, list[tuple[str, str]]]:
    """Return how we prove ourselves at a token endpoint: a header field, and fields of the form (RFC 6749)."""
    return client_proof(held.client_id, held.client_secret, held.authentication)


def login_needed(server: str, why: str = "") -> UpstreamError:
    """Return the error for a server that nobody is logged in at."""
    return UpstreamError(
        f"the MCP server `{server}` needs a login of ours: somebody must run `stayhand mcp login {server}`",
        fault=UpstreamFault.REJECTED,
        code="upstream_login_needed",
        detail=why,
    )


def scopes_needed(server: str) -> UpstreamError:
    """Return the error for a server that wants more than our login permits; which scopes, the log says."""
    return UpstreamError(
        f"the MCP server `{server}` wants more than our login there permits: the operator's log says what",
        fault=UpstreamFault.REJECTED,
        code="upstream_scope_needed",
    )


def _text(row: Mapping[str, object], name: str) -> str:
    found = row[name]
    if not isinstance(found, str):
        raise TypeError
    return found
