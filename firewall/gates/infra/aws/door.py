"""The way of a request to AWS through the gate: its signature verified, its place found, then signed anew.

INVARIANT: what goes on is covered by the agent's signature, what was judged is what is signed, and the real
credential is used for nothing else. FAIL-CLOSED: a field that was not signed is refused or stays here.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from starlette.types import Receive, Scope

from firewall.core.errors import AuthError, ProtocolError
from firewall.core.outgoing import Outgoing
from firewall.core.ports import Clock
from firewall.gates.edge.body import read_body
from firewall.gates.edge.doorkeeper import Doorkeeper
from firewall.gates.infra import fields
from firewall.gates.infra.aws import chunked, sigv4
from firewall.gates.infra.aws.places import TableOf, place_of
from firewall.gates.infra.aws.replay import Used
from firewall.gates.infra.aws.sending import request_of
from firewall.gates.infra.paths import checked
from firewall.gates.infra.targets import Target
from firewall.routing.port import Endpoint, UpstreamRequest
from firewall.tokens.access_keys import AccessKeys
from firewall.tokens.service import Bearer

_HEX = re.compile(r"[0-9a-f]{64}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_UNSIGNED = "UNSIGNED-PAYLOAD"
_STAYS = frozenset(
    {
        "amz-sdk-invocation-id",
        "amz-sdk-request",
        "content-length",
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-decoded-content-length",
        "x-amz-trailer",
        "x-amz-user-agent",
        "x-amzn-trace-id",
    }
)
"""Signed by the client and made anew here, or different at each try."""


@dataclass(frozen=True, slots=True)
class Entered:
    """A request whose signature is good."""

    bearer: Bearer
    outgoing: Outgoing
    signature: str


class AwsDoor:
    """Lets requests in and makes those that go out; one instance per process."""

    def __init__(
        self,
        *,
        doorkeeper: Doorkeeper,
        keys: AccessKeys,
        clock: Clock,
        table: TableOf,
        hosts: Iterable[str] = (),
    ) -> None:
        """`table` returns the operations of AWS now in force; `hosts` are our names, for virtual hosts of S3."""
        self._doorkeeper = doorkeeper
        self._keys = keys
        self._clock = clock
        self._table = table
        self._parents = tuple(f".{host}" for host in {"localhost", *hosts} if re.search(r"[a-z]", host))
        self._used = Used()

    async def enter(self, scope: Scope, receive: Receive, *, target: Target, path: bytes) -> Entered:
        """Verify a request; `path` is its raw path behind the target's name.

        Raises: FirewallError.
        """
        held: Sequence[tuple[bytes, bytes]] = scope["headers"]
        query = _plain(scope["query_string"])
        signed = sigv4.read(held, query)
        source = scope["client"][0] if scope.get("client") else ""
        bearer = await self._doorkeeper.holder_of(signed.key_id, source)
        sigv4.check_time(signed, self._clock.now_us())
        self._used.check(signed.signature)
        key = sigv4.signing_key(self._keys.of_token(bearer.token_id).secret, signed)
        declared = "".join(sigv4.values_of(held, sigv4.HASH_FIELD))
        body = await read_body(receive, target.max_body_bytes)
        request = sigv4.canonical(
            str(scope["method"]),
            _plain(scope["raw_path"]),
            query,
            fields=held,
            signed=signed,
            payload_hash=declared or hashlib.sha256(body).hexdigest(),
        )
        if not sigv4.is_same(sigv4.signature_of(key, signed, request), signed.signature):
            await self._doorkeeper.refused(source)
            raise AuthError(detail="the signature does not fit")
        decoded = _opened(body, declared, signed=signed, key=key, held=held, unsigned_ok=target.unsigned_payload)
        outgoing = Outgoing(
            method=str(scope["method"]),
            path=self._path(path, signed, held),
            query=query,
            headers=(*_kept(signed, held), *decoded.trailers),
            body=decoded.body,
        )
        return Entered(bearer, self._placed(outgoing, signed, target), signed.signature)

    def use(self, signature: str) -> None:
        """Use a signature for a change; reads do not.

        Raises: FirewallError when it was used before.
        """
        self._used.take(signature, self._clock.now_us())

    def request(self, target: Target, outgoing: Outgoing) -> tuple[Endpoint, UpstreamRequest]:
        """Sign what was judged with the target's real credential.

        Raises: ConfigError when that cannot be read.
        """
        return request_of(target, outgoing)

    def _path(self, path: bytes, signed: sigv4.Signed, held: Sequence[tuple[bytes, bytes]]) -> str:
        """Return the path as it will be sent; a bucket in the host's name becomes its first segment."""
        is_store = signed.service in sigv4.RAW_PATH_SERVICES
        plain = checked(path, raw=is_store)
        host = "".join(sigv4.values_of(held, "host")).lower().partition(":")[0]
        parent = next((parent for parent in self._parents if host.endswith(parent)), "")
        if not parent:
            return plain
        bucket = host.removesuffix(parent)
        if not is_store or not _BUCKET.fullmatch(bucket):
            raise ProtocolError(f"`{host[:80]}` is no address of this target", code="host_refused")
        return f"/{bucket}{plain}"

    def _placed(self, outgoing: Outgoing, signed: sigv4.Signed, target: Target) -> Outgoing:
        place = place_of(signed, outgoing, self._table)
        if target.regions and place.region not in target.regions and signed.region not in target.regions:
            raise ProtocolError(
                f"the target is for {', '.join(target.regions)}, not for `{signed.region}`",
                code="region_refused",
                status=403,
            )
        return Outgoing(
            outgoing.method,
            outgoing.path,
            outgoing.query,
            outgoing.headers,
            outgoing.body,
            host=place.host,
            scope=place.scope,
        )


