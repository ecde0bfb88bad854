"""A real issuer on loopback: metadata and keys over HTTP, with what a test says about them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from firewall.gates.edge.server import Listener, serving
from tests.support import signing
from tests.support.signing import Signer, claims, rsa_signer, token


@dataclass(slots=True)
class Issuing:
    """An issuer that is served."""

    base: str = ""
    signers: list[Signer] = field(default_factory=lambda: [rsa_signer()])
    asked: list[str] = field(default_factory=list)
    """Paths, in order."""
    is_away: bool = False

    @property
    def issuer(self) -> str:
        """Its identifier."""
        return f"{self.base}/acme"

    def token(
        self, resource: str, *, signer: Signer | None = None, now_s: int = signing.NOW_S, **more: object
    ) -> str:
        """Issue a token for a resource."""
        plain: dict[str, object] = {"iss": self.issuer, "aud": resource, "iat": now_s, "exp": now_s + 600}
        return token(signer or self.signers[0], claims(**(plain | more)))

    async def metadata(self, request: Request) -> Response:
        """Say where the keys are."""
        self.asked.append(request.url.path)
        said = {"issuer": self.issuer, "jwks_uri": f"{self.base}/acme/keys"}
        return Response(status_code=500) if self.is_away else JSONResponse(said)

    async def keys(self, request: Request) -> Response:
        """Publish the keys."""
        self.asked.append(request.url.path)
        return Response(signing.keys(*self.signers), 500 if self.is_away else 200)


@asynccontextmanager
async def issuing() -> AsyncIterator[Issuing]:
    """Serve an issuer."""
    made = Issuing()
    app = Starlette(
        routes=[
            Route("/.well-known/openid-configuration/acme", made.metadata),
            Route("/acme/keys", made.keys),
        ]
    )
    async with serving([Listener(app, "127.0.0.1", 0)], drain_s=1) as served:
        made.base = f"http://127.0.0.1:{served.ports[0]}"
        yield made
