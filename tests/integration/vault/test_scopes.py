"""What providers tell of a credential, asked over real sockets: read-only, bounded, its value never repeated."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from firewall.core.target import TargetKind
from firewall.demo.serving import served
from firewall.gates.infra.scopes.asking import MOST_BYTES
from firewall.gates.infra.scopes.probing import BY_HOST, probe_all
from firewall.gates.infra.scopes.telling import Level, Scope
from firewall.gates.infra.targets import targets_of
from firewall.routing.upstream import HttpUpstream
from firewall.settings.settings import Settings
from firewall.settings.targets import Target
from firewall.settings.values import SecretRef
from tests.support.installation import cli, install
from tests.support.moto_server import moto
from tests.support.scope_server import ECHO, Noted, app

BEARER = "Authorization: Bearer {credential}"
CASES = [
    ("api.github.com", "classic", BEARER, "unsafe warn", "a classic token with repo, admin:org"),
    ("api.github.com", "classic-mild", BEARER, "ok", "without scopes that write"),
    ("api.github.com", "fine", BEARER, "ok", "fine-grained"),
    ("api.github.com", "app", BEARER, "ok", "an app"),
    ("api.github.com", "bad", BEARER, "error", "refuses the credential"),
    ("backboard.railway.app", "account", BEARER, "unsafe", "an account token"),
    ("backboard.railway.com", "workspace", BEARER, "unsafe", "a workspace token"),
    ("backboard.railway.app", "project", "Project-Access-Token: {credential}", "ok", "a project token"),
    ("backboard.railway.app", "bad", BEARER, "error", "refuses"),
    ("api.digitalocean.com", "full", BEARER, "unsafe", "full access"),
    ("api.digitalocean.com", "custom", BEARER, "ok", "custom scopes"),
    ("api.digitalocean.com", "bad", BEARER, "error", "refuses"),
    ("api.cloudflare.com", "wide", BEARER, "warn unsafe warn", "never expires"),
    ("api.cloudflare.com", "slim", BEARER, "ok", "at most one zone"),
    ("api.cloudflare.com", "global", "X-Auth-Key: {credential}", "unsafe", "the global API key"),
    ("api.cloudflare.com", "bad", BEARER, "warn", "no token of a user"),
    ("api.vercel.com", "user", BEARER, "unsafe warn", "the full account"),
    ("api.vercel.com", "team", BEARER, "warn warn", "a whole team"),
    ("api.vercel.com", "project", BEARER, "ok", "less than a team"),
    ("console.neon.tech", "person", BEARER, "unsafe", "a personal key"),
    ("console.neon.tech", "org", BEARER, "unsafe", "every project in it"),
    ("console.neon.tech", "scoped", BEARER, "ok", "at most one project"),
    ("api.supabase.com", "many", BEARER, "unsafe", "3 projects"),
    ("api.supabase.com", "one", BEARER, "warn", "one project today"),
    ("api.fly.io", "person", BEARER, "unsafe", "a personal token"),
    ("api.fly.io", "deploy", BEARER, "ok", "limits of its own"),
    ("api.machines.dev", "person", BEARER, "unsafe", "a personal token"),
    ("api.machines.dev", "org", BEARER, "warn", "a whole organisation"),
    ("api.machines.dev", "deploy", BEARER, "ok", "named applications"),
    ("api.stripe.com", "sk_" + "live_" + "a" * 24, BEARER, "unsafe", "live mode"),
    ("api.stripe.com", "sk_" + "test_" + "a" * 24, BEARER, "warn", "test mode"),
    ("api.stripe.com", "rk_" + "live_" + "a" * 24, BEARER, "ok", "restricted"),
    ("kubernetes", "root", BEARER, "unsafe", "cluster-admin"),
    ("kubernetes", "editor", BEARER, "unsafe", "everything"),
    ("kubernetes", "snoop", BEARER, "unsafe", "it reaches secrets"),
    ("kubernetes", "named", BEARER, "ok", "nothing grave"),
    ("kubernetes", "viewer", BEARER, "ok warn", "nothing grave"),
    ("kubernetes", "stranger", BEARER, "error", "refuses"),
    ("api.unheard-of.example", "x", BEARER, "skipped", "tells nobody"),
]
_READING = {"GET", "POST"}
_KEEPING_NOTHING = ("/graphql", "/apis/authorization.k8s.io/v1/selfsubject")


@pytest.fixture(scope="module")
def noted() -> Noted:
    """What the providers were asked."""
    return Noted()


@pytest.fixture(scope="module")
def base(noted: Noted) -> Iterator[str]:
    """The providers' address."""
    with served(app(noted)) as address:
        yield address


