"""`[oidc]`: approvers sign in with the company's OpenID provider (docs/signing-in.md)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from firewall.settings.oauth import Algorithm, Word, checked_address
from firewall.settings.values import SecretRef, Section


class OpenIdProvider(Section):
    """The one provider; who may do what here is said by `[[approver]]` alone."""

    issuer: str
    """Its identifier, exactly as `iss` writes it; the rest is discovered (OpenID Connect Discovery)."""
    client_id: Word
    """Who we are there. Its redirect address is `server.public_url` and `/console/oidc/back`."""
    client_secret: SecretRef | None = None
    """From a variable, a file or a command; none: a public client, which PKCE protects."""
    name: Annotated[str, Field(min_length=1, max_length=40)] = "your company"
    """What the button calls it."""
    scopes: tuple[Word, ...] = ("openid", "email")
    """What is asked for; `email` is needed where approvers are known by their address."""
    algorithms: tuple[Algorithm, ...] = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")
    """How it may sign."""
    hosting: Literal["saas", "vpc", "self"] = "saas"
    """`vpc` and `self` may lie at private addresses."""

    @model_validator(mode="after")
    def _plain(self) -> Self:
        checked_address(self.issuer, "issuer", path=True)
        if "openid" not in self.scopes:
            raise ValueError("`scopes` must hold `openid`")
        if self.client_secret is not None and self.client_secret.vault:
            raise ValueError("`client_secret` comes from a variable, a file or a command, not from the vault")
        return self
