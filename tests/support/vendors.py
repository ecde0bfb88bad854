"""A vendor of embeddings and pictures on a real socket: it checks what the real ones check, and remembers."""

import asyncio
import email
import email.policy
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

VENDOR_KEY = "sk-vendor-canary-0123456789"
MODELS = ("text-embedding-3-small", "gpt-image-2", "gpt-5.5")


@dataclass(frozen=True, slots=True)
class Sent:
    """One request, as the vendor got it."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    form: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class Vendor:
    """What it was sent, and how it feels."""

    seen: list[Sent] = field(default_factory=list)
    lists: int = 0
    """How often it was asked for its models."""
    is_down: bool = False
    is_asked: threading.Event = field(default_factory=threading.Event)
    """Somebody waits for a picture that is made slowly: until he leaves."""
    is_left: threading.Event = field(default_factory=threading.Event)

    def app(self) -> Starlette:
        """Return the vendor as an ASGI application, OpenAI's places and Gemini's."""
        return Starlette(
            routes=[
                Route("/v1/models", self._models),
                Route("/v1/embeddings", self._embeddings, methods=["POST"]),
                Route("/v1/images/generations", self._pictures, methods=["POST"]),
                Route("/v1/images/edits", self._pictures, methods=["POST"]),
                Route("/v1/models/{rest}", self._gemini, methods=["POST"]),
                Route("/v1beta/models/{rest}", self._gemini, methods=["POST"]),
            ]
        )

    async def _note(self, request: Request) -> Sent:
        body = await request.body()
        sent = Sent(
            request.url.path, dict(request.headers), body, _form(request.headers.get("content-type", ""), body)
        )
        self.seen.append(sent)
        return sent

    def _refusal(self, request: Request) -> Response | None:
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        if (key or request.headers.get("x-goog-api-key")) != VENDOR_KEY:
            return JSONResponse({"error": {"message": "bad key", "code": "invalid_api_key"}}, status_code=401)
        if self.is_down:
            return PlainTextResponse("upstream connect error", status_code=503)
        return None

    async def _models(self, request: Request) -> Response:
        self.lists += 1
        rows = [{"id": name, "object": "model", "created": 1, "owned_by": "vendor"} for name in MODELS]
        return self._refusal(request) or JSONResponse({"object": "list", "data": rows})

    async def _embeddings(self, request: Request) -> Response:
        sent = await self._note(request)
        if refused := self._refusal(request):
            return refused
        value = json.loads(sent.body)
        if value["model"] not in MODELS:
            error = {
                "message": "The model does not exist",
                "type": "invalid_request_error",
                "code": "model_not_found",
            }
            return JSONResponse({"error": error}, status_code=404)
        inputs = value["input"] if isinstance(value["input"], list) else [value["input"]]
        rows = [
            {"object": "embedding", "index": place, "embedding": [0.5, 0.25]} for place, _ in enumerate(inputs)
        ]
        usage = {"prompt_tokens": 3 * len(inputs), "total_tokens": 3 * len(inputs)}
        return JSONResponse({"object": "list", "model": value["model"], "data": rows, "usage": usage})

    async def _pictures(self, request: Request) -> Response:
        sent = await self._note(request)
        if refused := self._refusal(request):
            return refused
        if b"slowly" in sent.body:
            self.is_asked.set()
            while not await request.is_disconnected():  # noqa: ASYNC110 - the server knows no other way to learn it
                await asyncio.sleep(0.02)
            self.is_left.set()
        is_edit = request.url.path.endswith("edits")
        if is_edit and not sent.form.get("image[]", sent.form.get("image", b"")).startswith(b"\x89PNG"):
            return JSONResponse({"error": {"message": "no picture", "code": "missing_image"}}, status_code=400)
        usage = {"input_tokens": 11, "output_tokens": 4160, "total_tokens": 4171}
        return JSONResponse({"created": 1, "data": [{"b64_json": "iVBORw0KGgo="}], "usage": usage})

    async def _gemini(self, request: Request) -> Response:
        sent = await self._note(request)
        if refused := self._refusal(request):
            return refused
        name, _, verb = request.path_params["rest"].partition(":")
        if verb != "batchEmbedContents":
            return JSONResponse(
                {"error": {"code": 404, "message": "no method", "status": "NOT_FOUND"}}, status_code=404
            )
        value = json.loads(sent.body)
        if any(one["model"] != f"models/{name}" for one in value["requests"]):
            return JSONResponse({"error": {"code": 400, "message": "models differ"}}, status_code=400)
        return JSONResponse({"embeddings": [{"values": [0.5, 0.25]} for _ in value["requests"]]})


def _form(content_type: str, body: bytes) -> Mapping[str, bytes]:
    """Read a form with the standard library's own reader of such messages."""
    if not content_type.startswith("multipart/"):
        return {}
    message = email.message_from_bytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body, policy=email.policy.HTTP
    )
    found: dict[str, bytes] = {}
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        name = part.get_param("name", header="content-disposition")
        found[str(name)] = content if isinstance(content, bytes) else b""
    return found
