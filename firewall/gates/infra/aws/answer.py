"""Refusals as AWS programs read them: XML or JSON after the protocol of the service that was asked.

Our stable code stands in the message and in `x-stayhand-code`. Refusals are 403 and AccessDenied, which no SDK
repeats by itself; neither may it repeat what perhaps has happened.
"""

from collections.abc import Iterable
from enum import Enum
from xml.sax.saxutils import escape

import orjson

from firewall.core.errors import AuthError, FirewallError, LimitError
from firewall.gates.edge.send import Headers
from firewall.gates.infra.aws.sigv4 import values_of
from firewall.gates.infra.problem import Answer
from firewall.gates.refusals import refusal_text
from firewall.guard.answer import Stop

_FINAL_STATUS = 409
_CODES = {
    "signature_refused": "SignatureDoesNotMatch",
    "signature_missing": "MissingAuthenticationToken",
    "signature_expired": "RequestExpired",
    "body_too_large": "EntityTooLarge",
}


class Protocol(Enum):
    """How a service writes its errors."""

    S3 = "s3"
    EC2 = "ec2"
    QUERY = "query"
    JSON = "json"
    CBOR = "cbor"


_XML = frozenset({"s3", "s3-outposts", "route53", "cloudfront"})


def protocol_of(fields: Iterable[tuple[bytes, bytes]]) -> Protocol:
    """Tell a request's protocol by its fields; JSON where nothing says more."""
    held = list(fields)
    kind = "".join(values_of(held, "content-type")[:1]).lower()
    scope = "".join(values_of(held, "authorization")[:1]).partition("Credential=")[2].split("/")
    service = scope[3] if len(scope) > 3 else ""
    if "rpc-v2-cbor" in "".join(values_of(held, "smithy-protocol")):
        return Protocol.CBOR
    if service == "ec2":
        return Protocol.EC2
    if service in _XML:
        return Protocol.S3
    if not scope[0] and not kind:
        return Protocol.S3  # a presigned address, most likely
    return Protocol.QUERY if kind.startswith("application/x-www-form-urlencoded") else Protocol.JSON


class Refusals:
    """Writes refusals for one request."""

    def __init__(self, fields: Iterable[tuple[bytes, bytes]]) -> None:
        self._protocol = protocol_of(fields)

    def of_error(self, error: FirewallError) -> Answer:
        """Return status, headers and body for an error of ours."""
        more: Headers = []
        if isinstance(error, LimitError):
            more.append((b"retry-after", b"%d" % max(1, error.retry_after_s)))
            return self._answer(429, "Throttling", error.public, code=error.code, more=more)
        if isinstance(error, AuthError):
            public = "the access key is unknown, expired, revoked, or its secret is wrong"
            return self._answer(403, "InvalidClientTokenId", public, code=error.code, more=more)
        status = _FINAL_STATUS if error.code == "indeterminate" else error.status
        named = _CODES.get(error.code, "AccessDenied" if error.status < 500 else "ServiceUnavailable")
        return self._answer(status, named, error.public, code=error.code, more=more)

    def of_stop(self, target: str, stop: Stop) -> Answer:
        """Return 403 for a request that was not sent, with why and what the agent may do."""
        more = [(b"x-stayhand-entry", b"%d" % stop.entry)]
        if stop.approval:
            more.append((b"x-stayhand-approval", stop.approval.encode("ascii")))
        reason = stop.verdict.reason.value
        return self._answer(403, "AccessDenied", refusal_text(target, stop), code=reason, more=more)

    def _answer(self, status: int, named: str, message: str, *, code: str, more: Headers) -> Answer:
        kind, body = _body(self._protocol, named, f"{message} [{code}]")
        headers: Headers = [
            (b"content-type", kind),
            (b"cache-control", b"no-store"),
            (b"x-amzn-errortype", named.encode("ascii")),
            (b"x-stayhand-code", code.encode("ascii")),
            *more,
        ]
        if self._protocol is Protocol.CBOR:
            headers.append((b"smithy-protocol", b"rpc-v2-cbor"))
        return status, headers, body


def _body(protocol: Protocol, named: str, message: str) -> tuple[bytes, bytes]:
    plain = "".join(sign if sign.isprintable() or sign == "\n" else "?" for sign in message)
    error = f"<Code>{named}</Code><Message>{escape(plain)}</Message>"
    match protocol:
        case Protocol.S3:
            text = f"<Error>{error}<RequestId>stayhand</RequestId></Error>"
        case Protocol.EC2:
            text = f"<Response><Errors><Error>{error}</Error></Errors><RequestID>stayhand</RequestID></Response>"
        case Protocol.QUERY:
            text = (
                f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error>"
                "<RequestId>stayhand</RequestId></ErrorResponse>"
            )
        case Protocol.JSON:
            return b"application/x-amz-json-1.1", orjson.dumps({"__type": named, "message": plain})
        case Protocol.CBOR:
            pairs = [_cbor("__type"), _cbor(named), _cbor("message"), _cbor(plain)]
            return b"application/cbor", b"\xa2" + b"".join(pairs)
    return b"text/xml", f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()


def _cbor(text: str) -> bytes:
    """Write a text string (RFC 8949, major type 3)."""
    raw = text.encode("utf-8")
    return b"\x79" + len(raw).to_bytes(2, "big") + raw
