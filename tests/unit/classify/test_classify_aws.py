"""Requests to AWS as they are judged: effects, names, environments, and what an approval is bound to."""

import json
from dataclasses import replace

import pytest

from firewall.classify.api.aws_request import is_data, subject_of, without_token
from firewall.classify.requests import actions_of_request, bound_request
from firewall.core.call import CallForm, ToolCall
from firewall.core.effect import Effect
from firewall.core.outgoing import Outgoing
from firewall.core.target import TargetKind, TargetSpec
from tests.support.understanding import context_with, shipped_context

FORM = (("content-type", "application/x-www-form-urlencoded; charset=utf-8"),)
UUID = "5f9b2f7e-7a3e-4f0f-8d52-1f4a3a5c9d10"
SPEC = TargetSpec("aws", "staging", TargetKind.AWS, "amazonaws.com", scoped=True, account="123456789012")
CONTEXT = replace(shipped_context(), targets={"aws": SPEC})


def form(service: str, body: str) -> Outgoing:
    """Build a request of the query protocol."""
    return Outgoing(
        "POST",
        "/",
        "",
        FORM,
        body.encode(),
        host=f"{service}.eu-west-1.amazonaws.com",
        scope=f"eu-west-1/{service}",
    )


def store(method: str, path: str, query: str = "", body: bytes = b"", **headers: str) -> Outgoing:
    """Build a request to S3."""
    fields = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Outgoing(method, path, query, fields, body, host="s3.eu-west-1.amazonaws.com", scope="eu-west-1/s3")


def call(outgoing: Outgoing) -> ToolCall:
    """Wrap a request as the gate does."""
    return ToolCall("req_1", "infra/aws", outgoing.encode(), form=CallForm.REQUEST)


@pytest.mark.parametrize(
    ("outgoing", "effects", "resource"),
    [
        (form("rds", "Action=DescribeDBInstances"), {"read"}, "aws:rds/?"),
        (form("rds", "Action=DeleteDBInstance&DBInstanceIdentifier=prod"), {"destructive"}, "aws:rds/prod"),
        (form("ec2", "Action=TerminateInstances&InstanceId.1=i-0a"), {"destructive"}, "aws:ec2/i-0a"),
        (form("ec2", "Action=TerminateInstances&InstanceId.1=i-0a&DryRun=true"), {"read"}, "aws:ec2/i-0a"),
        (form("iam", "Action=CreateAccessKey&UserName=bob"), {"privilege", "secret"}, "aws:iam/bob"),
        (store("GET", "/shop/a"), {"read"}, "aws:s3api/shop/a"),
        (store("PUT", "/shop/a", body=b"\xff\x00"), {"write"}, "aws:s3api/shop/a"),
        (store("PUT", "/shop/a", "partNumber=1&uploadId=x", b"\xff"), {"write"}, "aws:s3api/shop/a"),
        (store("PUT", "/shop/a", body=b"x", x_amz_acl="public-read"), {"privilege", "exfil"}, "aws:s3api/shop/a"),
        (store("PUT", "/shop/a", x_amz_copy_source="/shop/b"), {"write"}, "aws:s3api/shop/a"),
        (store("DELETE", "/shop/a%20b"), {"destructive"}, "aws:s3api/shop/a b"),
        (store("DELETE", "/shop"), {"destructive"}, "aws:s3api/shop"),
    ],
)
def test_a_request_is_read_as_its_operation(outgoing: Outgoing, effects: set[str], resource: str) -> None:
    """Effects from the table and from what stands in header fields; named as the command line's actions are."""
    (action,) = actions_of_request(call(outgoing), CONTEXT)
    assert {effect.value for effect in action.effects} == effects
    assert (action.resource, action.environment, action.target) == (resource, "staging", "aws")


def test_uploads_and_copies_are_told_apart() -> None:
    """One address, two operations: a copy says so in a header field."""
    (upload,) = actions_of_request(call(store("PUT", "/shop/a", body=b"x")), CONTEXT)
    (copy,) = actions_of_request(call(store("PUT", "/shop/a", x_amz_copy_source="/shop/b")), CONTEXT)
    assert ("PutObject" in upload.operation, "CopyObject" in copy.operation) == (True, True)


def test_an_unscoped_credential_resolves_reads_alone() -> None:
    """What changes lies nowhere that is known, unless a row names the account."""
    spec = TargetSpec("aws", "staging", TargetKind.AWS, "amazonaws.com", account="123456789012")
    context = replace(shipped_context(), targets={"aws": spec})
    (read,) = actions_of_request(call(form("rds", "Action=DescribeDBInstances")), context)
    (change,) = actions_of_request(call(form("rds", "Action=DeleteDBInstance&DBInstanceIdentifier=a")), context)
    assert (read.environment, change.environment) == ("staging", "unresolved")
    rows = '[[environment]]\nname = "production"\nprojects = ["aws/123456789012/eu-west-1"]\n'
    named = replace(context_with(rows), targets={"aws": spec})
    (placed,) = actions_of_request(call(form("rds", "Action=DeleteDBInstance&DBInstanceIdentifier=a")), named)
    assert placed.environment == "production"


