"""A push service as a real TLS server on loopback: it refuses what RFC 8030, 8188 and 8292 let it refuse."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from firewall.core.ports import Clock
from tests.support.approving import StillClock
from tests.support.certificates import certificate
from tests.support.push_browser import PushBrowser, b64, unb64

_DAY_S = 24 * 3600


@dataclass(frozen=True)
class Pushed:
    """One message that it took."""

    text: bytes
    length: int
    ttl: int
    urgency: str
    topic: str
    subject: str


@dataclass
class PushService:
    """What it knows of browsers, and what it took for them."""

    clock: Clock = field(default_factory=StillClock)
    application_key: str = ""
    """Under which the browsers subscribed: a token of another key is refused."""
    origin: str = ""
    authority: Path = Path()
    browsers: dict[str, PushBrowser] = field(default_factory=dict)
    first: list[Response] = field(default_factory=list)
    """Answers that a test wants before any other."""
    broken: dict[str, int] = field(default_factory=dict)
    """Statuses that browsers of these tokens get."""
    taken: dict[str, list[Pushed]] = field(default_factory=dict)
    answers: asyncio.Event | None = None
    """It answers nobody before this is set."""
    tries: int = 0
    complaints: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        """Return its host and port, as a list of hosts names it."""
        return self.origin.removeprefix("https://")

    def subscribed(self) -> PushBrowser:
        """Return a new browser of this service."""
        made = PushBrowser()
        self.browsers[made.token] = made
        return made

    def of(self, browser: PushBrowser) -> list[Pushed]:
        """Return what it took for a browser."""
        return self.taken.get(browser.token, [])

    async def push(self, request: Request) -> Response:
        """Take a message, or refuse it."""
        self.tries += 1
        if self.answers is not None:
            await self.answers.wait()
        if self.first:
            return self.first.pop(0)
        token = request.path_params["token"]
        browser = self.browsers.get(token)
        if browser is None:
            return PlainTextResponse("no such subscription", 410)
        if token in self.broken:
            return PlainTextResponse("refused", self.broken[token])
        try:
            subject = self._known(request.headers["authorization"])
            found = self._read(request, await request.body(), browser, subject)
        except (KeyError, ValueError, JoseError) as error:
            self.complaints.append(repr(error))
            return PlainTextResponse(str(error), 403)
        self.taken.setdefault(token, []).append(found)
        return Response(status_code=201)

    def _known(self, authorization: str) -> str:
        scheme, _, rest = authorization.partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        if scheme != "vapid" or parts["k"] != self.application_key:
            raise ValueError("another application server")
        raw = unb64(parts["k"])
        key = ECKey.import_key({"kty": "EC", "crv": "P-256", "x": b64(raw[1:33]), "y": b64(raw[33:])})
        claims = jwt.decode(parts["t"], key, algorithms=["ES256"]).claims
        left_s = claims["exp"] - self.clock.now_us() // 1_000_000
        if claims["aud"] != self.origin or not 0 < left_s <= _DAY_S:
            raise ValueError("a token for another service or another day")
        return str(claims.get("sub", ""))

    def _read(self, request: Request, body: bytes, browser: PushBrowser, subject: str) -> Pushed:
        headers = request.headers
        if headers["content-encoding"] != "aes128gcm" or len(body) > 4096:
            raise ValueError("no message of RFC 8291")
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", headers["topic"]):
            raise ValueError("no topic of RFC 8030")
        if headers["urgency"] not in {"very-low", "low", "normal", "high"}:
            raise ValueError("no urgency of RFC 8030")
        return Pushed(
            text=browser.read(body),
            length=len(body),
            ttl=int(headers["ttl"]),
            urgency=headers["urgency"],
            topic=headers["topic"],
            subject=subject,
        )


@asynccontextmanager
async def push_service(folder: Path) -> AsyncIterator[PushService]:
    """Serve a push service with a certificate of its own; a test says whose clock and key it goes by."""
    pem = certificate(folder, "localhost")
    service = PushService(authority=pem)
    app = Starlette(routes=[Route("/push/{token}", service.push, methods=["POST"])])
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    service.origin = f"https://127.0.0.1:{bound.getsockname()[1]}"
    config = uvicorn.Config(app, log_level="error", lifespan="off", ssl_certfile=pem, ssl_keyfile=pem)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        while not server.started:
            await asyncio.sleep(0.005)
            if task.done():
                task.result()
        yield service
    finally:
        server.should_exit = True
        await task
        bound.close()
