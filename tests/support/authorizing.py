"""A real MCP server that wants tokens, and the authorization server that gives them, on one loopback address.

It checks what servers must check (RFC 6749, 7636, 8707, 9728) and remembers what it was asked; a test changes its
metadata, its answers, or holds them back.
"""

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from firewall.gates.edge.server import Listener, serving
from tests.support import signing
from tests.support.signing import Signer

SECRET = "the secret of a client: 7"


@dataclass(slots=True)
class Authorizing:
    """Both servers."""

    base: str = ""
    changes: dict[str, object] = field(default_factory=dict)
    """Of the authorization server's metadata; None takes a member away."""
    resource_changes: dict[str, object] = field(default_factory=dict)
    answer_changes: dict[str, str] = field(default_factory=dict)
    """Of what goes back with the browser; empty takes a member away."""
    signer: Signer | None = None
    """Access tokens are signed (RFC 9068), for whatever resource is asked for; None: they are opaque."""
    life_s: int = 3600
    gives_refresh: bool = True
    refuses: int = 0
    """The status of the token endpoint; 0: it works."""
    held: asyncio.Event = field(default_factory=asyncio.Event)
    """Unset: token requests wait."""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """(grant type, form) of token requests, in order."""
    good: set[str] = field(default_factory=set)
    """Access tokens that the MCP server takes."""
    refreshes: dict[str, str] = field(default_factory=dict)
    """Refresh tokens that are good, and whose."""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    """Authorization fields that the MCP server saw."""
    wants: str = ""
    """Scopes that the MCP server says a good token lacks, where tools are listed; empty: none."""
    paths: list[str] = field(default_factory=list)
    registrations: list[list[str]] = field(default_factory=list)
    """The redirect addresses of each client that was registered."""

    def __post_init__(self) -> None:
        """Hold nothing back."""
        self.held.set()

    @property
    def issuer(self) -> str:
        """The identifier of the authorization server."""
        return f"{self.base}/as"

    @property
    def url(self) -> str:
        """The address of the MCP server."""
        return f"{self.base}/mcp"

    async def resource(self, request: Request) -> Response:
        """RFC 9728."""
        self.paths.append(request.url.path)
        said = {"resource": self.url, "authorization_servers": [self.issuer], "scopes_supported": ["read"]}
        return JSONResponse(_changed(said, self.resource_changes))

    async def metadata(self, request: Request) -> Response:
        """RFC 8414."""
        self.paths.append(request.url.path)
        said: dict[str, object] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.base}/authorize",
            "token_endpoint": f"{self.base}/token",
            "registration_endpoint": f"{self.base}/register",
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "scopes_supported": ["read", "offline_access"],
            "jwks_uri": f"{self.base}/keys",
        }
        return JSONResponse(_changed(said, self.changes))

    async def keys(self, _: Request) -> Response:
        """RFC 7517."""
        return Response(signing.keys(*([self.signer] if self.signer else [])), media_type="application/json")

    async def register(self, request: Request) -> Response:
        """RFC 7591."""
        about = await request.json()
        assert about["application_type"] == "native"
        self.registrations.append(about["redirect_uris"])
        return JSONResponse({**about, "client_id": "registered"}, 201)

    async def authorize(self, request: Request) -> Response:
        """Somebody agrees at once."""
        asked = dict(request.query_params)
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.issuer} | self.answer_changes
        said = urlencode({name: value for name, value in back.items() if value})
        return RedirectResponse(f"{asked['redirect_uri']}?{said}", 302)

    async def token(self, request: Request) -> Response:
        """RFC 6749, with PKCE, resource indicators and rotation."""
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        self.asked.append((form["grant_type"], form))
        await self.held.wait()
        if self.refuses:
            return JSONResponse({"error": "invalid_grant"}, self.refuses)
        complaint = self._complaint(form, request.headers.get("authorization", ""))
        if complaint:
            return JSONResponse({"error": "invalid_grant", "error_description": complaint}, 400)
        return JSONResponse(self._given())

    async def serve(self, request: Request) -> Response:
        """Be an MCP server of 2025-11-25 with one tool, for who shows a good token."""
        field_ = request.headers.get("authorization", "")
        self.heard.append(field_)
        if field_.removeprefix("Bearer ") not in self.good:
            where = (
                f'Bearer resource_metadata="{self.base}/.well-known/oauth-protected-resource/mcp", scope="read"'
            )
            return Response(status_code=401, headers={"www-authenticate": where})
        message = json.loads(await request.body())
        if "id" not in message:
            return Response(status_code=202)
        if self.wants and message["method"] == "tools/list":
            where = f'Bearer error="insufficient_scope", scope="{self.wants}"'
            return Response(status_code=403, headers={"www-authenticate": where})
        said = {
            "initialize": {
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "guarded", "version": "1"},
            },
            "tools/list": {"tools": [{"name": "look", "inputSchema": {"type": "object"}}]},
        }.get(message["method"])
        if said is None:
            error = {"code": -32601, "message": "unknown"}
            return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "error": error})
        return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "result": said})

    def _complaint(self, form: dict[str, str], login: str) -> str:
        if form.get("resource") != self.url and self.signer is None:
            return "another resource"
        if form["grant_type"] == "client_credentials":
            pair = base64.b64decode(login.removeprefix("Basic ")).decode().partition(":")
            return "" if (unquote(pair[0]), unquote(pair[2])) == ("machine", SECRET) else "who are you"
        if form["grant_type"] == "refresh_token":
            client = self.refreshes.pop(form["refresh_token"], None)
            return "" if client == form.get("client_id") else "an old refresh token"
        asked = self.codes.pop(form["code"], {})
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        same = all(asked.get(name) == form.get(name) for name in ("client_id", "redirect_uri", "resource"))
        return "" if same and asked.get("code_challenge") == challenge else "no such code"

    def _given(self) -> dict[str, object]:
        access = f"access-{secrets.token_urlsafe(16)}"
        if self.signer is not None:
            said = signing.claims(iss=self.issuer, aud=self.asked[-1][1]["resource"], client_id="registered")
            access = signing.token(self.signer, said)
        self.good.clear()
        self.good.add(access)
        given: dict[str, object] = {"access_token": access, "token_type": "Bearer", "expires_in": self.life_s}
        if self.gives_refresh and self.asked[-1][0] != "client_credentials":
            refresh = f"refresh-{secrets.token_urlsafe(16)}"
            self.refreshes[refresh] = self.asked[-1][1].get("client_id", "")
            given["refresh_token"] = refresh
        return given


@asynccontextmanager
async def authorizing() -> AsyncIterator[Authorizing]:
    """Serve both."""
    made = Authorizing()
    known = "/.well-known"
    app = Starlette(
        routes=[
            Route(f"{known}/oauth-protected-resource/mcp", made.resource),
            Route(f"{known}/oauth-authorization-server/as", made.metadata),
            Route("/authorize", made.authorize),
            Route("/token", made.token, methods=["POST"]),
            Route("/keys", made.keys),
            Route("/register", made.register, methods=["POST"]),
            Route("/mcp", made.serve, methods=["POST", "DELETE"]),
        ]
    )
    async with serving([Listener(app, "127.0.0.1", 0)], drain_s=1) as served:
        made.base = f"http://127.0.0.1:{served.ports[0]}"
        yield made


def _changed(said: dict[str, object], changes: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in (said | changes).items() if value is not None}
