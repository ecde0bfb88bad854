"""The real kubectl behind the infrastructure gate: reads flow, a deletion waits, the token stays here."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from firewall.demo.serving import served
from tests.support.certificates import certificate
from tests.support.cluster import Cluster
from tests.support.installation import START_LIMIT_S, Served, install, serving, verify

KUBECTL = shutil.which("kubectl")
pytestmark = pytest.mark.skipif(KUBECTL is None, reason="there is no kubectl")
CLUSTER_TOKEN = "cluster-canary-81c7e0"
LIMIT_S = 60

_SETTINGS = """
[[target]]
name = "cluster"
environment = "staging"
kind = "kubernetes"
base_url = "{base}"
credential = {{ env = "CLUSTER_TOKEN" }}
hosting = "self"
scoped = true
hold_s = 0
websocket = true
"""


@dataclass(slots=True)
class House:
    """A server that speaks TLS to agents, and the cluster behind it."""

    firewall: Served
    cluster: Cluster
    address: str
    authority: Path
    token: str

    def kubectl(self, *arguments: str, typed: str = "") -> "subprocess.CompletedProcess[str]":
        """Run it as an agent would, with a home of its own; `typed` is its standard input."""
        home = self.authority.parent
        return subprocess.run(
            [
                str(KUBECTL),
                f"--server={self.address}/infra/cluster",
                f"--certificate-authority={self.authority}",
                f"--token={self.token}",
                "--namespace=web",
                *arguments,
            ],
            env={"PATH": os.environ["PATH"], "HOME": str(home)},
            input=typed,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One cluster with a pod, a volume claim and a secret."""
    folder = tmp_path_factory.mktemp("kubectl")
    file = certificate(folder, "localhost")
    cluster = Cluster(CLUSTER_TOKEN)
    cluster.plant("pods", "shop", spec={"containers": [{"name": "app"}]}, status={"phase": "Running"})
    cluster.plant("persistentvolumeclaims", "data")
    cluster.plant("secrets", "db", data={"password": "aHVudGVyMg=="})
    with served(cluster.app()) as base:
        installed = install(folder, settings=_SETTINGS.format(base=base))
        text = installed.config.read_text()
        tls = f'[server]\ntls_listen = "127.0.0.1:0"\ntls_cert = "{file}"\ntls_key = "{file}"\n'
        assert text.count("[server]\n") == 1
        installed.config.write_text(text.replace("[server]\n", tls))
        with serving(installed, env={"CLUSTER_TOKEN": CLUSTER_TOKEN}) as running:
            yield House(running, cluster, _tls_address(running), file, running.mint(env="staging"))


def _tls_address(running: Served) -> str:
    mark = "agents over TLS at "
    for _ in range(START_LIMIT_S * 20):
        for line in running.lines:
            if mark in line:
                return line.partition(mark)[2].strip()
        threading.Event().wait(0.05)
    raise AssertionError(running.lines)


def test_reads_flow(house: House) -> None:
    """Discovery and lists pass with the cluster's own token, which the agent never sees."""
    done = house.kubectl("get", "pods", "-o", "json")
    assert done.returncode == 0, done.stderr
    assert [item["metadata"]["name"] for item in json.loads(done.stdout)["items"]] == ["shop"]
    assert CLUSTER_TOKEN not in done.stdout + done.stderr


def test_a_deletion_waits_and_happens_once(house: House) -> None:
    """The agent is told why; after a person's yes the very same command deletes, and the log verifies."""
    command = ("delete", "persistentvolumeclaim", "data", "--wait=false")
    refused = house.kubectl(*command)
    assert refused.returncode != 0
    assert ("persistentvolumeclaims", "data") in house.cluster.objects
    (waiting,) = house.firewall.pending()
    assert "destructive" in str(waiting["effects"])
    assert waiting["environment"] == "staging"
    assert house.firewall.decide(str(waiting["id"]), "approve").status_code == 200
    done = house.kubectl(*command)
    assert done.returncode == 0, done.stderr
    assert ("persistentvolumeclaims", "data") not in house.cluster.objects
    assert sum(line.startswith("DELETE ") for line in house.cluster.asked) == 1
    assert verify(house.firewall.installed).returncode == 0


def test_secrets_and_bad_tokens_do_not_pass(house: House) -> None:
    """Reading a secret asks; without a good token nothing reaches the cluster."""
    assert house.kubectl("get", "secret", "db", "-o", "json").returncode != 0
    assert not [line for line in house.cluster.asked if line.endswith("/secrets/db")]
    before = len(house.cluster.asked)
    stranger = House(
        house.firewall, house.cluster, house.address, house.authority, "shd_staging_agent_" + "a" * 36
    )
    assert stranger.kubectl("get", "pods").returncode != 0
    assert len(house.cluster.asked) == before


def test_exec_waits_and_runs_once(house: House) -> None:
    """Refused with the approval that it waits for; after a yes it runs once, and its output is seen."""
    command = ("exec", "shop", "--", "rm", "-rf", "/data")
    refused = house.kubectl(*command)
    assert refused.returncode != 0
    assert house.cluster.ran == []
    (waiting,) = [one for one in house.firewall.pending() if "exec" in str(one["effects"])]
    assert str(waiting["id"]) in refused.stderr
    assert "destructive" in str(waiting["effects"])
    assert "/data" in str(waiting["summary"])
    assert house.firewall.decide(str(waiting["id"]), "approve").status_code == 200
    done = house.kubectl(*command)
    assert (done.returncode, done.stdout) == (0, "ran rm -rf /data\n"), done.stderr
    assert house.kubectl(*command).returncode != 0
    assert house.cluster.ran == [["rm", "-rf", "/data"]]


def test_exec_with_input_is_carried_both_ways(house: House) -> None:
    """What is typed reaches the program in the pod, and what it says comes back; a no stays a no."""
    command = ("exec", "-i", "shop", "--", "sh")
    assert house.kubectl(*command, typed="hello\n").returncode != 0
    (waiting,) = [one for one in house.firewall.pending() if "typed into it" in str(one["summary"])]
    assert house.firewall.decide(str(waiting["id"]), "approve").status_code == 200
    done = house.kubectl(*command, typed="hello\n")
    assert (done.returncode, done.stdout) == (0, "ran sh\nHELLO\n"), done.stderr
    denied, known = ("exec", "shop", "--", "env"), {one["id"] for one in house.firewall.pending()}
    assert house.kubectl(*denied).returncode != 0
    (waiting,) = [one for one in house.firewall.pending() if one["id"] not in known]
    assert house.firewall.decide(str(waiting["id"]), "deny").status_code == 200
    assert house.kubectl(*denied).returncode != 0
    assert ["env"] not in house.cluster.ran
    assert verify(house.firewall.installed).returncode == 0


def test_port_forward_waits_like_exec(house: House) -> None:
    """Its handshake is judged as the connection that it is; the refusal names the approval."""
    known = {one["id"] for one in house.firewall.pending()}
    refused = house.kubectl("port-forward", "pod/shop", ":5432")
    (waiting,) = [one for one in house.firewall.pending() if one["id"] not in known]
    assert (refused.returncode != 0, str(waiting["id"]) in refused.stderr) == (True, True), refused.stderr
    assert "portforward" in str(waiting["summary"])
    assert not [line for line in house.cluster.asked if "portforward" in line]
