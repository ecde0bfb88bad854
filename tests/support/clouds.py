"""Clouds that sell other people's models, on a real socket: each checks what the real one checks.

Azure: path, `api-version`, `api-key` or bearer. Bedrock: the signature (computed by botocore), path and body of
InvokeModel; streams are binary event streams. Vertex: path, token, and an OAuth server that verifies the JWT.
"""

import base64
import json
import struct
from binascii import crc32
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

AZURE_KEY = "azure-key-canary-0123456789"
AWS_KEY = {
    "AccessKeyId": "AKIAEXAMPLE0123456",
    "SecretAccessKey": "aws-secret-canary/+0123",
    "SessionToken": "session-canary",
}
TOKEN = "ya29.vertex-token-canary"
EMAIL = "agent@acme.iam.gserviceaccount.com"
SAYS = "Hello from a cloud."


@dataclass(slots=True)
class Clouds:
    """What was asked, and the key that the OAuth server knows."""

    asked: list[dict[str, object]] = field(default_factory=list)
    token: str = TOKEN
    """What the OAuth server gives, and Claude's place at Vertex takes."""
    exchanged: int = 0
    """How many tokens were given."""
    broken: str = ""
    """How Bedrock's streams go wrong: `exception`, `cut` or `checksum`."""
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    def app(self) -> Starlette:
        """Return all of them as one application."""
        places = {
            "/openai/v1/{rest:path}": self._azure_v1,
            "/openai/deployments/{name}/{rest:path}": self._azure_deployment,
            "/model/{name:path}/{verb}": self._bedrock,
            "/v1/projects/{project}/locations/{region}/publishers/{publisher}/models/{last}": self._vertex,
            "/token": self._token,
            "/plain/v1/chat/completions": self._plain,
        }
        return Starlette(
            routes=[Route(path, handler, methods=["GET", "POST"]) for path, handler in places.items()]
        )

    def service_account(self, address: str) -> str:
        """Return the JSON key of an account that the OAuth server at `address` knows."""
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return json.dumps({
            "type": "service_account", "client_email": EMAIL, "private_key_id": "k1", "private_key": pem.decode(),
            "token_uri": f"{address}/token",
        })  # fmt: skip

    async def _note(self, request: Request) -> dict[str, object]:
        body = await request.body()
        value: dict[str, object] = json.loads(body) if body[:1] == b"{" else {}
        path = request.scope["raw_path"].decode()
        self.asked.append(
            {"path": path, "query": request.url.query, "headers": dict(request.headers), "body": value}
        )
        return value

    # -- Azure

    async def _azure_v1(self, request: Request) -> Response:
        value = await self._note(request)
        if not _azure_key(request):
            return _azure_error(401, "401", "Access denied due to invalid subscription key")
        if "deployments" in request.path_params["rest"]:
            return _azure_error(404, "404", "Resource not found")
        return _chat(str(value["model"])) if value.get("model") else _azure_error(400, "missing", "no model")

    async def _azure_deployment(self, request: Request) -> Response:
        await self._note(request)
        if not _azure_key(request):
            return _azure_error(401, "401", "Access denied due to invalid subscription key")
        if request.query_params.get("api-version") not in {"2024-10-21", "2025-04-01-preview"}:
            return _azure_error(404, "404", "Resource not found")
        if request.path_params["name"] != "my gpt":
            return _azure_error(404, "DeploymentNotFound", "The API deployment for this resource does not exist.")
        return _chat("gpt-5.5-2026")

    # -- Bedrock

    async def _bedrock(self, request: Request) -> Response:
        value = await self._note(request)
        if error := _wrong_signature(request, await request.body()):
            kind = {"x-amzn-errortype": "InvalidSignatureException"}
            return JSONResponse({"message": error}, status_code=403, headers=kind)
        if value.get("anthropic_version") != "bedrock-2023-05-31" or {"model", "stream"} & value.keys():
            return JSONResponse({"message": "Malformed input request"}, status_code=400)
        if "model-fails" in json.dumps(value):
            kind = {"x-amzn-errortype": "ModelErrorException"}
            return JSONResponse({"message": "The model failed", "originalStatusCode": 500}, 424, headers=kind)
        if "throttled" in json.dumps(value):
            return JSONResponse({"message": "Too many requests"}, status_code=429)
        if request.path_params["verb"] == "invoke":
            return JSONResponse(_message(unquote(request.path_params["name"])))
        stream = _eventstream(unquote(request.path_params["name"]), self.broken)
        return StreamingResponse(iter(stream), media_type="application/vnd.amazon.eventstream")

    # -- Vertex

    async def _vertex(self, request: Request) -> Response:  # noqa: PLR0911 - one for each thing that is checked
        value = await self._note(request)
        is_google = request.path_params["publisher"] == "google"
        if request.headers.get("authorization") != f"Bearer {TOKEN if is_google else self.token}":
            error = {"code": 401, "message": "Request had invalid authentication", "status": "UNAUTHENTICATED"}
            return JSONResponse([{"error": error}], status_code=401)
        model, _, verb = request.path_params["last"].partition(":")
        if is_google:
            return _gemini(model, verb)
        if value.get("anthropic_version") != "vertex-2023-10-16" or "anthropic-version" in request.headers:
            return JSONResponse(
                {"error": {"code": 400, "message": "anthropic_version", "status": "INVALID_ARGUMENT"}}, 400
            )
        if model == "count-tokens":
            return JSONResponse({"input_tokens": 17})
        if "model" in value or (verb == "streamRawPredict") != bool(value.get("stream")):
            return JSONResponse({"error": {"code": 400, "message": "model", "status": "INVALID_ARGUMENT"}}, 400)
        if verb == "rawPredict":
            return JSONResponse(_message(model))
        frames = [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in _events(model)]
        return StreamingResponse(iter(frames), media_type="text/event-stream")

    async def _token(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode())
        assertion = form["assertion"][0].encode()
        signed, _, signature = assertion.rpartition(b".")
        claims = json.loads(_decoded(signed.partition(b".")[2]))
        try:
            self.key.public_key().verify(_decoded(signature), signed, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        is_good = (
            claims["iss"] == EMAIL and claims["aud"].endswith("/token") and claims["exp"] - claims["iat"] == 3600
        )
        if form["grant_type"] != ["urn:ietf:params:oauth:grant-type:jwt-bearer"] or not is_good:
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        self.exchanged += 1
        return JSONResponse({"access_token": self.token, "expires_in": 3600, "token_type": "Bearer"})

    # -- a plain server of somebody's own

    async def _plain(self, request: Request) -> Response:
        value = await self._note(request)
        if any(name in request.headers for name in ("authorization", "x-api-key", "api-key")):
            return JSONResponse({"error": {"message": "I know no keys"}}, status_code=401)
        return _chat(str(value["model"]))


def _azure_key(request: Request) -> bool:
    held = request.headers
    return held.get("api-key") == AZURE_KEY or held.get("authorization") == f"Bearer {AZURE_KEY}"


def _azure_error(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status)


def _chat(model: str) -> Response:
    message = {"role": "assistant", "content": SAYS}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11}
    return JSONResponse(
        {
            "id": "c1",
            "object": "chat.completion",
            "created": 1,
            "model": model,
            "choices": [choice],
            "usage": usage,
        }
    )


