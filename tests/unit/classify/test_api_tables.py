"""The tables of apis/: their form, where they come from, what they say of operations that everybody knows."""

import re
from pathlib import Path

import pytest

from firewall.classify.api import aws
from firewall.classify.api.routes import find, routes_of, segments_of
from firewall.classify.api.table import PROVENANCE, Table, effects_of, read_table
from firewall.core.errors import ConfigError
from tests.support.understanding import ROOT, shipped_catalogue

APIS = ROOT / "policies/apis"
NAMES = sorted(path.stem for path in APIS.glob("*.tsv"))
LEAST = {
    "aws": 19_000,
    "cloudflare": 2_500,
    "digitalocean": 800,
    "fly": 100,
    "fly-graphql": 140,
    "github": 1_200,
    "github-graphql": 270,
    "neon": 150,
    "railway-graphql": 330,
    "stripe": 440,
    "supabase": 150,
    "vercel": 420,
}
HEAD = "# kind: rest\n# licence: MIT\n# made by: hand\n# read: 2026-11-21\n# rows: 1\n# source: none\n"


def table(name: str) -> Table:
    """Return a shipped table."""
    return shipped_catalogue().apis[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_table_says_where_it_comes_from(name: str) -> None:
    """A table names its source with version, licence, day and generator, and holds as many rows as it says."""
    found = table(name)
    assert set(PROVENANCE) <= set(found.head)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", found.head["read"])
    assert re.search(r"\d", found.head["source"])
    generator = re.match(r"policies/generators/\w+\.py", found.head["made by"])
    assert generator is not None
    assert (ROOT / generator[0]).is_file()
    rows = [line for line in found.body.splitlines() if not line.startswith("=")]
    assert len(rows) == int(found.head["rows"]) >= LEAST.get(name, 100)


@pytest.mark.parametrize("name", NAMES)
def test_tables_are_sorted_and_hold_nothing_twice(name: str) -> None:
    """Rows stand in the order of their names, so that two generations differ only where the source does."""
    found = table(name)
    if found.kind == "aws":
        services = re.findall(r"^=\t(\S+)", found.body, re.MULTILINE)
        assert len(services) == len(set(services)) > 400
        blocks = re.split(r"^=\t.*\n", found.body, flags=re.MULTILINE)[1:]
        keys = [[line.split("\t")[1] for line in block.splitlines()] for block in blocks]
        assert all(block == sorted(set(block)) for block in keys)
        return
    rows = [line.split("\t") for line in found.body.splitlines()]
    if found.kind == "kubernetes":
        assert [row[:3] for row in rows] == sorted({tuple(row[:3]): row[:3] for row in rows}.values())
        return
    if found.kind == "graphql":
        for letter in "mq":
            fields = [row[2] for row in rows if row[1] == letter]
            assert fields == sorted(set(fields))
        return
    operations = [(row[2], row[1], row[3]) for row in rows]
    assert len(operations) == len(set(operations))


@pytest.mark.parametrize("name", NAMES)
def test_no_read_of_a_table_changes_anything(name: str) -> None:
    """No row calls an operation a read and something else that changes state; delete is never mild."""
    if table(name).kind == "kubernetes":
        reads = re.findall(r"(?:DELETE|PATCH|POST|PUT)=(?:get|list|watch)\b", table(name).body)
        assert reads == []
        return
    rows = [line.split("\t") for line in table(name).body.splitlines() if not line.startswith("=")]
    assert [row for row in rows if "r" in row[0] and len(row[0]) > 1] == []
    if table(name).kind == "rest":
        assert [row for row in rows if row[1] == "DELETE" and row[0] in ("r", "s")] == []


@pytest.mark.parametrize(
    ("name", "method", "path", "letters", "operation"),
    [
        ("github", "DELETE", "/repos/a/b", "d", "repos/delete"),
        ("github", "PUT", "/repos/a/b/contents/src/x/y.py", "w", "repos/create-or-update-file-contents"),
        ("github", "GET", "/repos/a/b/actions/secrets", "r", "actions/list-repo-secrets"),
        ("github", "POST", "/repos/a/b/keys", "p", "repos/create-deploy-key"),
        ("github", "DELETE", "/repos/a/b/keys/1", "pd", "repos/delete-deploy-key"),
        ("github", "DELETE", "/user/starred/a/b", "w", "activity/unstar-repo-for-authenticated-user"),
        ("github", "DELETE", "/repos/a/b/git/refs/heads/feature/x", "d", "git/delete-ref"),
        ("github", "DELETE", "/repos/a/b/branches/main/protection", "pd", "repos/delete-branch-protection"),
        ("github", "DELETE", "/orgs/o/memberships/u", "p", "orgs/remove-membership-for-user"),
        ("github", "POST", "/orgs/o/actions/runners/registration-token", "sp",
         "actions/create-registration-token-for-org"),
        ("digitalocean", "DELETE", "/v2/volumes/1", "d", "volumes_delete"),
        ("digitalocean", "GET", "/v2/kubernetes/clusters/1/kubeconfig", "s", "kubernetes_get_kubeconfig"),
        ("cloudflare", "DELETE", "/client/v4/zones/1", "d", "zones.zones.delete"),
        ("neon", "POST", "/api/v2/projects/p/branches/b/restore", "d", "restoreProjectBranch"),
        ("supabase", "DELETE", "/v1/projects/ref", "d", "v1DeleteAProject"),
        ("supabase", "POST", "/v1/projects/ref/database/backups/undo", "d", "v1Undo"),
        ("supabase", "GET", "/v1/projects/ref/pgsodium", "s", "v1GetPgsodiumConfig"),
        ("fly", "DELETE", "/v1/apps/a/volumes/v", "d", "Volume_delete"),
        ("fly", "POST", "/v1/apps/a/deploy_token", "sp", "App_create_deploy_token"),
        ("fly", "POST", "/v1/apps/a/machines/m/exec", "x", "Machines_exec"),
        ("stripe", "POST", "/v1/payment_intents/p/cancel", "i", "PostPaymentIntentsIntentCancel"),
    ],
)  # fmt: skip
def test_known_rest_operations(name: str, method: str, path: str, letters: str, operation: str) -> None:
    """Operations that everybody knows have the effects that they have."""
    found = find(routes_of(table(name), method), method, segments_of(path), ())
    assert found is not None
    assert found.name == operation
    assert found.effects == effects_of(letters)


@pytest.mark.parametrize(
    ("service", "operation", "letters"),
    [
        ("ec2", "describe-instances", "r"),
        ("ec2", "TerminateInstances", "d"),
        ("ec2", "reboot-instances", "i"),
        ("s3api", "delete-bucket", "d"),
        ("rds", "delete-db-snapshot", "d"),
        ("iam", "attach-role-policy", "p"),
        ("iam", "create-access-key", "sp"),
        ("iam", "delete-user", "pd"),
        ("iam", "tag-role", "w"),
        ("secretsmanager", "get-secret-value", "s"),
        ("kms", "schedule-key-deletion", "d"),
        ("kms", "cancel-key-deletion", "w"),
        ("configservice", "delete-config-rule", "d"),
        ("deploy", "stop-deployment", "i"),
        ("sts", "assume-role", "s"),
        ("ssm", "send-command", "xu"),
        ("sqs", "purge-queue", "d"),
        ("dynamodb", "put-item", "w"),
        ("organizations", "close-account", "d"),
        ("cloudtrail", "stop-logging", "d"),
    ],
)
def test_known_aws_operations(service: str, operation: str, letters: str) -> None:
    """Command line and API spell an operation differently; both find it, with its effects."""
    found = aws.by_command(table("aws"), service, operation)
    assert found is not None
    assert found.operation.effects == effects_of(letters)


@pytest.mark.parametrize(
    ("host", "wanted"),
    [
        ("ec2.eu-west-1.amazonaws.com", "ec2"),
        ("iam.amazonaws.com", "iam"),
        ("api.ecr.us-east-1.amazonaws.com", "ecr"),
        ("s3.us-east-1.amazonaws.com", "s3api"),
        ("bucket.s3.us-east-1.amazonaws.com", "s3api"),
        ("a.b.s3.dualstack.eu-west-1.amazonaws.com", "s3api"),
        ("s3-us-west-2.amazonaws.com", "s3api"),
        ("dynamodb.cn-north-1.amazonaws.com.cn", "dynamodb"),
        ("abc.example.com", ""),
    ],
)
def test_hosts_lead_to_services(host: str, wanted: str) -> None:
    """The first label that names a service decides, whatever regions and buckets stand around it."""
    names = [service.name for service in aws.services_at(table("aws"), host)]
    assert (wanted in names) if wanted else names == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# kind: rest\n",
        "kind: rest\n",
        HEAD.replace("rest", "soap") + "r\tGET\t/a\tx\t\n",
        HEAD + "r GET /a x\n",
        HEAD + "z\tGET\t/a\tx\t\n",
        HEAD + "r\tGET\ta\tx\t\n",
        HEAD + "r\tGET\t/a\tx\t",
        HEAD + "r\tGET\t/a\tx\t\textra\n",
        HEAD.replace("rest", "graphql") + "r\tx\tfield\t\n",
        HEAD.replace("rest", "aws") + "r\tDescribe\n",
    ],
)
def test_a_broken_table_is_refused(text: str) -> None:
    """A line that is not in the form is named when the policies are loaded, not when it is asked for."""
    with pytest.raises(ConfigError):
        read_table("apis/x.tsv", text)


def test_a_sound_table_is_read() -> None:
    """The form that the refusals refuse is accepted."""
    assert read_table("apis/x.tsv", HEAD + "r\tGET\t/a/{}\tx\tgets it\n").kind == "rest"


def test_generators_stand_beside_their_corrections() -> None:
    """Every file of corrections is named by a table's head, so none is forgotten."""
    named = "\n".join(table(name).head["made by"] for name in NAMES)
    by_hand = sorted(path.stem for path in (ROOT / "policies/generators/overrides").glob("*.toml"))
    assert [name for name in by_hand if f"overrides/{name}.toml" not in named] == []
    assert Path(APIS).is_dir()