async def scopes(
    folder: Path, base: str, credential: str, *, host: str, header: str = BEARER, scoped: bool = False
) -> list[Scope]:
    """Return what is told of a credential at a host of the table."""
    held = folder / "credential"
    held.write_text(credential if credential.startswith(("sk_", "rk_", ECHO)) else f"who-{credential}")
    target = Target(
        name="one", environment="staging", base_url=base, hosting="self",
        pack="" if host == "kubernetes" else host,
        kind=TargetKind.KUBERNETES if host == "kubernetes" else TargetKind.REST,
        credential=SecretRef(file=str(held)), header=header, scoped=scoped,
    )  # fmt: skip
    return await told(Settings(target=(target,), path=str(folder / "stayhand.toml")))


async def told(settings: Settings) -> list[Scope]:
    """Ask about every target of a configuration."""
    upstream = HttpUpstream()
    try:
        return [one.scope for one in await probe_all(targets_of(settings).values(), upstream)]
    finally:
        await upstream.close()


@pytest.mark.parametrize(("host", "who", "header", "levels", "words"), CASES)
async def test_a_provider_tells_what_its_credential_may_do(
    tmp_path: Path, base: str, noted: Noted, host: str, who: str, header: str, levels: str, words: str
) -> None:
    """Each kind of credential of each provider: how grave, and in which words; nothing is changed there."""
    noted.requests.clear()
    said = await scopes(tmp_path, base, who, host=host, header=header)
    assert " ".join(one.level for one in said) == levels, said
    assert words in said[0].what
    for method, path, body in noted.requests:
        assert method in _READING
        assert method == "GET" or path.startswith(_KEEPING_NOTHING)
        assert "mutation" not in body
    assert len(noted.requests) <= 3


def test_every_provider_is_tested() -> None:
    """A provider that is asked by the code stands in the table above."""
    assert {case[0] for case in CASES} >= set(BY_HOST)


@pytest.mark.parametrize("host", sorted({case[0] for case in CASES}))
@pytest.mark.parametrize("who", [ECHO, "garbage", "moved"])
async def test_no_answer_is_repeated(tmp_path: Path, base: str, host: str, who: str) -> None:
    """A provider that echoes the credential, answers rubbish or points elsewhere: a plain word, no value."""
    said = await scopes(tmp_path, base, who, host=host)
    assert said
    assert all(ECHO not in one.what + one.hint and one.what.isprintable() for one in said)


