"""AWS through the gate: boto3, the real awscli and raw sockets in front, moto's server behind."""

import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from firewall.gates.infra.aws import sigv4
from tests.support.aws_signing import chained, signed_by_botocore
from tests.support.installation import Served, cli, install, serving, verify
from tests.support.moto_server import moto

LIMIT_S = 30
REAL_ID = "ASIA-CANARY-CANARY-01".replace("-", "")
REAL_SECRET = "aws-real-secret-canary-4f1c"
REAL_SESSION = "aws-session-canary-9b2e"
_SETTINGS = """
[[target]]
name = "aws-staging"
environment = "staging"
kind = "aws"
base_url = "{base}"
credential = {{ env = "AWS_REAL" }}
hosting = "self"
account = "123456789012"
scoped = true
hold_s = 0

[[target]]
name = "aws-ireland"
environment = "staging"
kind = "aws"
base_url = "{base}"
credential = {{ env = "AWS_REAL" }}
hosting = "self"
scoped = true
regions = ["eu-west-1"]
unsigned_payload = true

[[target]]
name = "aws-live"
environment = "production"
kind = "aws"
base_url = "{base}"
credential = {{ env = "AWS_REAL" }}
hosting = "self"
scoped = true
hold_s = 0
"""


@dataclass(slots=True)
class Account:
    """A running firewall, the account behind it, and an agent's keys."""

    firewall: Served
    behind: str
    token_id: str
    keys: dict[str, str]

    def client(self, service: str, **more: Any) -> Any:
        """Return boto3's client through the gate."""
        keys = {**self.keys, **more.pop("keys", {})}
        config = more.pop("config", None) or Config(retries={"total_max_attempts": 1})
        return boto3.client(
            service,
            region_name=more.pop("region", "eu-west-1"),
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            endpoint_url=keys["AWS_ENDPOINT_URL"],
            config=config,
        )

    def direct(self, service: str) -> Any:
        """Return boto3's client of the account itself, to look at what is there."""
        return boto3.client(
            service,
            region_name="eu-west-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
            endpoint_url=self.behind,
        )

    def aws(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run the real awscli as the agent does."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        return subprocess.run(
            [Path(sys.executable).with_name("aws"), *words],
            env={**kept, **nothing, **self.keys, "AWS_DEFAULT_REGION": "eu-west-1", "AWS_MAX_ATTEMPTS": "1"},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )

    def send(self, request: Any, body: bytes | None = None) -> "tuple[int, bytes]":
        """Send a signed request byte by byte as it stands."""
        connection = http.client.HTTPConnection(self.firewall.agents.removeprefix("http://"), timeout=LIMIT_S)
        target = f"{request.path}?{request.query}" if request.query else request.path
        connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in request.fields:
            connection.putheader(name.decode(), value)
        sent = request.body if body is None else body
        connection.putheader("content-length", str(len(sent)))
        connection.endheaders(sent)
        answer = connection.getresponse()
        found = answer.status, answer.read()
        connection.close()
        return found

    def approve_all(self) -> list[str]:
        """Approve what waits; returns the summaries."""
        waiting = self.firewall.pending()
        for one in waiting:
            assert self.firewall.decide(str(one["id"]), "approve").status_code == 200
        return [str(one["summary"]) for one in waiting]


def minted(firewall: Served, target: str = "aws-staging", **wish: object) -> dict[str, Any]:
    """Mint a token with an access key for a target."""
    answer = httpx.post(
        f"{firewall.control}/api/tokens",
        json={"env": "staging", "owner": "alice", "aws": target, **wish},
        headers=firewall.admin,
        trust_env=False,
    )
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """One account for the module."""
    real = {"AccessKeyId": REAL_ID, "SecretAccessKey": REAL_SECRET, "SessionToken": REAL_SESSION}
    with moto() as base:
        installed = install(tmp_path_factory.mktemp("aws"), settings=_SETTINGS.format(base=base))
        with serving(installed, env={"AWS_REAL": json.dumps(real)}) as running:
            token = minted(running)
            yield Account(running, base, token["id"], token["aws"])


def refused(call: Callable[[], object]) -> tuple[str, str]:
    """Return code and message of a refusal."""
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def test_lists_flow_in_every_protocol(account: Account) -> None:
    """Query, EC2, JSON, REST-JSON and REST-XML requests that only read pass at once, each to its own service."""
    assert account.client("rds").describe_db_instances()["DBInstances"] == []
    assert account.client("ec2").describe_instances()["Reservations"] == []
    assert account.client("dynamodb").list_tables()["TableNames"] == []
    assert account.client("lambda").list_functions()["Functions"] == []
    assert account.client("s3").list_buckets()["Buckets"] == []
    assert account.client("iam", region="us-east-1").list_users()["Users"] == []
    assert account.client("sts").get_caller_identity()["Account"] == "123456789012"


