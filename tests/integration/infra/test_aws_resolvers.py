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
from firewall.core.effect import Effect
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
resources = [
  "aws:elasticache/shop-group", "aws:elasticache/shop-cache", "aws:memorydb/shop-memory",
  "table:aws/shop-staging", "bucket:aws/shop-bare", "aws:logs/shop-kept", "aws:logs/shop", "aws:iam/shop-robot",
]
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
    key: str = ""
    """The id of an access key."""

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
        self._fill_stores()
        self._fill_clusters()
        self._fill_pasts()

    def _fill_pasts(self) -> None:
        """Make caches, a warehouse and a table whose past is kept for seven or ten days."""
        caches = self.client("elasticache")
        caches.create_replication_group(
            ReplicationGroupId="shop-group", ReplicationGroupDescription="x", SnapshotRetentionLimit=7
        )
        caches.create_cache_cluster(
            CacheClusterId="shop-cache",
            Engine="redis",
            CacheNodeType="cache.t4g.micro",
            NumCacheNodes=1,
            SnapshotRetentionLimit=7,
        )
        self.client("memorydb").create_cluster(
            ClusterName="shop-memory", NodeType="db.t4g.small", ACLName="open-access", SnapshotRetentionLimit=7
        )
        self.client("redshift").create_cluster(
            ClusterIdentifier="shop-warehouse",
            NodeType="ra3.large",
            MasterUsername="root",
            MasterUserPassword="Not-a-real-one-1",
            AutomatedSnapshotRetentionPeriod=7,
            Tags=[{"Key": "Environment", "Value": "staging"}],
        )
        self.client("dynamodb").update_continuous_backups(
            TableName="shop-staging",
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 7},
        )

    def _fill_stores(self) -> None:
        """Make buckets, with versions and without, and a group of logs."""
        s3, logs = self.client("s3"), self.client("logs")
        for bucket, place in (("shop-files", "staging"), ("shop-live", "live"), ("shop-bare", "")):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
            if place:
                tags = [{"Key": "Environment", "Value": place}]
                s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
        s3.put_bucket_versioning(Bucket="shop-files", VersioningConfiguration={"Status": "Enabled"})
        for text in (b"one", b"three"):
            s3.put_object(Bucket="shop-files", Key="reports/a.csv", Body=text)
        s3.put_object(Bucket="shop-files", Key="reports/a.csv.old", Body=b"x")
        s3.put_object(Bucket="shop-bare", Key="a", Body=b"x")
        for name in ("shop", "shop-kept"):
            logs.create_log_group(logGroupName=name)
        logs.put_retention_policy(logGroupName="shop-kept", retentionInDays=30)

    def _fill_clusters(self) -> None:
        """Make a cluster of databases with a snapshot, and a role and a key of a user."""
        rds, iam = self.client("rds"), self.client("iam")
        rds.create_db_cluster(
            DBClusterIdentifier="shop-cluster",
            Engine="aurora-postgresql",
            MasterUsername="root",
            MasterUserPassword="not-a-real-one",
            BackupRetentionPeriod=7,
            Tags=[{"Key": "Environment", "Value": "staging"}],
        )
        rds.create_db_cluster_snapshot(
            DBClusterSnapshotIdentifier="cluster-by-hand", DBClusterIdentifier="shop-cluster"
        )
        iam.create_user(UserName="shop-robot")
        self.key = iam.create_access_key(UserName="shop-robot")["AccessKey"]["AccessKeyId"]


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


async def _stored(
    cloud: Cloud, upstream: HttpUpstream, method: str, path: str, *, query: str = "", host: str = ""
) -> Seen:
    outgoing = Outgoing(
        method,
        path,
        query=query,
        host=host or f"s3.{REGION}.amazonaws.com",
        scope=f"{REGION}/s3",
    )
    return await _look(cloud, upstream, outgoing)


@pytest.mark.parametrize("host", ["", f"shop-files.s3.{REGION}.amazonaws.com"])
async def test_an_object_by_its_buckets_tag_with_its_versions(
    cloud: Cloud, upstream: HttpUpstream, host: str
) -> None:
    """Size, etag and the versions that stay; the name of the bucket may stand in the host."""
    path = "/reports/a.csv" if host else "/shop-files/reports/a.csv"
    seen = await _stored(cloud, upstream, "DELETE", path, host=host)
    assert (seen.environment, seen.refusal) == ("staging", "")
    (finding,) = seen.findings
    assert finding.thing.resource == "object:aws/shop-files/reports/a.csv"
    assert finding.facts["backups"] == 2
    assert finding.facts["backup_outside_blast_radius"] is True
    assert dict(finding.bound)["etag"].strip('"')


async def test_an_object_without_versions_has_no_way_back(cloud: Cloud, upstream: HttpUpstream) -> None:
    """A bucket without tags lies where a row says; what it holds cannot be brought back."""
    seen = await _stored(cloud, upstream, "DELETE", "/shop-bare/a")
    assert (seen.environment, seen.refusal) == ("staging", "")
    assert seen.findings[0].facts["backups"] == 0
    assert any("none" in line for line in seen.said)


async def test_buckets_of_staging_of_production_and_none(cloud: Cloud, upstream: HttpUpstream) -> None:
    """By tag; what is in it and whether versions are kept; nobody's is told like another environment's."""
    seen = await _stored(cloud, upstream, "PUT", "/shop-files", query="versioning=")
    assert (seen.environment, seen.refusal) == ("staging", "")
    assert seen.findings[0].facts["versioned"] is True
    assert seen.findings[0].facts["holds"] == 2
    live = await _stored(cloud, upstream, "DELETE", "/shop-live")
    none = await _stored(cloud, upstream, "DELETE", "/shop-nobody")
    assert "lies in production" in live.refusal
    assert "not known" in none.refusal


