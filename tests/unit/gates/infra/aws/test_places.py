"""Which host of AWS a request is for, and what the real credential makes of it."""

import hashlib
import subprocess
import sys
from functools import cache

import pytest

from firewall.classify.api.table import Table, read_table
from firewall.core.errors import ConfigError, ProtocolError
from firewall.core.outgoing import Outgoing
from firewall.gates.infra.aws import endpoints, sigv4
from firewall.gates.infra.aws.places import place_of
from firewall.policy.defaults import shipped


@cache
def table() -> Table:
    """Return the shipped operations."""
    return read_table("apis/aws.tsv", (shipped() / "apis/aws.tsv").read_text("utf-8"))


def signed(service: str, region: str) -> sigv4.Signed:
    """Return a scope."""
    return sigv4.Signed("tok_x", "20261121", region, service, ("host",), "0" * 64, "20261121T101500Z")


@pytest.mark.parametrize(
    ("service", "region", "outgoing", "host", "scope"),
    [
        ("rds", "eu-west-1", Outgoing("POST", "/"), "rds.eu-west-1.amazonaws.com", "eu-west-1/rds"),
        ("iam", "us-east-1", Outgoing("POST", "/"), "iam.amazonaws.com", "us-east-1/iam"),
        ("iam", "eu-west-1", Outgoing("POST", "/"), "iam.amazonaws.com", "us-east-1/iam"),
        ("ecr", "eu-west-1", Outgoing("POST", "/"), "api.ecr.eu-west-1.amazonaws.com", "eu-west-1/ecr"),
        ("s3", "cn-north-1", Outgoing("GET", "/b/k"), "s3.cn-north-1.amazonaws.com.cn", "cn-north-1/s3"),
        (
            "s3", "eu-west-1",
            Outgoing("GET", "/v20180820/jobs", headers=(("x-amz-account-id", "1"),)),
            "s3-control.eu-west-1.amazonaws.com", "eu-west-1/s3",
        ),
        ("s3", "eu-west-1", Outgoing("GET", "/v20180820/jobs"), "s3.eu-west-1.amazonaws.com", "eu-west-1/s3"),
        (
            "bedrock", "eu-west-1", Outgoing("POST", "/model/m/invoke"),
            "bedrock-runtime.eu-west-1.amazonaws.com", "eu-west-1/bedrock",
        ),
        (
            "bedrock", "eu-west-1", Outgoing("GET", "/guardrails"),
            "bedrock.eu-west-1.amazonaws.com", "eu-west-1/bedrock",
        ),
        (
            "dynamodb", "eu-west-1",
            Outgoing("POST", "/", headers=(("x-amz-target", "DynamoDBStreams_20120810.ListStreams"),)),
            "streams.dynamodb.eu-west-1.amazonaws.com", "eu-west-1/dynamodb",
        ),
        (
            "dynamodb", "eu-west-1",
            Outgoing("POST", "/", headers=(("x-amz-target", "DynamoDB_20120810.ListTables"),)),
            "dynamodb.eu-west-1.amazonaws.com", "eu-west-1/dynamodb",
        ),
        ("fresh", "eu-west-1", Outgoing("POST", "/"), "fresh.eu-west-1.amazonaws.com", "eu-west-1/fresh"),
    ],
)  # fmt: skip
def test_scope_and_operation_name_the_host(
    service: str, region: str, outgoing: Outgoing, *, host: str, scope: str
) -> None:
    """Signing names that several APIs share are told apart by what is asked; global services have one region."""
    place = place_of(signed(service, region), outgoing, table)
    assert (place.host, place.scope) == (host, scope)


def test_without_a_table_the_first_host_is_taken() -> None:
    """A folder of policies without apis/ guesses; it is judged as what it guesses."""
    place = place_of(signed("bedrock", "eu-west-1"), Outgoing("POST", "/model/m/invoke"), lambda: None)
    assert place.host == "bedrock.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("service", "region"),
    [("rds", "nowhere"), ("rds", "xx-fake-1"), ("execute-api", "eu-west-1"), ("lambda-url", "eu-west-1")],
)
def test_what_is_no_service_of_aws_has_no_place(service: str, region: str) -> None:
    """A region that no partition has, and what customers run at hosts of their own, are refused by name."""
    with pytest.raises(ProtocolError) as caught:
        place_of(signed(service, region), Outgoing("GET", "/"), table)
    assert caught.value.code == "service_unknown"


@pytest.mark.parametrize(
    "text",
    ["", "AKIA:secret", "[]", '{"AccessKeyId": "a"}', '{"AccessKeyId": "", "SecretAccessKey": "canary-x"}'],
)
def test_a_credential_that_cannot_be_read_is_named_and_not_shown(text: str) -> None:
    """The error says what the JSON looks like, never what stood there."""
    with pytest.raises(ConfigError) as caught:
        endpoints.read_key(text)
    assert "canary" not in str(caught.value) + caught.value.hint + caught.value.detail


def test_botocore_is_not_loaded_without_need() -> None:
    """Who has no target of AWS does not wait for it at start-up."""
    code = "import sys, firewall.app.running; print('botocore' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"


def test_the_real_credential_signs_what_was_judged() -> None:
    """Our own verifier takes what botocore signs, session token and body's hash included, over TLS as well."""
    key = endpoints.read_key('{"AccessKeyId": "real_key_id_00000", "SecretAccessKey": "s", "SessionToken": "t"}')
    assert "'s'" not in repr(key)
    outgoing = Outgoing("PUT", "/b/a%20b", "x-id=PutObject", (("x-amz-acl", "private"),), b"data")
    made = endpoints.sign(
        outgoing,
        url=f"https://s3.eu-west-1.amazonaws.com{outgoing.target}",
        region="eu-west-1",
        service="s3",
        key=key,
    )
    assert (made["x-amz-security-token"], made["x-amz-content-sha256"]) == (
        "t",
        hashlib.sha256(b"data").hexdigest(),
    )
    fields = [(b"host", b"s3.eu-west-1.amazonaws.com"), (b"x-amz-acl", b"private")]
    fields += [(name.encode(), value.encode()) for name, value in made.items()]
    read = sigv4.read(fields, outgoing.query)
    text = sigv4.canonical(
        "PUT", outgoing.path, outgoing.query, fields=fields, signed=read, payload_hash=made["x-amz-content-sha256"]
    )
    assert sigv4.signature_of(sigv4.signing_key("s", read), read, text) == read.signature
