"""Hosts of AWS and signatures for them, by botocore; imported late, since only targets of AWS need it.

Nothing else of the program imports botocore, and nothing here reads the environment, profiles or metadata.
"""

import json
import logging
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import resources
from types import SimpleNamespace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from firewall.core.errors import ConfigError
from firewall.core.outgoing import Outgoing
from firewall.gates.infra.aws.sigv4 import RAW_PATH_SERVICES

if TYPE_CHECKING:
    from botocore.auth import SigV4Auth
    from botocore.regions import EndpointResolver

_KEPT = 512
_ALWAYS_HASHED = SimpleNamespace(s3={"payload_signing_enabled": True})
"""Where S3's signer looks: it would leave bodies unsigned over TLS."""


@dataclass(frozen=True, slots=True)
class ServiceHost:
    """The host of a service in a region."""

    host: str
    region: str
    """The region that requests there are signed for: global services have one for all."""


@dataclass(frozen=True, slots=True)
class RealKey:
    """A target's real credential, read from what its reference holds."""

    id: str
    secret: str = field(repr=False)
    session: str = field(default="", repr=False)


def preload() -> None:
    """Import and read what the first request would wait for."""
    _resolver()
    _signers()


@lru_cache(maxsize=_KEPT)
def of_service(prefix: str, region: str) -> ServiceHost | None:
    """Return the host of an endpoint prefix in a region; None: no partition of AWS has that region."""
    found = _resolver().construct_endpoint(prefix, region)
    if not found or "hostname" not in found:
        return None
    scope = found.get("credentialScope", {})
    return ServiceHost(str(found["hostname"]), str(scope.get("region", region)))


@lru_cache(maxsize=16)
def read_key(text: str) -> RealKey:
    """Read a credential as `credential_process` prints it: AccessKeyId, SecretAccessKey, perhaps SessionToken.

    Raises: ConfigError, without the text.
    """
    try:
        document = json.loads(text)
        key = RealKey(
            str(document["AccessKeyId"]), str(document["SecretAccessKey"]), str(document.get("SessionToken") or "")
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        key = RealKey("", "")
    if not key.id or not key.secret or not (key.id + key.secret + key.session).isascii():
        raise ConfigError(
            "the credential of an aws target cannot be read",
            hint='write JSON: {"AccessKeyId": "…", "SecretAccessKey": "…"}, "SessionToken" too where there is one',
        )
    return key


def sign(outgoing: Outgoing, *, url: str, region: str, service: str, key: RealKey) -> dict[str, str]:
    """Return the fields that authenticate a request sent to `url`, names in lower case."""
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    general, raw_path = _signers()
    kind = raw_path if service in RAW_PATH_SERVICES else general
    request = AWSRequest(
        method=outgoing.method, url=url, headers={"host": urlsplit(url).netloc}, data=outgoing.body or b""
    )
    request.context["client_config"] = _ALWAYS_HASHED
    for name, value in outgoing.headers:
        request.headers[name] = value
    signer = kind(Credentials(key.id, key.secret, key.session or None), service, region)
    signer.add_auth(request)
    names = ("authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token")
    return {name: str(request.headers[name]) for name in names if name in request.headers}


@cache
def _resolver() -> "EndpointResolver":
    from botocore.regions import EndpointResolver

    # Not botocore's own loader: it also looks into ~/.aws.
    text = resources.files("botocore").joinpath("data", "endpoints.json").read_bytes()
    return EndpointResolver(json.loads(text))


@cache
def _signers() -> "tuple[type[SigV4Auth], type[SigV4Auth]]":
    """Return the signers for services at large and for S3."""
    from botocore.auth import S3SigV4Auth, SigV4Auth

    logging.getLogger("botocore").setLevel(
        logging.WARNING
    )  # it would write down what it signs, session tokens too
    return SigV4Auth, S3SigV4Auth
