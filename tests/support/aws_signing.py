"""Requests signed as AWS clients sign them; botocore is the oracle."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from firewall.gates.infra.aws import sigv4

BASE = "http://127.0.0.1:8787"


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it comes in over the wire."""

    method: str
    path: str
    query: str
    fields: list[tuple[bytes, bytes]]
    body: bytes


def signed_by_botocore(
    method: str,
    target: str,
    *,
    key_id: str,
    secret: str,
    service: str = "rds",
    region: str = "eu-west-1",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    base: str = BASE,
    payload: str = "",
) -> SignedRequest:
    """Sign a request to `target` (path and query) with botocore's own signers; `payload` in place of the hash."""
    request = AWSRequest(method=method, url=base + target, headers=headers or {}, data=body)
    request.context["client_config"] = SimpleNamespace(s3={"payload_signing_enabled": True})
    kind = S3SigV4Auth if service == "s3" else SigV4Auth
    signer = kind(Credentials(key_id, secret), service, region)
    if payload:
        signer.payload = lambda _request: payload
    signer.add_auth(request)
    fields = [(name.lower().encode(), str(value).encode("latin-1")) for name, value in request.headers.items()]
    if not any(name == b"host" for name, _ in fields):
        fields.append((b"host", base.partition("://")[2].encode()))
    path, _, query = target.partition("?")
    return SignedRequest(method, path, query, fields, body)


def chained(pieces: Sequence[bytes], *, signed: sigv4.Signed, key: bytes, trailers: Mapping[str, str]) -> bytes:
    """Write a body in signed chunks with a signed trailer, as a client of S3 would."""
    last, out = signed.signature, b""
    head = f"{signed.at}\n{signed.scope}"
    for piece in [*pieces, b""]:
        digest = hashlib.sha256(piece).hexdigest()
        text = f"AWS4-HMAC-SHA256-PAYLOAD\n{head}\n{last}\n{sigv4.EMPTY_HASH}\n{digest}"
        last = hmac.digest(key, text.encode(), "sha256").hex()
        out += f"{len(piece):x};chunk-signature={last}\r\n".encode() + (piece + b"\r\n" if piece else b"")
    plain = "".join(f"{name}:{value}\n" for name, value in trailers.items())
    text = f"AWS4-HMAC-SHA256-TRAILER\n{head}\n{last}\n{hashlib.sha256(plain.encode()).hexdigest()}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    return out + plain.replace("\n", "\r\n").encode() + f"x-amz-trailer-signature:{signature}\r\n\r\n".encode()