def test_a_database_is_deleted_once_and_only_as_approved(account: Account) -> None:
    """Held, approved, executed once; with one argument changed it is another call."""
    rds, direct = account.client("rds"), account.direct("rds")
    for name in ("prod", "other"):
        direct.create_db_instance(
            DBInstanceIdentifier=name, DBInstanceClass="db.t3.micro", Engine="postgres", AllocatedStorage=5
        )
    wanted = {"DBInstanceIdentifier": "prod", "SkipFinalSnapshot": True}
    code, message = refused(lambda: rds.delete_db_instance(**wanted))
    assert code == "AccessDenied"
    assert "apr_" in message
    (summary,) = account.approve_all()
    assert "deletes DB instance `prod`" in summary
    for other in ({**wanted, "DBInstanceIdentifier": "other"}, {**wanted, "DeleteAutomatedBackups": True}):
        assert refused(lambda other=other: rds.delete_db_instance(**other))[0] == "AccessDenied"  # type: ignore[misc]  # bound at once
    assert (
        refused(lambda: account.client("rds", region="us-east-1").delete_db_instance(**wanted))[0]
        == "AccessDenied"
    )
    assert len(direct.describe_db_instances()["DBInstances"]) == 2
    assert rds.delete_db_instance(**wanted)["DBInstance"]["DBInstanceIdentifier"] == "prod"
    assert [one["DBInstanceIdentifier"] for one in direct.describe_db_instances()["DBInstances"]] == ["other"]
    assert refused(lambda: rds.delete_db_instance(**wanted))[0] == "AccessDenied"


def test_a_snapshot_comes_first_on_an_approvers_word(account: Account) -> None:
    """Signed with the real credential; the deletion is released when AWS says that the snapshot is there."""
    rds, direct = account.client("rds"), account.direct("rds")
    direct.create_db_instance(
        DBInstanceIdentifier="kept", DBInstanceClass="db.t3.micro", Engine="postgres", AllocatedStorage=5
    )
    wanted = {"DBInstanceIdentifier": "kept", "SkipFinalSnapshot": True}
    message = refused(lambda: rds.delete_db_instance(**wanted))[1]
    approval = re.search(r"apr_\w+", message)
    assert approval is not None
    got = httpx.post(
        f"{account.firewall.control}/api/approvals/{approval[0]}/decision",
        json={"decision": "approve", "first": True},
        headers=account.firewall.approver,
        trust_env=False,
        timeout=LIMIT_S,
    ).json()
    assert ([run["state"] for run in got["runs"]], got["status"]) == (["done"], "approved"), got
    by_us = {"DBInstanceIdentifier": "kept", "SnapshotType": "manual"}
    (snapshot,) = direct.describe_db_snapshots(**by_us)["DBSnapshots"]
    assert snapshot["DBSnapshotIdentifier"] == "kept-before-deletion"
    assert rds.delete_db_instance(**wanted)["DBInstance"]["DBInstanceIdentifier"] == "kept"
    assert len(direct.describe_db_snapshots(**by_us)["DBSnapshots"]) == 1


def test_instances_and_keys_wait_for_people(account: Account) -> None:
    """An instance is not terminated and no key is made before somebody agrees; a dry run only reads."""
    ec2 = account.client("ec2")
    started = ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    assert refused(lambda: ec2.terminate_instances(InstanceIds=[started], DryRun=True))[0] == "DryRunOperation"
    assert refused(lambda: ec2.terminate_instances(InstanceIds=[started]))[0] == "AccessDenied"
    account.direct("iam").create_user(UserName="bob")
    iam = account.client("iam", region="us-east-1")
    assert refused(lambda: iam.create_access_key(UserName="bob"))[0] == "AccessDenied"
    summaries = account.approve_all()
    assert any(started in summary for summary in summaries)
    ec2.terminate_instances(InstanceIds=[started])
    assert iam.create_access_key(UserName="bob")["AccessKey"]["UserName"] == "bob"
    assert refused(lambda: iam.create_access_key(UserName="bob"))[0] == "AccessDenied"
    state = account.direct("ec2").describe_instances(InstanceIds=[started])["Reservations"][0]["Instances"][0]
    assert state["State"]["Name"] in ("terminated", "shutting-down")