def _gemini(model: str, verb: str) -> Response:
    content = {"role": "model", "parts": [{"text": SAYS}]}
    answer = {
        "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 6, "totalTokenCount": 11},
        "modelVersion": model,
    }
    if verb == "generateContent":
        return JSONResponse(answer)
    return Response(f"data: {json.dumps(answer)}\r\n\r\n", media_type="text/event-stream")


def _message(model: str) -> dict[str, object]:
    usage = {"input_tokens": 5, "output_tokens": 6}
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": model, "stop_sequence": None,
        "content": [{"type": "text", "text": SAYS}], "stop_reason": "end_turn", "usage": usage,
    }  # fmt: skip


def _events(model: str) -> list[dict[str, object]]:
    start = {**_message(model), "content": [], "stop_reason": None}
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
        for word in SAYS.split(" ")
    ]
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 6}}
    metrics = {"inputTokenCount": 5, "outputTokenCount": 6}
    return [
        {"type": "message_start", "message": start}, block, *deltas,
        {"type": "content_block_stop", "index": 0}, end,
        {"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics},
    ]  # fmt: skip


def message_of(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return one message of an AWS event stream."""
    head = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + len(value.encode()).to_bytes(2, "big") + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack("!II", 16 + len(head) + len(payload), len(head))
    whole = prelude + crc32(prelude).to_bytes(4, "big") + head + payload
    return whole + crc32(whole).to_bytes(4, "big")


def chunk_of(event: Mapping[str, object]) -> bytes:
    """Return one event of a model as Bedrock frames it."""
    raw = base64.b64encode(json.dumps(event).encode()).decode()
    headers = {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}
    return message_of(headers, json.dumps({"bytes": raw, "p": "abcdefgh"}).encode())


def _eventstream(model: str, broken: str) -> list[bytes]:
    whole = b"".join(map(chunk_of, _events(model)))
    if broken == "exception":
        kind = {":exception-type": "throttlingException", ":message-type": "exception"}
        whole = b"".join(map(chunk_of, _events(model)[:3])) + message_of(kind, b'{"message": "slow down"}')
    elif broken == "cut":
        whole = whole[: len(whole) // 2]
    elif broken == "checksum":
        whole = whole[:200] + bytes([whole[200] ^ 1]) + whole[201:]
    return [whole[place : place + 97] for place in range(0, len(whole), 97)]


def _wrong_signature(request: Request, body: bytes) -> str:
    """Sign what came with botocore, and say why that is not the signature that came."""
    held = request.headers
    said = held.get("authorization", "")
    if not said.startswith("AWS4-HMAC-SHA256 ") or "/eu-central-1/bedrock/aws4_request" not in said:
        return "The security token included in the request is invalid."
    names = said.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    if not {"host", "x-amz-date"} <= set(names):
        return "host and date must be signed"
    url = f"http://{held['host']}{request.scope['raw_path'].decode()}"
    again = AWSRequest("POST", url, {name: held[name] for name in names if name != "x-amz-date"}, data=body)
    again.context["timestamp"] = held["x-amz-date"]
    signer = SigV4Auth(Credentials(*AWS_KEY.values()), "bedrock", "eu-central-1")
    again.headers["X-Amz-Date"] = held["x-amz-date"]
    text = signer.string_to_sign(again, signer.canonical_request(again))
    is_right = said.endswith(f"Signature={signer.signature(text, again)}")
    return "" if is_right else "The request signature we calculated does not match the signature you provided."


def _decoded(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
