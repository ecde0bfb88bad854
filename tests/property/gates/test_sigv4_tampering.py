"""Nothing of a signed request can be changed: method, path, query, signed fields, body, chunks."""

import base64
import hashlib
import zlib
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.core.errors import FirewallError
from firewall.gates.infra.aws import chunked, sigv4
from tests.support.aws_signing import SignedRequest, signed_by_botocore
from tests.unit.gates.infra.aws.test_chunked import KEY, PUBLISHED, PUBLISHED_TRAILER, SIGNED, WITH_TRAILER

SECRET = "throw-away"
REQUESTS = [
    signed_by_botocore(
        "POST",
        "/infra/aws/",
        key_id="tok_0SfvSp2wXKx1bW8n5kXk1Y",
        secret=SECRET,
        headers={"content-type": "application/x-www-form-urlencoded"},
        body=b"Action=DeleteDBInstance&DBInstanceIdentifier=prod",
    ),
    signed_by_botocore(
        "PUT",
        "/infra/aws/bucket/a%20b?partNumber=1&uploadId=x",
        key_id="tok_0SfvSp2wXKx1bW8n5kXk1Y",
        secret=SECRET,
        service="s3",
        headers={"x-amz-meta-a": "b"},
        body=b"data",
    ),
]


def is_good(request: SignedRequest) -> bool:
    """Verify as the door does."""
    try:
        signed = sigv4.read(request.fields, request.query)
        declared = "".join(sigv4.values_of(request.fields, sigv4.HASH_FIELD))
        digest = hashlib.sha256(request.body).hexdigest()
        made = sigv4.canonical(
            request.method,
            request.path,
            request.query,
            fields=request.fields,
            signed=signed,
            payload_hash=declared or digest,
        )
    except FirewallError:
        return False
    key = sigv4.signing_key(SECRET, signed)
    is_signed = sigv4.is_same(sigv4.signature_of(key, signed, made), signed.signature)
    return is_signed and signed.key_id == "tok_0SfvSp2wXKx1bW8n5kXk1Y" and declared in ("", digest)


def changed(raw: bytes, at: int, to: int) -> bytes:
    """Return the bytes with another one at a place."""
    at %= max(len(raw), 1)
    return raw[:at] + bytes([to]) + raw[at + 1 :]


BYTE = st.integers(0x21, 0x7E)  # the parser in front lets no others into a head


@given(st.sampled_from(REQUESTS), st.data())
@settings(max_examples=300, deadline=None)
def test_one_changed_byte_is_refused(request: SignedRequest, data: st.DataObject) -> None:
    """Whatever byte of the head or the body is changed, the signature no longer fits."""
    assert is_good(request)
    place = data.draw(st.sampled_from(["method", "path", "query", "field", "body"]))
    at, to = data.draw(st.integers(0, 400)), data.draw(BYTE)
    if place == "field":
        index = data.draw(st.integers(0, len(request.fields) - 1))
        name, value = request.fields[index]
        fields = list(request.fields)
        fields[index] = (name, changed(value, at, to))
        other = replace(request, fields=fields)
    elif place == "body":
        other = replace(request, body=changed(request.body, at, to))
    else:
        text = getattr(request, place)
        other = replace(request, **{place: changed(text.encode(), at, to).decode()})
    assert other == request or not is_good(other)


@given(st.integers(0, len(PUBLISHED) - 1), st.integers(0, 255))
@settings(max_examples=150, deadline=None)
def test_one_changed_byte_of_the_chunks_is_refused(at: int, to: int) -> None:
    """Data, sizes, signatures and line ends alike; only a size may be spelled in no other way either."""
    other = changed(PUBLISHED, at, to)
    try:
        decoded = chunked.decode(other, chunked.SIGNED, signed=SIGNED, key=KEY, announced=frozenset())
    except chunked.ChunkError:
        return
    assert other == PUBLISHED
    assert len(decoded.body) == 66560


@given(st.integers(len(PUBLISHED_TRAILER) - 1400, len(PUBLISHED_TRAILER) - 1), st.integers(0, 255))
@settings(max_examples=150, deadline=None)
def test_one_changed_byte_of_the_trailer_is_refused(at: int, to: int) -> None:
    """The last chunk, the checksum and the trailer's signature cannot be changed."""
    other = changed(PUBLISHED_TRAILER, at, to)
    announced = frozenset({"x-amz-checksum-crc32c"})
    try:
        chunked.decode(other, chunked.SIGNED_TRAILER, signed=WITH_TRAILER, key=KEY, announced=announced)
    except chunked.ChunkError:
        return
    assert other == PUBLISHED_TRAILER


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_answered(data: bytes) -> None:
    """Garbage is refused and never raises anything else; an unsigned body that passes is its own checksum's."""
    name = "x-amz-checksum-crc32"
    try:
        decoded = chunked.decode(
            data, chunked.UNSIGNED_TRAILER, signed=SIGNED, key=KEY, announced=frozenset({name})
        )
    except chunked.ChunkError:
        return
    assert decoded.trailers == ((name, base64.b64encode(zlib.crc32(decoded.body).to_bytes(4, "big")).decode()),)
