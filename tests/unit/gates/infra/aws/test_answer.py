"""Refusals as AWS programs read them: botocore's own parsers are the judge."""

import pytest
from botocore.parsers import create_parser
from botocore.session import Session

from firewall.core.errors import AuthError, FirewallError, LimitError
from firewall.core.reason import Reason
from firewall.core.verdict import Deny
from firewall.gates.infra.aws.answer import Refusals
from firewall.gates.infra.aws.sigv4 import SignatureError
from firewall.guard.answer import Stop

SERVICES = {"s3": "s3", "ec2": "ec2", "rds": "rds", "dynamodb": "dynamodb", "lambda": "lambda"}


def fields_of(service: str) -> list[tuple[bytes, bytes]]:
    """Return what a client of a service sends, as far as the answer depends on it."""
    scope = f"AWS4-HMAC-SHA256 Credential=tok_x/20261121/eu-west-1/{service}/aws4_request".encode()
    kind = b"application/x-www-form-urlencoded" if service in ("rds", "ec2") else b"application/x-amz-json-1.0"
    return [(b"authorization", scope), (b"content-type", kind)]


def read(service: str, answer: tuple[int, list[tuple[bytes, bytes]], bytes]) -> tuple[str, str]:
    """Return code and message as botocore reads them."""
    status, headers, body = answer
    model = Session().get_service_model(service)
    parser = create_parser(model.metadata["protocol"])
    response = {
        "status_code": status,
        "headers": {name.decode(): value.decode() for name, value in headers},
        "body": body,
        "context": {"operation_name": "X"},
    }
    shape = model.operation_model(model.operation_names[0]).output_shape
    error = parser.parse(response, shape)["Error"]
    return error["Code"], error["Message"]


@pytest.mark.parametrize("service", SERVICES)
def test_every_protocol_can_read_a_refusal(service: str) -> None:
    """Code, words and approval arrive in each protocol's own shape, with our stable code."""
    stop = Stop(7, Deny(Reason.HOLD_ENDED), "apr_0SfvSp2wXKx1bW8n5kXk1Y")
    answer = Refusals(fields_of(service)).of_stop("aws-staging", stop)
    code, message = read(service, answer)
    assert (answer[0], code) == (403, "AccessDenied")
    assert "apr_0SfvSp2wXKx1bW8n5kXk1Y" in message
    assert dict(answer[1])[b"x-stayhand-code"].decode() in message


@pytest.mark.parametrize("service", SERVICES)
def test_signs_in_messages_break_nothing(service: str) -> None:
    """Text that looks like markup, and control characters, stay text."""
    code, message = read(service, Refusals(fields_of(service)).of_error(FirewallError("a <b>&\x00\x1b c")))
    assert code == "ServiceUnavailable"
    assert message.startswith("a <b>&?? c")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (AuthError(), 403, "InvalidClientTokenId"),
        (SignatureError("x", code="signature_expired"), 403, "RequestExpired"),
        (SignatureError("x"), 403, "SignatureDoesNotMatch"),
        (SignatureError("x", code="presigned_refused"), 403, "AccessDenied"),
        (LimitError("x", retry_after_s=3), 429, "Throttling"),
        (FirewallError("x", code="indeterminate", status=504), 409, "ServiceUnavailable"),
        (FirewallError("x", code="upstream_timeout", status=504), 504, "ServiceUnavailable"),
    ],
)
def test_what_must_not_be_repeated_has_a_final_status(error: FirewallError, status: int, code: str) -> None:
    """No SDK may repeat by itself what perhaps has happened; the others have AWS's own codes."""
    answer = Refusals(fields_of("rds")).of_error(error)
    assert (answer[0], read("rds", answer)[0]) == (status, code)


def test_cbor_is_spoken_where_it_was_asked_for() -> None:
    """A client of Smithy's CBOR protocol gets a map of two texts."""
    status, headers, body = Refusals([(b"smithy-protocol", b"rpc-v2-cbor")]).of_error(AuthError())
    assert (status, dict(headers)[b"smithy-protocol"], body[:1]) == (403, b"rpc-v2-cbor", b"\xa2")
    assert b"InvalidClientTokenId" in body
