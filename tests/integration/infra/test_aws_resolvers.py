"""AWS's resolver against moto's server: answers as the real API gives them, XML and JSON, signed questions."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
import pytest_asyncio

from firewall.core.action import UNRESOLVED
from firewall.core.outgoing import Outgoing
from firewall.core.target import TargetKind, TargetSpec
from firewall.routing.upstream import HttpUpstream
from tests.support.moto_server import moto
from tests.support.vendor_look import Seen, look, rules_with

REGION = "eu-west-1"
KEY = json.dumps({"AccessKeyId": "AKIA" + "READING000000001", "SecretAccessKey": "reading-secret-canary"})
SPEC = TargetSpec("aws", "staging", TargetKind.AWS, "amazonaws.com")
ROWS = """
[[environment]]
name = "staging"
resources = ["table:aws/shop-staging"]
[[environment]]
name = "production"
tags = ["aws/Environment=live"]
resources = ["table:aws/shop"]
"""


@dataclass(slots=True)
class Cloud:
    """An account with things in it."""

    base: str
    disk: str = ""
    live_disk: str = ""
    machine: str = ""

    def client(self, service: str) -> Any:
        """Return boto3's client of the account itself."""
        return boto3.client(
            service,
            region_name=REGION,
            aws_access_key_id="x",
            aws_secret_access_key="x",
            endpoint_url=self.base,
        )

    def fill(self) -> None:
        """Make databases, disks, a machine and tables, in staging and in production."""
        rds, ec2, dynamo = self.client("rds"), self.client("ec2"), self.client("dynamodb")
        for name, place in (("shop-staging", "staging"), ("shop", "live")):
            rds.create_db_instance(
                DBInstanceIdentifier=name,
                DBInstanceClass="db.t3.micro",
                Engine="postgres",
                AllocatedStorage=20,
                DeletionProtection=place == "live",
                Tags=[{"Key": "Environment", "Value": place}],
            )
            dynamo.create_table(
                TableName=name,
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        rds.create_db_snapshot(DBSnapshotIdentifier="by-hand", DBInstanceIdentifier="shop-staging")
        disks = [
            ec2.create_volume(
                Size=8,
                AvailabilityZone="eu-west-1a",
                TagSpecifications=[{"ResourceType": "volume", "Tags": [{"Key": "Environment", "Value": place}]}],
            )["VolumeId"]
            for place in ("staging", "live")
        ]
        self.disk, self.live_disk = disks
        ec2.create_snapshot(VolumeId=self.disk)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """One account for the module: nothing here changes it."""
    with moto() as base:
        made = Cloud(base)
        made.fill()
        yield made


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[HttpUpstream]:
    """The gate's own carrier."""
    carrier = HttpUpstream()
    yield carrier
    await carrier.close()


async def _form(cloud: Cloud, upstream: HttpUpstream, service: str, form: str, version: str) -> Seen:
    outgoing = Outgoing(
        "POST",
        "/",
        headers=(("content-type", "application/x-www-form-urlencoded; charset=utf-8"),),
        body=f"{form}&Version={version}".encode(),
        host=f"{service}.{REGION}.amazonaws.com",
        scope=f"{REGION}/{service}",
    )
    return await _look(cloud, upstream, outgoing)


async def _look(cloud: Cloud, upstream: HttpUpstream, outgoing: Outgoing) -> Seen:
    now = datetime.now(UTC) + timedelta(hours=2)
    return await look(SPEC, outgoing, base=cloud.base, key=KEY, rules=rules_with(ROWS), upstream=upstream, now=now)


async def test_a_database_of_staging_with_a_snapshot(cloud: Cloud, upstream: HttpUpstream) -> None:
    """Its tag says where it lies; the manual snapshot is what the call would leave."""
    seen = await _form(
        cloud, upstream, "rds", "Action=DeleteDBInstance&DBInstanceIdentifier=shop-staging", "2014-10-31"
    )
    assert (seen.environment, seen.refusal) == ("staging", "")
    assert any("database shop-staging" in line and "in staging, 20.0 GB" in line for line in seen.said)
    (finding,) = seen.findings
    assert finding.facts["backups"] == 1
    assert finding.facts["backup_outside_blast_radius"] is True
    assert finding.facts["backup_age_h"] in (1, 2)
    assert finding.facts["protected"] is False


async def test_a_database_of_production_and_none_at_all(cloud: Cloud, upstream: HttpUpstream) -> None:
    """The one lies elsewhere by its tag, the other is not known: both are refused."""
    live = await _form(cloud, upstream, "rds", "Action=DeleteDBInstance&DBInstanceIdentifier=shop", "2014-10-31")
    none = await _form(cloud, upstream, "rds", "Action=DeleteDBInstance&DBInstanceIdentifier=nobody", "2014-10-31")
    assert "lies in production" in live.refusal
    assert "not known" in none.refusal


async def test_disks(cloud: Cloud, upstream: HttpUpstream) -> None:
    """By tag, with the snapshot that outlives them."""
    seen = await _form(cloud, upstream, "ec2", f"Action=DeleteVolume&VolumeId={cloud.disk}", "2016-11-15")
    assert (seen.environment, seen.refusal) == ("staging", "")
    assert seen.findings[0].facts["backups"] == 1
    live = await _form(cloud, upstream, "ec2", f"Action=DeleteVolume&VolumeId={cloud.live_disk}", "2016-11-15")
    assert "lies in production" in live.refusal


@pytest.mark.parametrize(("table", "environment"), [("shop-staging", "staging"), ("shop", "")])
async def test_tables_by_their_names(cloud: Cloud, upstream: HttpUpstream, table: str, environment: str) -> None:
    """A table's tags are not in its description: rows name it."""
    outgoing = Outgoing(
        "POST",
        "/",
        headers=(
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", "DynamoDB_20120810.DeleteTable"),
        ),
        body=b'{"TableName": "%s"}' % table.encode(),
        host=f"dynamodb.{REGION}.amazonaws.com",
        scope=f"{REGION}/dynamodb",
    )
    seen = await _look(cloud, upstream, outgoing)
    assert seen.environment == environment
    assert bool(seen.refusal) is not bool(environment)


async def test_an_id_that_is_none_is_unresolved(cloud: Cloud, upstream: HttpUpstream) -> None:
    """What does not look like an id is not asked about."""
    seen = await _form(cloud, upstream, "ec2", "Action=DeleteVolume&VolumeId=vol-..%2Fx", "2016-11-15")
    assert (seen.environment, seen.refusal) == (UNRESOLVED, "")
