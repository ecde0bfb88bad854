"""AWS Signature Version 4, the server's side: read a request's signature and say whether it is the right one.

Written after "Create a signed AWS API request" of the IAM user guide; its worked examples are our test vectors.
Pure: no clock, no keys of ours. INVARIANT: path, query and fields are signed and compared byte by byte as they
came; nothing is put into a canonical form that a changed request could share with the signed one.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from firewall.core.errors import FirewallError

ALGORITHM = "AWS4-HMAC-SHA256"
WINDOW_S = 300
"""How far the date of a request may lie from ours; AWS itself takes 15 minutes."""
HASH_FIELD = "x-amz-content-sha256"
EMPTY_HASH = hashlib.sha256(b"").hexdigest()
RAW_PATH_SERVICES = frozenset({"s3", "s3-outposts", "s3-object-lambda"})
"""Signed over the path as it is sent; the others sign it escaped once more."""
_HEADER = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([A-Za-z0-9_]{16,128})/([0-9]{8})/([a-z0-9-]{1,40})/([A-Za-z0-9.-]{1,60})"
    r"/aws4_request, ?SignedHeaders=([a-z0-9;._-]{1,4000}), ?Signature=([0-9a-f]{64})"
)
_AT = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_SPACES = re.compile(r" +")
Fields = Sequence[tuple[bytes, bytes]]


class SignatureError(FirewallError):
    """A request whose signature is missing, of another kind, too old, or wrong."""

    code = "signature_refused"
    status = 403


@dataclass(frozen=True, slots=True)
class Signed:
    """What a request says about its signature; nothing of it is verified yet."""

    key_id: str
    day: str
    """`20261121`."""
    region: str
    service: str
    """The service's signing name."""
    names: tuple[str, ...]
    """The signed header fields, in order."""
    signature: str
    at: str
    """`20261121T101500Z`."""

    @property
    def scope(self) -> str:
        """The credential scope."""
        return f"{self.day}/{self.region}/{self.service}/aws4_request"


def values_of(fields: Iterable[tuple[bytes, bytes]], name: str) -> list[str]:
    """Return every value of a field, in order."""
    wanted = name.encode("ascii")
    return [value.decode("latin-1") for known, value in fields if known == wanted]


def read(fields: Fields, query: str) -> Signed:
    """Read the Authorization field and the date; names in `fields` are lower case.

    Raises: SignatureError for a presigned address, another algorithm, a field that must be signed and is not.
    """
    _refuse_presigned(query)
    given = values_of(fields, "authorization")
    if len(given) != 1:
        raise SignatureError(
            "a request to this target is signed with the keys of `stayhand token mint --aws`",
            code="signature_missing",
        )
    if not given[0].startswith(f"{ALGORITHM} "):
        raise SignatureError(f"only `{ALGORITHM}` is understood: no SigV4A, no older one", code="signature_kind")
    found = _HEADER.fullmatch(given[0])
    if found is None:
        raise SignatureError("the Authorization field cannot be read")
    dates = values_of(fields, "x-amz-date")
    if len(dates) != 1 or not _AT.fullmatch(dates[0]) or not dates[0].startswith(found[2]):
        raise SignatureError("`x-amz-date` must be there once, and name the day of the credential scope")
    signed = Signed(found[1], found[2], found[3], found[4], tuple(found[5].split(";")), found[6], dates[0])
    _check_names(signed.names, fields)
    return signed


def _refuse_presigned(query: str) -> None:
    for pair in query.split("&"):
        name = unquote(pair.partition("=")[0]).lower()
        if name.startswith("x-amz-") or name == "awsaccesskeyid":
            raise SignatureError("addresses that carry a signature are not taken", code="presigned_refused")


_UNSIGNED_OK = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "authorization",
        "connection",
        "content-length",
        "expect",
        "forwarded",
        "from",
        "keep-alive",
        "referer",
        "te",
        "trailer",
        "transfer-encoding",
        "user-agent",
        "via",
        "x-amzn-trace-id",
        "x-real-ip",
    }
)
"""What clients leave unsigned because others on the way may change it. Unsigned, it stays here."""
_UNSIGNED_PREFIXES = ("amz-sdk-", "x-forwarded-", "x-stayhand-")


def _check_names(names: tuple[str, ...], fields: Fields) -> None:
    present = {name.decode("latin-1") for name, _ in fields}
    if list(names) != sorted(set(names)) or "host" not in names:
        raise SignatureError("SignedHeaders must be in order, once each, with `host` among them")
    missing = set(names) - present
    if missing:
        raise SignatureError(f"`{min(missing)[:80]}` is signed and not there")
    unsigned = {name for name in present - set(names) - _UNSIGNED_OK if not name.startswith(_UNSIGNED_PREFIXES)}
    if unsigned:
        raise SignatureError(f"`{min(unsigned)[:80]}` is not signed: whatever goes to a target is")


def signing_key(secret: str, signed: Signed) -> bytes:
    """Return the key of a day, region and service."""
    key = f"AWS4{secret}".encode()
    for part in (signed.day, signed.region, signed.service, "aws4_request"):
        key = hmac.digest(key, part.encode("ascii"), "sha256")
    return key


def canonical(method: str, path: str, query: str, *, fields: Fields, signed: Signed, payload_hash: str) -> str:
    """Return the canonical request; `path` and `query` as they stand on the request line."""
    pairs = sorted(tuple(pair.partition("=")[::2]) for pair in query.split("&")) if query else []
    held: dict[str, list[str]] = {name: [] for name in signed.names}
    for name, value in fields:
        known = held.get(name.decode("latin-1"))
        if known is not None:
            known.append(_SPACES.sub(" ", value.decode("latin-1").strip(" \t")))
    return "\n".join(
        [
            method,
            path if signed.service in RAW_PATH_SERVICES else quote(path, safe="/~"),
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{','.join(held[name])}" for name in signed.names),
            "",
            ";".join(signed.names),
            payload_hash,
        ]
    )


def signature_of(key: bytes, signed: Signed, canonical_request: str) -> str:
    """Return the signature that a canonical request must have under a signing key."""
    digest = hashlib.sha256(canonical_request.encode("latin-1")).hexdigest()
    text = f"{ALGORITHM}\n{signed.at}\n{signed.scope}\n{digest}"
    return hmac.digest(key, text.encode("ascii"), "sha256").hex()


def is_same(expected: str, given: str) -> bool:
    """Compare two signatures in constant time."""
    return hmac.compare_digest(expected.encode("ascii"), given.encode("ascii"))


def check_time(signed: Signed, now_us: int) -> None:
    """Refuse a request whose date is too far from ours.

    Raises: SignatureError `signature_expired`.
    """
    try:
        at = datetime.strptime(signed.at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise SignatureError("`x-amz-date` is no date") from error
    if abs(at.timestamp() - now_us / 1e6) > WINDOW_S:
        raise SignatureError(
            f"`x-amz-date` is more than {WINDOW_S} seconds from our clock", code="signature_expired"
        )
