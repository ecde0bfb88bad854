"""OAuth (docs/mcp.md): whose access tokens open the MCP gate, and how we get tokens for MCP servers."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from firewall.core.grant import Verb
from firewall.settings.values import SecretRef, Section

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"
]
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
Word = Annotated[str, Field(min_length=1, max_length=128)]


class OAuth(Section):
    """What this firewall is called where others issue tokens for it (RFC 9728)."""

    resource: str = ""
    """The address by which agents reach us, without a path: `https://agents.example.com`. Tokens must be issued
    for `…/mcp/NAME`, or for `…/mcp`, which means every server. Needed with `[[oauth_issuer]]`."""

    @model_validator(mode="after")
    def _plain(self) -> Self:
        if self.resource:
            checked_address(self.resource, "resource", path=False)
        return self


class OAuthGrant(Section):
    """One kind of people or machines of an issuer, and the one grant that they have here."""

    scopes: tuple[Annotated[str, Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]+$")], ...] = ()
    """Scopes that the token must have, all of them."""
    claims: dict[str, str | bool | tuple[str, ...]] = {}  # noqa: RUF012 - pydantic copies it
    """Claims that it must have: the value, or one of several; of a claim that is a list, one must fit."""
    subjects: tuple[Word, ...] = ()
    """Subjects that are meant; none: every subject of the issuer that the rest fits."""
    clients: tuple[Word, ...] = ()
    """Ids of the clients that are meant; none: every client of the issuer."""
    owner: str = ""
    """The person who answers for the agent, by the name that approvers sign in with; or `owner_claim`."""
    owner_claim: str = ""
    """The claim that names that person. What equals an approver's `email` means that approver, so that nobody
    decides about an agent of their own under two names."""
    agent: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    """The agent's name; with the owner it is the principal."""
    environment: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$")]
    """The one environment that it may reach."""
    role: Word = "coding-agent"
    """The role in policies."""
    verbs: tuple[Verb, ...] = tuple(Verb)
    """What it may do."""
    tools: tuple[Word, ...] = ("mcp__*",)
    """Globs of tools."""
    resources: tuple[Word, ...] = ("*",)
    """Globs of resources."""
    max_requests_per_minute: int = Field(default=600, ge=0)
    """Of one subject as this agent; 0: not limited."""
    destructive_per_hour: int = Field(default=10, ge=0)
    """Destructive actions; 0: not limited."""

    @model_validator(mode="after")
    def _answers(self) -> Self:
        if bool(self.owner) == bool(self.owner_claim):
            raise ValueError("name an `owner` or an `owner_claim`")
        if not (self.scopes or self.claims or self.subjects or self.clients):
            raise ValueError("name scopes, claims, subjects or clients: not everybody of an issuer is meant")
        return self


class OAuthIssuer(Section):
    """An authorization server whose access tokens (RFC 9068) open the MCP gate."""

    issuer: str
    """Its identifier, exactly as `iss` writes it."""
    jwks_url: str = ""
    """Where its keys are; default: what its metadata says (RFC 8414, OpenID Connect Discovery)."""
    algorithms: tuple[Algorithm, ...] = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")
    """How it may sign; never `none`, never with a shared key."""
    plain_jwt: bool = False
    """It writes `typ` as `JWT`, or not at all, in place of `at+jwt`. Its other tokens may look alike then."""
    other_audiences: tuple[Word, ...] = ()
    """Audiences that may stand beside ours; a token for anything else as well is refused."""
    hosting: Literal["saas", "vpc", "self"] = "saas"
    """`vpc` and `self` may lie at private addresses."""
    grant: Annotated[tuple[OAuthGrant, ...], Field(min_length=1)]
    """In this order; the first that fits a token, and may see the server that is asked for, is its grant."""

    @model_validator(mode="after")
    def _plain(self) -> Self:
        checked_address(self.issuer, "issuer", path=True)
        if self.jwks_url:
            checked_address(self.jwks_url, "jwks_url", path=True, query=True)
        return self


class McpOAuth(Section):
    """How we get tokens of a server's authorization server; they are kept in the vault."""

    flow: Literal["login", "machine"] = "login"
    """`login`: a person logs in once (`stayhand mcp login NAME`); `machine`: we do, as a client with a secret."""
    issuer: str = ""
    """The authorization server, exactly; default: the only one that the server names."""
    client_id: str = ""
    """Who we are there: an id that it gave us, or the https address of our client metadata document. Default: we
    register ourselves, where it lets us."""
    client_secret: SecretRef | None = None
    """Of that id."""
    scopes: tuple[str, ...] = ()
    """What is asked for; default: what the server says."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.issuer:
            checked_address(self.issuer, "issuer", path=True)
        if self.client_secret is not None and not self.client_id:
            raise ValueError("a `client_secret` needs its `client_id`")
        if self.flow == "machine" and not (self.client_id and self.client_secret):
            raise ValueError("a machine needs `client_id` and `client_secret`")
        return self


def checked_address(url: str, what: str, *, path: bool, query: bool = False) -> None:
    """Refuse what is no plain https address; http is for loopback alone. Raises: ValueError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"`{what}` cannot be read") from error
    is_plain = bool(parts.hostname) and port != 0 and not parts.username and not parts.password
    odd = (parts.query and not query) or parts.fragment or (parts.path and not path) or not url.isascii()
    if not is_plain or odd or any(sign in url for sign in "@\\ "):
        raise ValueError(f"`{what}` must be a plain https address{'' if path else ' without a path'}")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError(f"`{what}` must be https, or http on loopback")
