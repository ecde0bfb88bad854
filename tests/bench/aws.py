"""What a request to AWS costs besides judging: the agent's signature verified, the request signed anew."""

import hashlib
from collections.abc import Iterator

from firewall.core.outgoing import Outgoing
from firewall.gates.infra.aws import endpoints, sigv4
from tests.bench.steps import Step, median_us
from tests.support.aws_signing import signed_by_botocore

_FORM = "application/x-www-form-urlencoded; charset=utf-8"
_BODY = b"Action=DeleteDBInstance&Version=2014-10-31&DBInstanceIdentifier=prod&Note=" + b"a" * 950


def steps() -> Iterator[Step]:
    """Measure both with a body of 1 KB."""
    endpoints.preload()
    key = endpoints.read_key('{"AccessKeyId": "bench", "SecretAccessKey": "bench"}')
    outgoing = Outgoing("POST", "/", headers=(("content-type", _FORM),), body=_BODY)
    request = signed_by_botocore(
        "POST",
        "/infra/aws/",
        key_id="tok_0SfvSp2wXKx1bW8n5kXk1Y",
        secret="x",
        headers={"content-type": _FORM},
        body=_BODY,
    )

    def sign() -> None:
        url = "https://rds.eu-west-1.amazonaws.com/"
        endpoints.sign(outgoing, url=url, region="eu-west-1", service="rds", key=key)

    def verify() -> None:
        signed = sigv4.read(request.fields, request.query)
        digest = hashlib.sha256(request.body).hexdigest()
        text = sigv4.canonical("POST", request.path, "", fields=request.fields, signed=signed, payload_hash=digest)
        if sigv4.signature_of(sigv4.signing_key("x", signed), signed, text) != signed.signature:
            raise RuntimeError("the signature does not fit: nothing was measured")

    yield Step("AWS, the agent's signature verified, 1 KB", "", median_us(verify))
    yield Step("AWS, signed anew with the real credential", "1,500 us", median_us(sign))