async def test_a_cluster_with_a_snapshot_by_hand(cloud: Cloud, upstream: HttpUpstream) -> None:
    """The manual snapshot stays when the cluster is gone."""
    form = "Action=DeleteDBCluster&DBClusterIdentifier=shop-cluster"
    seen = await _form(cloud, upstream, "rds", form, "2014-10-31")
    assert (seen.environment, seen.refusal) == ("staging", "")
    assert seen.findings[0].facts["backup_outside_blast_radius"] is True
    assert seen.findings[0].facts["backups"] != 0


async def _logs(cloud: Cloud, upstream: HttpUpstream, group: str, days: int) -> Seen:
    body = json.dumps({"logGroupName": group, "retentionInDays": days}).encode()
    outgoing = Outgoing(
        "POST",
        "/",
        headers=(
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "Logs_20140328.PutRetentionPolicy"),
        ),
        body=body,
        host=f"logs.{REGION}.amazonaws.com",
        scope=f"{REGION}/logs",
    )
    return await _look(cloud, upstream, outgoing)


@pytest.mark.parametrize(
    ("group", "days", "is_loss"), [("shop-kept", 7, True), ("shop-kept", 90, False), ("shop", 365, True)]
)
async def test_a_retention_that_is_only_shortened(
    cloud: Cloud, upstream: HttpUpstream, group: str, days: int, *, is_loss: bool
) -> None:
    """What is less than now is said so; a group whose events never expired loses with any number."""
    seen = await _logs(cloud, upstream, group, days)
    assert (seen.environment, seen.refusal) == ("staging", "")
    assert ("shortens how long log events are kept" in seen.action.summary) is is_loss
    assert Effect.DESTRUCTIVE in seen.action.effects  # by itself: AWS deletes what is older


@pytest.mark.parametrize(("days", "is_loss"), [(1, True), (7, False), (30, False)])
async def test_backups_that_are_kept_less_long_are_restore_points_lost(
    cloud: Cloud, upstream: HttpUpstream, days: int, *, is_loss: bool
) -> None:
    """Seven days to one ends restore points, which no agent does; as long or longer is a setting."""
    form = f"Action=ModifyDBCluster&DBClusterIdentifier=shop-cluster&BackupRetentionPeriod={days}"
    seen = await _form(cloud, upstream, "rds", form, "2014-10-31")
    assert (Effect.DESTRUCTIVE in seen.action.effects) is is_loss
    assert seen.action.resource.startswith("backup:") is is_loss


FORMS = {
    "elasticache-group": (
        "elasticache",
        "Action=ModifyReplicationGroup&ReplicationGroupId=shop-group&SnapshotRetentionLimit={}",
        "2015-02-02",
    ),
    "elasticache": (
        "elasticache",
        "Action=ModifyCacheCluster&CacheClusterId=shop-cache&SnapshotRetentionLimit={}",
        "2015-02-02",
    ),
    "redshift": (
        "redshift",
        "Action=ModifyCluster&ClusterIdentifier=shop-warehouse&AutomatedSnapshotRetentionPeriod={}",
        "2012-12-01",
    ),
}
JSONS = {
    "dynamodb": (
        "dynamodb",
        "DynamoDB_20120810.UpdateContinuousBackups",
        {
            "TableName": "shop-staging",
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 0},
        },
    ),
    "memorydb": (
        "memory-db",
        "AmazonMemoryDB.UpdateCluster",
        {"ClusterName": "shop-memory", "SnapshotRetentionLimit": 0},
    ),
}


@pytest.mark.parametrize(("days", "is_loss"), [(1, True), (6, True), (7, False), (30, False)])
@pytest.mark.parametrize("service", [*FORMS, *JSONS])
async def test_a_past_that_is_kept_less_long_is_restore_points_lost(
    cloud: Cloud, upstream: HttpUpstream, service: str, days: int, *, is_loss: bool
) -> None:
    """Caches, memory, warehouses and tables: fewer days than now is a loss, as long or longer is not."""
    if service in FORMS:
        host, form, version = FORMS[service]
        seen = await _form(cloud, upstream, host, form.format(days), version)
    else:
        host, target, body = JSONS[service]
        said = json.dumps(body).replace(": 0", f": {days}").encode()
        headers = (("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target))
        outgoing = Outgoing(
            "POST",
            "/",
            headers=headers,
            body=said,
            host=f"{host}.{REGION}.amazonaws.com",
            scope=f"{REGION}/{service}",
        )
        seen = await _look(cloud, upstream, outgoing)
    assert (seen.environment, seen.refusal) == ("staging", "")
    assert (Effect.DESTRUCTIVE in seen.action.effects) is is_loss, seen.action.summary
    assert seen.action.resource.startswith("backup:") is is_loss
    assert (f"(from 7 to {days})" in seen.action.summary) is is_loss


async def test_a_key_says_when_it_was_last_used(cloud: Cloud, upstream: HttpUpstream) -> None:
    """Whose it is, and how long nobody used it, as far as the API tells."""
    form = f"Action=DeleteAccessKey&AccessKeyId={cloud.key}"
    seen = await _form(cloud, upstream, "iam", form, "2010-05-08")
    assert (seen.environment, seen.refusal) == ("staging", "")
    assert any("access key shop-robot" in line for line in seen.said)