def test_only_an_objects_own_bytes_are_data() -> None:
    """Settings of a bucket or an object are read, whatever the method."""
    assert is_data(store("PUT", "/shop/a", "x-id=PutObject", b"{}"))
    for other in (
        store("PUT", "/shop", "", b"{}"),
        store("PUT", "/shop/a", "acl", b"{}"),
        store("PUT", "/shop/a", "retention=", b"{}"),
        store("POST", "/shop", "delete", b"{}"),
        form("rds", "Action=X"),
    ):
        assert not is_data(other)


MILD = (("x-amz-target", "DynamoDB_20120810.ListTables"),)


@pytest.mark.parametrize(
    "outgoing",
    [
        replace(form("rds", "Action=DeleteDBInstance&DBInstanceIdentifier=p"), headers=(*FORM, *MILD)),
        replace(form("rds", "Action=DeleteDBInstance"), query="Action=DescribeDBInstances"),
        replace(form("rds", "Action=DeleteDBInstance"), query="Action=DescribeDBInstances", headers=()),
        replace(
            form("rds", "Action=DeleteDBInstance"),
            query="Action=DescribeDBInstances",
            headers=(("content-type", "text/plain"),),
        ),
        replace(form("rds", "Action=DescribeDBInstances&Action=DeleteDBInstance")),
        replace(form("rds", ""), headers=MILD),
        store("DELETE", "/shop", "Action=ListBuckets"),
        replace(store("DELETE", "/shop"), headers=MILD),
        store("PUT", "/shop/a", "acl&Action=ListBuckets"),
        Outgoing(
            "DELETE", "/2015-03-31/functions/f", body=b'{"Action": "GetFunction"}',
            host="lambda.eu-west-1.amazonaws.com", scope="eu-west-1/lambda",
        ),
        Outgoing(
            "POST", "/2099-01-01/unheard-of", "Action=ListFunctions",
            host="lambda.eu-west-1.amazonaws.com", scope="eu-west-1/lambda",
        ),
    ],
)  # fmt: skip
def test_a_mild_name_beside_the_real_one_hides_nothing(outgoing: Outgoing) -> None:
    """Where a request names several operations the strictest counts; which one a service goes by is its affair."""
    (action,) = actions_of_request(call(outgoing), CONTEXT)
    assert set(action.effects) & {Effect.DESTRUCTIVE, Effect.UNKNOWN, Effect.PRIVILEGE}


def test_a_large_object_is_shown_by_its_hash() -> None:
    """People see length and hash of what goes into a store, not megabytes; the rest of the request as ever."""
    (action,) = actions_of_request(call(store("PUT", "/shop/a", body=b"x" * 100_000)), CONTEXT)
    assert "100000 bytes of data, SHA-256 " in action.text
    assert len(action.text) < 400
    (small,) = actions_of_request(call(store("PUT", "/shop/a", body=b"small")), CONTEXT)
    assert small.text.endswith("small")


def test_an_approval_is_bound_to_everything_but_the_token_of_repetition() -> None:
    """Two tries of one call differ in that token alone; a token that is no random one, and all else, counts."""
    one = form("ec2", f"Action=RunInstances&ImageId=ami-1&ClientToken={UUID}")
    again = form("ec2", f"Action=RunInstances&ImageId=ami-1&ClientToken={UUID.replace('5', '6')}")
    assert again != one
    assert bound_request(call(one)) == bound_request(call(again))
    others = [
        form("ec2", f"Action=RunInstances&ImageId=ami-2&ClientToken={UUID}"),
        form("ec2", "Action=RunInstances&ImageId=ami-1&ClientToken=mine"),
        form("rds", "Action=RunInstances&ImageId=ami-1"),
    ]
    bound = {bound_request(call(other)) for other in [*others, one]}
    assert len(bound) == len(others) + 1
    region = replace(one, host="ec2.us-east-1.amazonaws.com", scope="us-east-1/ec2")
    assert bound_request(call(region)) not in bound


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ({"name": "a", "clientToken": UUID}, {"name": "a"}),
        ({"name": "a", "clientRequestToken": UUID}, {"name": "a"}),
        ({"name": "a", "clientToken": "mine"}, {"name": "a", "clientToken": "mine"}),
        ({"name": "a", "nextToken": UUID}, {"name": "a", "nextToken": UUID}),
        ({"item": {"clientToken": UUID}}, {"item": {"clientToken": UUID}}),
    ],
)
def test_the_token_is_taken_out_of_json_too(body: dict[str, object], kept: dict[str, object]) -> None:
    """At the top, under its own names, where it is random: nowhere else."""
    outgoing = Outgoing("POST", "/x", body=json.dumps(body).encode(), host="h", scope="eu-west-1/backup")
    assert json.loads(without_token(outgoing).body) == kept
    free = Outgoing("POST", "/x", body=json.dumps(body).encode(), host="h", scope="eu-west-1/lambda")
    assert without_token(free) == free


def test_what_a_request_is_about_is_found_or_not() -> None:
    """The name comes from the form, the JSON or the path; a version or a token is no name."""
    assert subject_of(form("rds", "Action=X&Version=2014-10-31&DBSnapshotIdentifier=s")) == "s"
    assert subject_of(form("rds", "Action=X&ClientToken=a")) == ""
    table = Outgoing("POST", "/", body=b'{"TableName": "t"}', scope="eu-west-1/dynamodb", host="h")
    assert subject_of(table) == "t"
    assert subject_of(Outgoing("DELETE", "/2015-03-31/functions/f", scope="eu-west-1/lambda", host="h")).endswith(
        "/f"
    )
