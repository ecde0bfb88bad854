"""Requests signed as AWS clients sign them; botocore is the oracle."""

from dataclasses import dataclass
from types import SimpleNamespace

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

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
