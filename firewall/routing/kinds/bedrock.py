"""Amazon Bedrock: requests signed with AWS's keys (or with a Bedrock API key), Claude by InvokeModel or natively.

A base URL without a path is the runtime: Messages go to `/model/ID/invoke`, streams come as AWS event streams. One
with a path (`…/anthropic`, `…/openai/v1`) takes the dialect's own requests, and only the signature is added.
Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/inference-messages-api.html, API reference of
InvokeModelWithResponseStream, the anthropic SDK 2.11.
"""

from base64 import b64decode
from binascii import Error as NoBase64
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit

from firewall.codecs.anthropic import render
from firewall.codecs.upstream_json import loads_object
from firewall.core.dialect import Dialect
from firewall.core.errors import ProtocolError, UpstreamError, UpstreamFault
from firewall.core.secret import Secret
from firewall.routing.fields import outbound
from firewall.routing.kinds.anthropic_words import error_body, exception_event
from firewall.routing.kinds.bodies import field_of, model_of, with_members
from firewall.routing.kinds.eventstream import Decoder, Message
from firewall.routing.kinds.interface import Sign, ToSign
from firewall.routing.kinds.reframed import ReframedAnswer, Whole
from firewall.routing.port import Credential, Endpoint, Upstream, UpstreamRequest, UpstreamResponse

VERSION = "bedrock-2023-05-31"
STREAM = b"application/vnd.amazon.eventstream"
_IN_BODY = frozenset({b"anthropic-beta", b"anthropic-version", b"anthropic-dangerous-direct-browser-access"})


@dataclass(frozen=True, slots=True)
class Bedrock:
    """Bedrock in one region."""

    dialect: Dialect
    region: str
    key: Callable[[], Secret]
    """AWS's keys as `credential_process` prints them (JSON), or a Bedrock API key."""
    sign: Sign

    async def asked(self, request: UpstreamRequest, endpoint: Endpoint, upstream: Upstream) -> UpstreamRequest:
        """Return the request as it leaves: in the runtime's form where that is asked, signed.

        Raises: ConfigError for keys that cannot be read; ProtocolError (400) where it names no model.
        """
        del upstream
        if self._is_runtime(endpoint):
            request = _invoked(request)
        return self._authenticated(request, endpoint)

    def heard(self, response: UpstreamResponse, request: UpstreamRequest) -> UpstreamResponse:
        """Return the answer in the dialect's words: its events instead of the binary stream, its errors."""
        del request
        if self.dialect is not Dialect.ANTHROPIC:
            return response
        if response.status >= 400:
            turn = Whole(lambda body: error_body(response.status, body))
            return ReframedAnswer(response, turn, b"application/json")
        kinds = [value for name, value in response.fields if name == b"content-type"]
        if kinds and kinds[0].partition(b";")[0].strip().lower() == STREAM:
            return ReframedAnswer(response, Events(), b"text/event-stream")
        return response

    def _is_runtime(self, endpoint: Endpoint) -> bool:
        return self.dialect is Dialect.ANTHROPIC and urlsplit(endpoint.base_url).path in ("", "/")

    def _authenticated(self, request: UpstreamRequest, endpoint: Endpoint) -> UpstreamRequest:
        key = self.key()
        fields = outbound(request.fields, own_login=False)
        if not key.reveal().lstrip().startswith("{"):
            credential = Credential("authorization", key, "Bearer ")
            return replace(request, fields=fields, credential=credential, verbatim=True)
        host = urlsplit(endpoint.base_url).hostname or ""
        signed = dict(
            self.sign(
                ToSign(
                    method=request.method,
                    base_url=endpoint.base_url,
                    path=request.path,
                    query=request.query,
                    fields=[pair for pair in fields if pair[0] in (b"content-type", b"accept")],
                    body=request.body,
                    region=self.region,
                    service="bedrock-mantle" if host.startswith("bedrock-mantle.") else "bedrock",
                ),
                key,
            )
        )
        name = "x-amz-security-token" if "x-amz-security-token" in signed else "authorization"
        credential = Credential(name, Secret(signed.pop(name)))
        more = [(field.encode("ascii"), value.encode("latin-1")) for field, value in signed.items()]
        return replace(request, fields=[*fields, *more], credential=credential, verbatim=True)


def _invoked(request: UpstreamRequest) -> UpstreamRequest:
    """Return a Messages request as InvokeModel takes it."""
    if request.path != "/v1/messages":
        raise UpstreamError("this provider does not serve that", fault=UpstreamFault.REJECTED, status=404)
    model = quote(model_of(request), safe="")
    verb = "invoke-with-response-stream" if request.streamed else "invoke"
    put: dict[str, object] = {"anthropic_version": VERSION}
    betas = [one.strip() for one in field_of(request, b"anthropic-beta").decode("latin-1").split(",")]
    if any(betas):
        put["anthropic_beta"] = [one for one in betas if one]
    return replace(
        request,
        path=f"/model/{model}/{verb}",
        query="",
        body=with_members(request.body, frozenset({"model", "stream"}), put),
        fields=[pair for pair in request.fields if pair[0] not in _IN_BODY],
    )


class Events:
    """Turns the binary stream into the events of the Messages API."""

    def __init__(self) -> None:
        self._decoder = Decoder()

    def feed(self, chunk: bytes) -> bytes:
        """Take a piece; returns the events that it completes. Raises: UpstreamError."""
        return b"".join(map(_event, self._decoder.feed(chunk)))

    def finish(self) -> bytes:
        """The stream is over. Raises: UpstreamError where a message is cut off."""
        self._decoder.finish()
        return b""


def _event(message: Message) -> bytes:
    if message.headers.get(":message-type") in ("exception", "error"):
        kind = message.headers.get(":exception-type") or message.headers.get(":error-code") or ""
        return exception_event(kind, message.payload)
    if message.headers.get(":event-type") != "chunk":
        return b""
    try:
        raw = b64decode(str(loads_object(message.payload).get("bytes", "")), validate=True)
        value = loads_object(raw)
    except (ProtocolError, NoBase64) as error:
        raise UpstreamError(
            "the provider gave an answer that cannot be read", fault=UpstreamFault.MALFORMED
        ) from error
    if not isinstance(value.get("type"), str):
        return b""
    if value["type"] == "message_stop":  # Amazon adds its own measurements, which no client reads
        return render.event({"type": "message_stop"})
    name = str(value["type"]).encode("ascii", "replace")
    return b"event: %s\ndata: %s\n\n" % (name, raw.replace(b"\n", b" "))