def test_the_same_calls_are_judged_by_their_environment(account: Account) -> None:
    """With a token for production the same call is asked or denied under that environment's rows."""
    token = minted(account.firewall, "aws-live", env="production")
    keys = token["aws"]
    assert account.client("rds", keys=keys).describe_db_instances()
    code, _ = refused(
        lambda: account.client("rds", keys=keys).delete_db_instance(
            DBInstanceIdentifier="other", SkipFinalSnapshot=True
        )
    )
    assert code == "AccessDenied"
    here = [one for one in account.firewall.pending() if one["environment"] == "production"]
    assert len(here) <= 1
    borrowed = {**account.keys, "AWS_ENDPOINT_URL": keys["AWS_ENDPOINT_URL"]}
    assert refused(lambda: account.client("rds", keys=borrowed).describe_db_instances())[0] == "AccessDenied"


def test_uploads_in_parts_and_in_streams_arrive(account: Account, tmp_path: Path) -> None:
    """Objects of any bytes, in one piece, in parts, and names that need escaping, go through unchanged."""
    s3 = account.client("s3")
    s3.create_bucket(Bucket="uploads", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    whole = bytes(range(256)) * 4096
    s3.put_object(Bucket="uploads", Key="a/b c+é;%2F.bin", Body=whole, Metadata={"kind": "test"})
    found = s3.get_object(Bucket="uploads", Key="a/b c+é;%2F.bin")
    assert (found["Body"].read() == whole, found["Metadata"]) == (True, {"kind": "test"})
    assert s3.head_object(Bucket="uploads", Key="a/b c+é;%2F.bin")["ContentLength"] == len(whole)
    path = tmp_path / "large"
    path.write_bytes(os.urandom(9 << 20))
    s3.upload_file(str(path), "uploads", "large")
    back = tmp_path / "back"
    s3.download_file("uploads", "large", str(back))
    assert back.read_bytes() == path.read_bytes()


def test_unsigned_streams_need_the_targets_word(account: Account) -> None:
    """aws-chunked bodies without signatures are decoded where the target takes them, and refused elsewhere."""
    account.direct("s3").create_bucket(
        Bucket="chunked", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    body = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
    for target, status in (("aws-ireland", 200), ("aws-staging", 403)):
        request = signed_by_botocore(
            "PUT",
            f"/infra/{target}/chunked/object",
            key_id=account.token_id,
            secret=account.keys["AWS_SECRET_ACCESS_KEY"],
            service="s3",
            headers={
                "content-encoding": "aws-chunked",
                "x-amz-decoded-content-length": "5",
                "x-amz-trailer": "x-amz-checksum-crc32",
            },
            base=account.firewall.agents,
            payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        )
        assert account.send(request, body)[0] == status
    got = account.direct("s3").get_object(Bucket="chunked", Key="object")
    assert (got["Body"].read(), got.get("ContentEncoding", "")) == (b"hello", "")


def test_signed_streams_arrive_or_are_refused(account: Account) -> None:
    """Signed chunks with a signed checksum arrive as the object; with one changed byte nothing does."""
    direct, secret = account.direct("s3"), account.keys["AWS_SECRET_ACCESS_KEY"]
    direct.create_bucket(Bucket="streams", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    request = signed_by_botocore(
        "PUT",
        "/infra/aws-staging/streams/object",
        key_id=account.token_id,
        secret=secret,
        service="s3",
        headers={
            "content-encoding": "aws-chunked",
            "x-amz-decoded-content-length": "5",
            "x-amz-trailer": "x-amz-checksum-crc32",
        },
        base=account.firewall.agents,
        payload="STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    )
    signed = sigv4.read(request.fields, "")
    key = sigv4.signing_key(secret, signed)
    body = chained([b"he", b"llo"], signed=signed, key=key, trailers={"x-amz-checksum-crc32": "NhCmhg=="})
    assert account.send(request, body.replace(b"llo", b"lla"))[0] == 403
    assert "Contents" not in direct.list_objects_v2(Bucket="streams")
    assert account.send(request, body)[0] == 200
    assert direct.get_object(Bucket="streams", Key="object")["Body"].read() == b"hello"


def test_an_agent_is_started_with_a_key(account: Account, tmp_path: Path) -> None:
    """`run --aws` gives the agent its own key and nothing of the user's."""
    own = {"AWS_PROFILE": "mine", "AWS_SESSION_TOKEN": "mine", "AWS_SECRET_ACCESS_KEY": "mine"}
    env = {"STAYHAND_TOKEN": account.firewall.installed.shown["admin_token"], "AWS_REGION": "eu-west-1", **own}
    config = str(account.firewall.at_its_ports())
    done = cli(
        "--config", config, "run", "--aws", "aws-staging", "--workspace", str(tmp_path), "--", "env", env=env
    )
    assert done.returncode == 0, done.stderr
    given = dict(line.split("=", 1) for line in done.stdout.splitlines() if line.startswith("AWS_"))
    assert given.pop("AWS_REGION") == "eu-west-1"
    assert set(given) == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"}
    assert account.client("rds", keys=given).describe_db_instances()


def test_a_bucket_in_the_hosts_name_is_judged_as_its_path(account: Account) -> None:
    """Virtual hosts below our own names are understood; what is judged and sent is the path."""
    account.direct("s3").create_bucket(
        Bucket="virtual", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    port = urlsplit(account.firewall.agents).port
    request = signed_by_botocore(
        "PUT",
        "/infra/aws-staging/key",
        key_id=account.token_id,
        secret=account.keys["AWS_SECRET_ACCESS_KEY"],
        service="s3",
        body=b"1",
        base=f"http://virtual.localhost:{port}",
    )
    assert account.send(request)[0] == 200
    assert account.direct("s3").get_object(Bucket="virtual", Key="key")["Body"].read() == b"1"
    other = signed_by_botocore(
        "POST", "/infra/aws-staging/", key_id=account.token_id, secret="x", base="http://virtual.evil.example"
    )
    assert account.send(other)[0] == 403


def test_presigned_addresses_are_refused(account: Account) -> None:
    """An address that carries its authority can be handed on: not taken."""
    url = account.client("s3").generate_presigned_url("get_object", Params={"Bucket": "uploads", "Key": "large"})
    got = httpx.get(url, trust_env=False)
    assert (got.status_code, got.headers["x-stayhand-code"]) == (403, "presigned_refused")


def test_wrong_keys_open_nothing(account: Account) -> None:
    """A wrong secret, an unknown id and somebody's real key are all 403, and look alike."""
    answers = [
        refused(lambda keys=keys: account.client("rds", keys=keys).describe_db_instances())  # type: ignore[misc]  # bound at once
        for keys in (
            {"AWS_SECRET_ACCESS_KEY": "wrong"},
            {"AWS_ACCESS_KEY_ID": "tok_0SfvSp2wXKx1bW8n5kXk1Y"},
            {"AWS_ACCESS_KEY_ID": REAL_ID, "AWS_SECRET_ACCESS_KEY": REAL_SECRET},
        )
    ]
    assert {code for code, _ in answers} == {"InvalidClientTokenId"}
    assert len({message for _, message in answers}) == 1


def test_a_changed_request_is_refused(account: Account) -> None:
    """Body, path and query of a signed request cannot be changed on the way, and a change is good once."""
    request = signed_by_botocore(
        "POST",
        "/infra/aws-staging/",
        key_id=account.token_id,
        secret=account.keys["AWS_SECRET_ACCESS_KEY"],
        service="ec2",
        headers={"content-type": "application/x-www-form-urlencoded"},
        body=b"Action=CreateTags&Version=2016-11-15&ResourceId.1=i-0a&Tag.1.Key=a&Tag.1.Value=b",
        base=account.firewall.agents,
    )
    assert account.send(request, request.body.replace(b"Value=b", b"Value=c"))[0] == 403
    first = account.send(request)
    again = account.send(request)
    assert (first[0] != 403, again[0]) == (True, 403)
    assert b"signature_used" in again[1]


def test_a_foreign_session_token_is_stopped(account: Account) -> None:
    """A session token beside our key is a credential that we did not issue."""
    client = boto3.client(
        "rds",
        region_name="eu-west-1",
        aws_access_key_id=account.token_id,
        aws_secret_access_key=account.keys["AWS_SECRET_ACCESS_KEY"],
        aws_session_token="found-somewhere",
        endpoint_url=account.keys["AWS_ENDPOINT_URL"],
    )
    code, message = refused(client.describe_db_instances)
    assert (code, "credential_foreign" in message, "found-somewhere" in message) == ("AccessDenied", True, False)


def test_regions_are_the_targets(account: Account) -> None:
    """A target for one region serves no other."""
    keys = {**account.keys, "AWS_ENDPOINT_URL": f"{account.firewall.agents}/infra/aws-ireland"}
    assert account.client("rds", keys=keys).describe_db_instances()
    code, message = refused(lambda: account.client("rds", keys=keys, region="us-east-1").describe_db_instances())
    assert (code, "region_refused" in message) == ("AccessDenied", True)


def test_a_revoked_token_takes_its_key_with_it(account: Account) -> None:
    """Once the revocation is answered the very next request with the key is refused."""
    token = minted(account.firewall, agent="short-lived")
    client = account.client("rds", keys=token["aws"])
    assert client.describe_db_instances()
    gone = httpx.delete(
        f"{account.firewall.control}/api/tokens/{token['id']}", headers=account.firewall.admin, trust_env=False
    )
    assert gone.status_code == 200
    assert refused(client.describe_db_instances)[0] == "InvalidClientTokenId"


def test_keys_are_for_targets_that_the_token_permits(account: Account) -> None:
    """No key for a target that is none of AWS, unknown, or another environment's; nothing is minted then."""
    known = len(httpx.get(f"{account.firewall.control}/api/tokens", headers=account.firewall.admin).json())
    for name in ("nothing", "aws-live"):
        answer = httpx.post(
            f"{account.firewall.control}/api/tokens",
            json={"env": "staging", "owner": "alice", "aws": name},
            headers=account.firewall.admin,
            trust_env=False,
        )
        assert answer.status_code == 400, answer.text
    assert len(httpx.get(f"{account.firewall.control}/api/tokens", headers=account.firewall.admin).json()) == known


def test_the_command_line_prints_the_variables(account: Account) -> None:
    """`token mint --aws` and `token narrow --aws` print what AWS programs read."""
    config = str(account.firewall.at_its_ports())
    env = {"STAYHAND_TOKEN": account.firewall.installed.shown["admin_token"]}
    done = cli("--config", config, "token", "mint", "--env", "staging", "--aws", "aws-staging", env=env)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("shd_staging_agent_")
    assert [line.partition("=")[0] for line in lines[1:]] == [
        "export AWS_ACCESS_KEY_ID",
        "export AWS_SECRET_ACCESS_KEY",
        "export AWS_ENDPOINT_URL",
    ]
    narrow = ("narrow", account.token_id, "--verbs", "read", "--aws", "aws-staging", "--json")
    done = cli("--config", config, "token", *narrow, env=env)
    assert done.returncode == 0, done.stderr
    parts = account.client("s3", keys=json.loads(done.stdout)["aws"])
    assert "without Range" in refused(lambda: parts.get_object(Bucket="any", Key="x", Range="bytes=0-9"))[1]
    client = account.client("ec2", keys=json.loads(done.stdout)["aws"])
    assert client.describe_instances()
    assert (
        refused(lambda: client.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1))[0] == "AccessDenied"
    )


def test_the_real_awscli_works_and_is_held(account: Account) -> None:
    """`aws` through AWS_ENDPOINT_URL: lists flow, `s3 rb --force` stops at the first object until approved."""
    listed = account.aws("rds", "describe-db-instances", "--output", "json")
    assert listed.returncode == 0, listed.stderr
    direct = account.direct("s3")
    direct.create_bucket(Bucket="doomed", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    direct.put_object(Bucket="doomed", Key="only", Body=b"copy")
    forced = account.aws("s3", "rb", "s3://doomed", "--force")
    assert forced.returncode != 0
    assert "approval apr_" in forced.stdout + forced.stderr
    assert direct.get_object(Bucket="doomed", Key="only")["Body"].read() == b"copy"
    assert any("doomed/only" in summary for summary in account.approve_all())
    again = account.aws("s3", "rb", "s3://doomed", "--force")
    assert "apr_" in again.stdout + again.stderr  # the object is gone, the bucket is another loss
    assert "Contents" not in direct.list_objects_v2(Bucket="doomed")
    account.approve_all()
    assert account.aws("s3", "rb", "s3://doomed", "--force").returncode == 0
    assert "doomed" not in {one["Name"] for one in direct.list_buckets()["Buckets"]}


def test_the_log_verifies_and_holds_no_credential(account: Account) -> None:
    """Everything above stands in a log that verifies; no file and no line of output holds a secret."""
    done = verify(account.firewall.installed)
    assert done.returncode == 0, done.stdout + done.stderr
    secrets = [REAL_SECRET, REAL_SESSION, account.keys["AWS_SECRET_ACCESS_KEY"]]
    said = "".join(account.firewall.lines)
    assert not [secret for secret in secrets if secret in said]
    for path in account.firewall.installed.database.parent.iterdir():
        if path.is_file():
            raw = path.read_bytes()
            assert not [secret for secret in secrets if secret.encode() in raw], path