def _opened(
    body: bytes,
    declared: str,
    *,
    signed: sigv4.Signed,
    key: bytes,
    held: Sequence[tuple[bytes, bytes]],
    unsigned_ok: bool,
) -> chunked.Decoded:
    """Return the body that the client signed for, out of its framing."""
    encodings = [part.strip() for value in sigv4.values_of(held, "content-encoding") for part in value.split(",")]
    is_chunked = "aws-chunked" in [one.lower() for one in encodings]
    if is_chunked and declared not in chunked.KINDS:
        raise sigv4.SignatureError("an aws-chunked body says so in `x-amz-content-sha256`")
    if declared in chunked.KINDS:
        if declared == chunked.UNSIGNED_TRAILER and not unsigned_ok:
            raise _unsigned()
        announced = frozenset(
            name.strip().lower() for value in sigv4.values_of(held, "x-amz-trailer") for name in value.split(",")
        )
        decoded = chunked.decode(body, declared, signed=signed, key=key, announced=announced)
        if sigv4.values_of(held, "x-amz-decoded-content-length") != [str(len(decoded.body))]:
            raise chunked.ChunkError("`x-amz-decoded-content-length` does not fit the body")
        return decoded
    if declared == _UNSIGNED:
        if body and not unsigned_ok:
            raise _unsigned()
    elif declared and (not _HEX.fullmatch(declared) or hashlib.sha256(body).hexdigest() != declared):
        raise sigv4.SignatureError("`x-amz-content-sha256` does not fit the body")
    return chunked.Decoded(body)


def _unsigned() -> sigv4.SignatureError:
    return sigv4.SignatureError(
        "the body is not signed: sign it, or set unsigned_payload for the target", code="payload_unsigned"
    )


def _kept(signed: sigv4.Signed, held: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """Return the signed fields that go on.

    Raises: ProtocolError for a value that is not ASCII: two signers read it in two ways.
    """
    names = frozenset(signed.names) - _STAYS
    chosen = [(name, value) for name, value in held if name.decode("latin-1") in names]
    kept: list[tuple[str, str]] = []
    for name, value in fields.outgoing(chosen, injected="authorization"):
        if not value.isascii():
            raise ProtocolError(f"the header `{name}` is not ASCII", code="header_malformed")
        if name == "content-encoding":
            left = ",".join(part.strip() for part in value.split(",") if part.strip().lower() != "aws-chunked")
            kept += [(name, left)] if left else []
        else:
            kept.append((name, value))
    return kept


def _plain(raw: bytes) -> str:
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError as error:
        raise ProtocolError("the address has characters that must be escaped", code="query_refused") from error
