"""A Google service account's key, exchanged for access tokens: a JWT signed with RS256, once an hour.

Source: https://developers.google.com/identity/protocols/oauth2/service-account (RFC 7523).
"""

import asyncio
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from firewall.codecs.upstream_json import loads_object
from firewall.core.errors import ConfigError, ProtocolError, UpstreamError, UpstreamFault
from firewall.core.secret import Secret
from firewall.routing.port import Endpoint, Upstream, UpstreamRequest

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFE_S = 3600
_SPARE_S = 300
"""A token is asked for anew so long before the old one ends."""
_MOST_BYTES = 64 << 10
_KEPT = 64


@dataclass(frozen=True, slots=True)
class _Account:
    email: str
    key_id: str
    key: RSAPrivateKey
    token_uri: str


class ServiceAccounts:
    """Tokens of service accounts, kept while they are good."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._tokens: dict[Secret, tuple[Secret, float]] = {}
        self._asking = asyncio.Lock()

    async def token(self, key: Secret, endpoint: Endpoint, upstream: Upstream) -> Secret:
        """Return an access token for a key's account; `endpoint`: the provider that it is for.

        Raises: ConfigError for a key that is none; UpstreamError where no token is given.
        """
        async with self._asking:
            kept = self._tokens.get(key)
            if kept is not None and self._clock() < kept[1]:
                return kept[0]
            token, life_s = await _exchange(_account(key), endpoint, upstream, int(self._clock()))
            if len(self._tokens) >= _KEPT:
                self._tokens.clear()
            self._tokens[key] = (token, self._clock() + life_s - _SPARE_S)
            return token

    def refused(self, token: Secret) -> None:
        """Forget a token that was refused before its time: the next call asks for another."""
        for key, (kept, _) in list(self._tokens.items()):
            if kept == token:
                del self._tokens[key]


def _account(secret: Secret) -> _Account:
    refused = ConfigError("the service account's key cannot be read", hint="use the JSON file that Google made")
    try:
        value = json.loads(secret.reveal())
        key = load_pem_private_key(value["private_key"].encode(), None)
        uri = str(value.get("token_uri") or "https://oauth2.googleapis.com/token")
        names = str(value["client_email"]), str(value.get("private_key_id", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise refused from None  # its words could quote the key
    if not isinstance(key, RSAPrivateKey):
        raise refused
    return _Account(*names, key, uri)


def assertion(account_email: str, key_id: str, key: RSAPrivateKey, *, token_uri: str, now_s: int) -> str:
    """Return the signed statement that an account asks for a token with."""
    head = {"alg": "RS256", "typ": "JWT", **({"kid": key_id} if key_id else {})}
    claims = {"iss": account_email, "scope": SCOPE, "aud": token_uri, "iat": now_s, "exp": now_s + _LIFE_S}
    text = b".".join(_encoded(json.dumps(one, separators=(",", ":")).encode()) for one in (head, claims))
    return (text + b"." + _encoded(key.sign(text, PKCS1v15(), hashes.SHA256()))).decode("ascii")


def _encoded(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


async def _exchange(account: _Account, endpoint: Endpoint, upstream: Upstream, now_s: int) -> tuple[Secret, float]:
    uri = account.token_uri
    parts = urlsplit(uri)
    where = Endpoint(
        name=f"{endpoint.name} token", base_url=f"{parts.scheme}://{parts.netloc}", private=endpoint.private
    )
    signed = assertion(account.email, account.key_id, account.key, token_uri=uri, now_s=now_s)
    request = UpstreamRequest(
        method="POST",
        path=parts.path or "/",
        fields=((b"content-type", b"application/x-www-form-urlencoded"),),
        body=urlencode({"grant_type": _GRANT, "assertion": signed}).encode("ascii"),
        streamed=False,
        verbatim=True,
    )
    async with await upstream.open(where, request) as response:
        body = await response.read(_MOST_BYTES)
        try:
            value = loads_object(body)
        except ProtocolError:
            value = {}
        token, life_s = value.get("access_token"), value.get("expires_in")
        if response.status != 200 or not isinstance(token, str) or not token:
            raise UpstreamError(
                f"`{endpoint.name}` gives no token for its service account",
                fault=UpstreamFault.REJECTED,
                detail=f"status {response.status}: {str(value.get('error'))[:80]}",
            )
        return Secret(token), float(life_s) if isinstance(life_s, int) else _LIFE_S
