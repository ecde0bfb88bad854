"""Signature Version 4 as a server verifies it: published examples, botocore as oracle, what is refused."""

import hashlib
from datetime import UTC, datetime

import pytest

from firewall.gates.infra.aws import sigv4
from firewall.gates.infra.aws.sigv4 import SignatureError
from tests.support.aws_signing import SignedRequest, signed_by_botocore

KEY_ID = "tok_0SfvSp2wXKx1bW8n5kXk1Y"
SECRET = "throw-away"

EXAMPLE_SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
AUTHORIZATION = (
    b"AWS4-HMAC-SHA256 Credential=AKIA"
    b"IOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
    b"SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;"
    b"x-amz-decoded-content-length;x-amz-storage-class,"
    b"Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
)
S3_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def verify(request: SignedRequest, secret: str) -> bool:
    """Say whether a request's signature is the right one."""
    signed = sigv4.read(request.fields, request.query)
    declared = "".join(sigv4.values_of(request.fields, sigv4.HASH_FIELD))
    made = sigv4.canonical(
        request.method,
        request.path,
        request.query,
        fields=request.fields,
        signed=signed,
        payload_hash=declared or hashlib.sha256(request.body).hexdigest(),
    )
    return sigv4.is_same(sigv4.signature_of(sigv4.signing_key(secret, signed), signed, made), signed.signature)


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "more", "names", "signature"),
    [
        pytest.param(
            "GET", "/", "", b"", [], "host;x-amz-date",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31", id="get-vanilla",
        ),
        pytest.param(
            "GET", "/", "Param2=value2&Param1=value1", b"", [], "host;x-amz-date",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500", id="get-vanilla-query-order-key",
        ),
        pytest.param(
            "POST", "/", "", b"", [], "host;x-amz-date",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b", id="post-vanilla",
        ),
        pytest.param(
            "POST", "/", "Param1=value1", b"", [], "host;x-amz-date",
            "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11", id="post-vanilla-query",
        ),
        pytest.param(
            "POST", "/", "", b"Param1=value1", [(b"content-type", b"application/x-www-form-urlencoded")],
            "content-type;host;x-amz-date",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a", id="post-x-www-form-urlencoded",
        ),
    ],
)  # fmt: skip
def test_the_published_suite_verifies(
    method: str, path: str, query: str, *, body: bytes, more: list[tuple[bytes, bytes]], names: str, signature: str
) -> None:
    """Requests of AWS's own test suite (aws-sig-v4-test-suite) have the signatures that it says."""
    scope = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"
    fields = [(b"host", b"example.amazonaws.com"), (b"x-amz-date", b"20150830T123600Z"), *more]
    made = sigv4.Signed(
        "AKIDEXAMPLE", "20150830", "us-east-1", "service", tuple(names.split(";")), signature, "20150830T123600Z"
    )
    assert made.scope == scope.partition("/")[2]
    text = sigv4.canonical(
        method, path, query, fields=fields, signed=made, payload_hash=hashlib.sha256(body).hexdigest()
    )
    assert sigv4.signature_of(sigv4.signing_key(EXAMPLE_SECRET, made), made, text) == signature