async def test_nobody_there_is_said(tmp_path: Path) -> None:
    """Offline is no finding against the credential: it was not checked, and why."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    said = await scopes(tmp_path, f"http://127.0.0.1:{port}", "x", host="api.github.com")
    assert [one.level for one in said] == [Level.SKIPPED]
    assert "not checked" in said[0].what


async def test_a_claim_that_the_provider_contradicts(tmp_path: Path, base: str) -> None:
    """`scoped = true` with an account's token is said to be untrue; with a project's token it stands."""
    wide = await scopes(tmp_path, base, "account", host="backboard.railway.app", scoped=True)
    assert [one.level for one in wide] == [Level.UNSAFE, Level.UNSAFE]
    assert "`scoped = true` is not so" in wide[1].what
    fine = await scopes(
        tmp_path,
        base,
        "project",
        host="backboard.railway.app",
        header="Project-Access-Token: {credential}",
        scoped=True,
    )
    assert [one.level for one in fine] == [Level.OK]


async def test_a_base_address_may_hold_the_beginning_of_the_path(tmp_path: Path, base: str, noted: Noted) -> None:
    """`https://api.cloudflare.com/client/v4` as base_url asks for the same path."""
    noted.requests.clear()
    said = await scopes(tmp_path, f"{base}/client/v4", "slim", host="api.cloudflare.com")
    assert [one.level for one in said] == [Level.OK]
    assert noted.requests[0][1] == "/client/v4/user/tokens/verify"


def test_answers_are_bounded() -> None:
    """What a provider sends is read up to a quarter of a mebibyte."""
    assert MOST_BYTES == 256 * 1024


@pytest.fixture(scope="module")
def account() -> Iterator[tuple[str, dict[str, str]]]:
    """An account of AWS with an administrator and somebody with few rights; yields address and credentials."""
    with moto(MOTO_IAM_LOAD_MANAGED_POLICIES="true") as behind:
        iam = boto3.client(
            "iam", endpoint_url=behind, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        document = json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
            }
        )
        keys = {}
        for name, policy in (("admin", "AdministratorAccess"), ("clerk", "")):
            iam.create_user(UserName=name)
            if policy:
                arn = f"arn:aws:iam::aws:policy/{policy}"
                iam.attach_user_policy(UserName=name, PolicyArn=arn)
            else:
                iam.put_user_policy(UserName=name, PolicyName="few", PolicyDocument=document)
            made = iam.create_access_key(UserName=name)["AccessKey"]
            keys[name] = json.dumps(
                {"AccessKeyId": made["AccessKeyId"], "SecretAccessKey": made["SecretAccessKey"]}
            )
        yield behind, keys


@pytest.mark.parametrize(
    ("who", "wanted", "levels", "words"),
    [
        ("admin", "123456789012", ["unsafe"], "AdministratorAccess"),
        ("clerk", "123456789012", ["ok"], "administrator"),
        ("admin", "", ["warn", "unsafe"], "belongs to account 123456789012"),
        ("admin", "999999999999", ["error", "unsafe"], "not to 999999999999"),
    ],
)
async def test_aws_tells_who_a_key_is(
    tmp_path: Path, account: tuple[str, dict[str, str]], who: str, wanted: str, levels: list[str], words: str
) -> None:
    """STS names the account, IAM the policies; a key of another account than configured is an error."""
    behind, keys = account
    held = tmp_path / "credential"
    held.write_text(keys[who])
    target = Target(
        name="aws", environment="staging", kind=TargetKind.AWS, base_url=behind, hosting="self", account=wanted,
        credential=SecretRef(file=str(held)),
    )  # fmt: skip
    said = await told(Settings(target=(target,), path=str(tmp_path / "stayhand.toml")))
    assert [one.level.value for one in said] == levels, said
    assert words in said[0].what
    assert all(value not in repr(said) for value in json.loads(keys[who]).values())


def test_doctor_says_it(tmp_path: Path, base: str) -> None:
    """The command prints a line per finding, and asks nobody with --offline."""
    held = tmp_path / "token"
    held.write_text("who-account")
    held.chmod(0o600)
    installed = install(
        tmp_path,
        settings=f'\n[[target]]\nname = "rails"\nenvironment = "staging"\nbase_url = "{base}"\nhosting = "self"\n'
        f'pack = "backboard.railway.app"\ncredential = {{ file = "{held}" }}\n'
        '\n[[target]]\nname = "cloud"\nenvironment = "staging"\nkind = "aws"\nregions = ["eu-west-1"]\n'
        f'credential = {{ file = "{held}" }}\n',
    )
    done = cli("--config", str(installed.config), "doctor")
    assert "UNSAFE  target rails: over-scoped: an account token" in done.stdout, done.stdout
    assert "target cloud (staging) at AWS, eu-west-1, no account named" in done.stdout
    assert "cloud: the credential of an aws target cannot be read" in done.stdout
    quiet = cli("--config", str(installed.config), "doctor", "--offline")
    assert "target rails: its scope was not checked: --offline" in quiet.stdout
