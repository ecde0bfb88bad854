"""aws-chunked bodies: the published examples, and every way in which one may be wrong."""

import base64
import zlib
from dataclasses import replace

import pytest

from firewall.gates.infra.aws import chunked, sigv4
from firewall.gates.infra.aws.chunked import ChunkError
from tests.support.aws_signing import chained

SIGNED = sigv4.Signed(
    "example",
    "20130524",
    "us-east-1",
    "s3",
    ("host",),
    "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    "20130524T000000Z",
)
KEY = sigv4.signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", SIGNED)
PUBLISHED = (
    b"10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n"
    + b"a" * 65536
    + b"\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n"
    + b"a" * 1024
    + b"\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n"
)
WITH_TRAILER = replace(SIGNED, signature="106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e")
PUBLISHED_TRAILER = (
    b"10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n"
    + b"a" * 65536
    + b"\r\n400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n"
    + b"a" * 1024
    + b"\r\n0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
    b"x-amz-checksum-crc32c:sOO8/Q==\r\n"
    b"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
)
NONE: frozenset[str] = frozenset()
CRC = "x-amz-checksum-crc32"


def crc(body: bytes) -> str:
    """Return a CRC-32 as a trailer writes it."""
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


def test_the_published_chunks_verify() -> None:
    """The S3 reference's upload of 65 KB in three chunks comes out whole."""
    decoded = chunked.decode(PUBLISHED, chunked.SIGNED, signed=SIGNED, key=KEY, announced=NONE)
    assert (decoded.body, decoded.trailers) == (b"a" * 66560, ())


def test_the_published_trailer_verifies() -> None:
    """The S3 reference's upload with a trailing checksum does too; the checksum is told on."""
    name = "x-amz-checksum-crc32c"
    decoded = chunked.decode(
        PUBLISHED_TRAILER, chunked.SIGNED_TRAILER, signed=WITH_TRAILER, key=KEY, announced=frozenset({name})
    )
    assert (len(decoded.body), decoded.trailers) == (66560, ((name, "sOO8/Q=="),))


def test_checksums_of_the_trailer_are_verified() -> None:
    """A signed trailer whose checksum does not fit the body is refused; one that fits is told on."""
    good = chained([b"hello ", b"world"], signed=SIGNED, key=KEY, trailers={CRC: crc(b"hello world")})
    decoded = chunked.decode(good, chunked.SIGNED_TRAILER, signed=SIGNED, key=KEY, announced=frozenset({CRC}))
    assert decoded == chunked.Decoded(b"hello world", ((CRC, crc(b"hello world")),))
    wrong = chained([b"hello ", b"world"], signed=SIGNED, key=KEY, trailers={CRC: crc(b"hello")})
    with pytest.raises(ChunkError):
        chunked.decode(wrong, chunked.SIGNED_TRAILER, signed=SIGNED, key=KEY, announced=frozenset({CRC}))


def test_a_trailer_is_what_was_announced() -> None:
    """More, fewer and unknown checksums are refused."""
    good = chained([b"x"], signed=SIGNED, key=KEY, trailers={CRC: crc(b"x")})
    odd = chained([b"x"], signed=SIGNED, key=KEY, trailers={"x-amz-checksum-new": "AAAA"})
    for data, announced in ((good, NONE), (good, frozenset({CRC, "b"})), (odd, frozenset({"x-amz-checksum-new"}))):
        with pytest.raises(ChunkError):
            chunked.decode(data, chunked.SIGNED_TRAILER, signed=SIGNED, key=KEY, announced=announced)


def test_unsigned_chunks_are_held_to_their_checksum() -> None:
    """Without signatures the checksum still has to fit."""
    body = b"5\r\nhello\r\n0\r\n" + f"{CRC}:{crc(b'hello')}\r\n\r\n".encode()
    announced = frozenset({CRC})
    assert (
        chunked.decode(body, chunked.UNSIGNED_TRAILER, signed=SIGNED, key=KEY, announced=announced).body
        == b"hello"
    )
    with pytest.raises(ChunkError):
        chunked.decode(
            body.replace(b"hello", b"jello", 1),
            chunked.UNSIGNED_TRAILER,
            signed=SIGNED,
            key=KEY,
            announced=announced,
        )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"0\r\n\r\n",
        b"zz;chunk-signature=00\r\n",
        PUBLISHED[:-2],
        PUBLISHED[:60000],
        PUBLISHED + b"x",
        PUBLISHED.replace(b"400;", b"3ff;"),
        PUBLISHED.replace(b"\r\n400;", b"xx400;"),
        PUBLISHED_TRAILER,
        b"ffffffff;chunk-signature=" + b"0" * 64 + b"\r\nx",
    ],
)
def test_a_body_in_pieces_that_do_not_fit_is_refused(data: bytes) -> None:
    """Cut off, run on, framed otherwise, of another kind: never decoded."""
    with pytest.raises(ChunkError) as caught:
        chunked.decode(data, chunked.SIGNED, signed=SIGNED, key=KEY, announced=NONE)
    assert caught.value.status == 403