def test_the_published_upload_of_s3_verifies() -> None:
    """The seed signature of the S3 reference's chunked upload is the one that stands there."""
    fields = [
        (b"host", b"s3.amazonaws.com"),
        (b"x-amz-date", b"20130524T000000Z"),
        (b"x-amz-storage-class", b"REDUCED_REDUNDANCY"),
        (b"x-amz-content-sha256", b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
        (b"content-encoding", b"aws-chunked"),
        (b"x-amz-decoded-content-length", b"66560"),
        (b"content-length", b"66824"),
        (
            b"authorization",
            AUTHORIZATION,
        ),
    ]
    assert verify(SignedRequest("PUT", "/examplebucket/chunkObject.txt", "", fields, b""), S3_SECRET)


@pytest.mark.parametrize(
    ("method", "target", "service", "headers", "body"),
    [
        ("POST", "/infra/aws/", "rds", {"content-type": "application/x-www-form-urlencoded"}, b"Action=X&A=b%20c"),
        ("POST", "/infra/aws/", "dynamodb", {"x-amz-target": "DynamoDB_20120810.ListTables"}, b"{}"),
        ("GET", "/infra/aws/2015-03-31/functions/a%3Ab?MaxItems=3&Marker=a%2Fb", "lambda", {}, b""),
        ("PUT", "/infra/aws/bucket/a%20b/c%2Bd//e", "s3", {"x-amz-meta-a": "b  c   d", "range": "x"}, b"body"),
        ("GET", "/infra/aws/bucket?list-type=2&prefix=a%2F&delimiter", "s3", {}, b""),
    ],
)
def test_what_botocore_signs_verifies(
    method: str, target: str, service: str, *, headers: dict[str, str], body: bytes
) -> None:
    """Paths, queries, spaces and bodies are made canonical as AWS's own client does it."""
    request = signed_by_botocore(
        method, target, key_id=KEY_ID, secret=SECRET, service=service, headers=headers, body=body
    )
    assert verify(request, SECRET)
    assert not verify(request, SECRET + "x")


def _with(request: SignedRequest, name: bytes, value: bytes | None) -> list[tuple[bytes, bytes]]:
    kept = [pair for pair in request.fields if pair[0] != name]
    return kept if value is None else [*kept, (name, value)]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        (b"authorization", None, "signature_missing"),
        (b"authorization", b"Bearer shd_staging_agent_x", "signature_kind"),
        (b"authorization", b"AWS AKIA:sig", "signature_kind"),
        (b"authorization", b"AWS4-ECDSA-P256-SHA256 Credential=a/b, Signature=00", "signature_kind"),
        (b"authorization", b"AWS4-HMAC-SHA256 Credential=a", "signature_refused"),
        (b"x-amz-date", None, "signature_refused"),
        (b"x-amz-date", b"20200101T000000Z", "signature_refused"),
        (b"x-amz-date", b"yesterday", "signature_refused"),
        (b"x-amz-acl", b"public-read", "signature_refused"),
        (b"content-type", b"text/plain", "signature_refused"),
        (b"x-http-method-override", b"DELETE", "signature_refused"),
        (b"host", None, "signature_refused"),
    ],
)  # fmt: skip
def test_what_is_not_signed_as_it_must_be_is_refused(name: bytes, value: bytes | None, code: str) -> None:
    """No signature, another kind of one, an odd date, a field that was not signed: each has its code."""
    request = signed_by_botocore("GET", "/infra/aws/", key_id=KEY_ID, secret=SECRET)
    with pytest.raises(SignatureError) as caught:
        sigv4.read(_with(request, name, value), "")
    assert (caught.value.code, caught.value.status) == (code, 403)


def test_two_authorizations_are_refused() -> None:
    """Which of two signatures a server would take is nobody's guess."""
    request = signed_by_botocore("GET", "/infra/aws/", key_id=KEY_ID, secret=SECRET)
    again = [pair for pair in request.fields if pair[0] == b"authorization"]
    with pytest.raises(SignatureError):
        sigv4.read([*request.fields, *again], "")


@pytest.mark.parametrize("name", [b"user-agent", b"amz-sdk-request", b"x-forwarded-for", b"accept", b"via"])
def test_what_others_on_the_way_write_need_not_be_signed(name: bytes) -> None:
    """Fields that stay here anyway do not spoil a request."""
    request = signed_by_botocore("GET", "/infra/aws/", key_id=KEY_ID, secret=SECRET)
    assert sigv4.read([*request.fields, (name, b"x")], "").key_id == KEY_ID


@pytest.mark.parametrize(
    "query",
    [
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00",
        "a=b&x-amz-credential=x",
        "X-Amz%2DSignature=00",
        "AWSAccessKeyId=AKIA&Signature=x&Expires=1",
        "x-amz-acl=public-read",
    ],
)
def test_addresses_that_carry_a_signature_are_refused(query: str) -> None:
    """Presigned addresses, and fields in disguise, are not taken even beside a signature in the header."""
    request = signed_by_botocore("GET", f"/infra/aws/?{query}", key_id=KEY_ID, secret=SECRET)
    with pytest.raises(SignatureError) as caught:
        sigv4.read(request.fields, query)
    assert caught.value.code == "presigned_refused"


@pytest.mark.parametrize(("offset_s", "good"), [(0, True), (299, True), (-299, True), (301, False), (-301, False)])
def test_a_date_is_good_for_five_minutes(offset_s: int, *, good: bool) -> None:
    """Earlier and later alike."""
    at = datetime(2026, 11, 21, 10, 15, tzinfo=UTC)
    signed = sigv4.Signed(KEY_ID, "20261121", "eu-west-1", "rds", ("host",), "0" * 64, "20261121T101500Z")
    now_us = int((at.timestamp() + offset_s) * 1e6)
    if good:
        sigv4.check_time(signed, now_us)
        return
    with pytest.raises(SignatureError) as caught:
        sigv4.check_time(signed, now_us)
    assert caught.value.code == "signature_expired"


def test_a_date_that_is_none_is_refused() -> None:
    """Digits alone make no date."""
    signed = sigv4.Signed(KEY_ID, "20269999", "eu-west-1", "rds", ("host",), "0" * 64, "20269999T101500Z")
    with pytest.raises(SignatureError):
        sigv4.check_time(signed, 0)
