"""A real OpenID provider on loopback: discovery, authorization code with PKCE, ID tokens, keys.

It checks what a provider must check (OpenID Connect Core 3.1, RFC 7636) and a test changes what it says.
"""

import base64
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from firewall.console.proving.openid import OpenId, Provider
from firewall.core.secret import Secret
from firewall.gates.edge.server import Listener, serving
from firewall.routing.documents import Documents, Ground
from firewall.routing.upstream import HttpUpstream
from tests.support import signing
from tests.support.approving import StillClock
from tests.support.signing import Signer, rsa_signer

CLIENT, SECRET = "stayhand", "the secret of a client: 7"


@dataclass(slots=True)
class Provided:
    """The provider."""

    clock: StillClock
    base: str = ""
    subject: str = "248289761001"
    email: str = "alice@example.com"
    is_verified: bool = True
    signer: Signer = field(default_factory=rsa_signer)
    claims: dict[str, object] = field(default_factory=dict)
    """Changes of what an ID token says; None takes a claim away."""
    header: dict[str, object] = field(default_factory=dict)
    forge: Callable[[dict[str, object]], str] | None = None
    """Signs ID tokens in place of the provider's key."""
    metadata: dict[str, object] = field(default_factory=dict)
    back: dict[str, str] = field(default_factory=dict)
    """Changes of what goes back with the browser; empty takes a member away."""
    refuses: int = 0
    is_silent: bool = False
    """No ID token is given."""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    """Forms of token requests."""

    @property
    def issuer(self) -> str:
        """Its identifier."""
        return f"{self.base}/acme"

    def openid(self, public: str, upstream: HttpUpstream, **changes: object) -> OpenId:
        """Return our side of it."""
        plain: dict[str, object] = {
            "issuer": self.issuer,
            "client_id": CLIENT,
            "secret": lambda: Secret(SECRET),
            "scopes": ("openid", "email"),
            "algorithms": frozenset({"RS256", "ES256"}),
            "ground": Ground(private=True, loopback=True),
            "name": "Acme",
        }
        return OpenId(
            Provider(**(plain | changes)),  # type: ignore[arg-type]  # tests name the fields
            redirect=f"{public}/console/oidc/back",
            documents=Documents(upstream),
            clock=self.clock,
            now=lambda: self.clock.now / 1e6,
        )

    async def describe(self, _: Request) -> Response:
        """OpenID Connect Discovery 1.0."""
        said = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.base}/authorize",
            "token_endpoint": f"{self.base}/token",
            "jwks_uri": f"{self.base}/keys",
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "authorization_response_iss_parameter_supported": True,
        } | self.metadata
        return JSONResponse({name: value for name, value in said.items() if value is not None})

    async def keys(self, _: Request) -> Response:
        """RFC 7517."""
        return Response(signing.keys(self.signer), media_type="application/json")

    async def authorize(self, request: Request) -> Response:
        """Somebody agrees at once."""
        asked = dict(request.query_params)
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        assert asked["client_id"] == CLIENT
        assert "openid" in asked["scope"].split()
        assert asked["nonce"]
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.issuer} | self.back
        said = urlencode({name: value for name, value in back.items() if value})
        return RedirectResponse(f"{asked['redirect_uri']}?{said}", 302)

    async def token(self, request: Request) -> Response:
        """RFC 6749 with PKCE, and an ID token."""
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        self.asked.append(form)
        asked = self.codes.pop(form["code"], {})
        pair = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode().partition(":")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        is_good = (
            (unquote(pair[0]), unquote(pair[2])) == (CLIENT, SECRET)
            and asked.get("redirect_uri") == form["redirect_uri"]
            and asked.get("code_challenge") == challenge
        )
        if self.refuses or not is_good:
            return JSONResponse({"error": "invalid_grant"}, self.refuses or 400)
        given: dict[str, object] = {"access_token": "opaque", "token_type": "Bearer", "expires_in": 60}
        return JSONResponse(given if self.is_silent else given | {"id_token": self._id_token(asked["nonce"])})

    def _id_token(self, nonce: str) -> str:
        now_s = self.clock.now // 1_000_000
        said: dict[str, object] = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": CLIENT,
            "exp": now_s + 300,
            "iat": now_s,
            "nonce": nonce,
            "email": self.email,
            "email_verified": self.is_verified,
        } | self.claims
        plain = {name: value for name, value in said.items() if value is not None}
        if self.forge is not None:
            return self.forge(plain)
        return signing.token(self.signer, plain, **({"typ": "JWT"} | self.header))


@asynccontextmanager
async def provided(clock: StillClock) -> AsyncIterator[Provided]:
    """Serve a provider."""
    made = Provided(clock)
    app = Starlette(
        routes=[
            Route("/acme/.well-known/openid-configuration", made.describe),
            Route("/authorize", made.authorize),
            Route("/token", made.token, methods=["POST"]),
            Route("/keys", made.keys),
        ]
    )
    async with serving([Listener(app, "127.0.0.1", 0)], drain_s=1) as served:
        made.base = f"http://127.0.0.1:{served.ports[0]}"
        yield made
