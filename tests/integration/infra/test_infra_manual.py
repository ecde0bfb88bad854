"""docs/infrastructure.md, played: every command of its worked examples, with real servers behind the targets."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from firewall.core.target import TargetKind
from firewall.demo.serving import served
from tests.support.cluster import Cluster
from tests.support.github import GitHub
from tests.support.installation import Served, install, serving
from tests.support.manual import Line, examples
from tests.support.moto_server import moto
from tests.support.railway import Railway
from tests.support.railway_state import Token

LIMIT_S = 60
EXAMPLES = examples()
OURS = "ours-canary-" + "5b1d9e7a3c"
_AWS = json.dumps({"AccessKeyId": "ASIACANARYCANARY0001", "SecretAccessKey": OURS})


@dataclass(slots=True)
class House:
    """A server with the manual's targets, and what lies behind them."""

    firewall: Served
    hub: GitHub
    railway: Railway
    cluster: Cluster
    token: str
    keys: dict[str, str]

    def play(self, line: Line) -> str:
        """Run one command as a shell does; returns what it says on both streams."""
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", "-c", line.at(self.firewall.agents)],
            env={
                "PATH": programs,
                "HOME": "/nonexistent",
                "STAYHAND_AGENT_TOKEN": self.token,
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_MAX_ATTEMPTS": "1",
                **self.keys,
            },
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        return done.stdout + done.stderr


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """One server for all examples."""
    hub, railway, cluster = GitHub(OURS, branches={"main": "a1"}), Railway(), Cluster(OURS)
    railway.tokens[OURS] = Token()
    cluster.plant("persistentvolumeclaims", "data")
    cluster.plant("secrets", "db", data={"password": "aHVudGVyMg=="})
    with (
        served(hub.app()) as github,
        served(railway.app()) as vendor,
        served(cluster.app()) as api,
        moto() as account,
    ):
        settings = (
            EXAMPLES["rest"].settings(github, pack="api.github.com")
            + EXAMPLES["graphql"].settings(vendor, pack="backboard.railway.app")
            + EXAMPLES["kubernetes"].settings(api)
            + EXAMPLES["aws"].settings(account)
        )
        secrets = {
            "GITHUB_TOKEN_STAGING": OURS,
            "RAILWAY_TOKEN_STAGING": OURS,
            "CLUSTER_TOKEN_STAGING": OURS,
            "AWS_STAGING": _AWS,
        }
        installed = install(tmp_path, settings=settings)
        with serving(installed, env=secrets) as running:
            wish = {"env": "staging", "owner": "alice", "aws": "aws-staging"}
            minted = httpx.post(
                f"{running.control}/api/tokens", json=wish, headers=running.admin, trust_env=False
            ).json()
            yield House(running, hub, railway, cluster, minted["token"], minted["aws"])


def test_every_kind_has_an_example() -> None:
    """No kind of target without one, and each shows what flows and what waits."""
    assert EXAMPLES.keys() == {kind.value for kind in TargetKind}
    for one in EXAMPLES.values():
        said = [line.answer for line in one.lines]
        assert any("apr_" in answer for answer in said)
        assert any("apr_" not in answer for answer in said)


def test_what_the_manual_shows_is_so(house: House) -> None:
    """Every command answers what stands below it, and what waits has changed nothing."""
    for line in (line for one in EXAMPLES.values() for line in one.lines):
        said = house.play(line)
        assert line.is_answered_by(said), (line, said)
    assert house.hub.is_there
    assert house.hub.branches == {"main": "a1"}
    assert house.railway.is_whole()
    assert ("persistentvolumeclaims", "data") in house.cluster.objects


def test_an_answer_of_another_kind_is_noticed() -> None:
    """The comparison can fail: another status or a missing end is not what was promised."""
    line = Line("x", '{"status":403,…"code":"a"…}')
    assert line.is_answered_by('{"status":403,"detail":"x","code":"a"}\n')
    assert not line.is_answered_by('{"status":404,"detail":"x","code":"a"}')
    assert not line.is_answered_by('{"status":403,"detail":"x","code":"a"} and more')
