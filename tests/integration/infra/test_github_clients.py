"""GitHub's real clients, curl and PyGithub, at a small GitHub: through the reverse and the forward proxy."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from firewall.cli.proxied import proxied
from firewall.demo.serving import served
from tests.support.github import API, NAME, GitHub
from tests.support.installation import Served, install, serving, verify

LIMIT_S = 60
TOKEN = "ghp_" + "canary7c1e" * 3 + "canary"
_SETTINGS = """
[egress]
listen = "127.0.0.1:0"
hold_s = 0

[[target]]
name = "github"
environment = "staging"
base_url = "{base}"
pack = "api.github.com"
credential = {{ env = "OUR_GITHUB" }}
hosting = "self"
scoped = true
hold_s = 0
"""
_START = "import github, sys\nfrom github import Auth, Github, GithubException\n"
_REVERSE = _START + "hub = Github(base_url=sys.argv[1], auth=Auth.Token(sys.argv[2]), lazy=True, retry=None)\n"
"""Lazy: the addresses in answers are the vendor's own, and PyGithub would go on from them."""
_FORWARD = _START + "hub = Github()\n"
"""As a program that knows nothing of us: the vendor's address, no login, and its own way of trying again."""


@dataclass(slots=True)
class House:
    """A server, the small GitHub behind it, and an agent."""

    firewall: Served
    hub: GitHub
    folder: Path
    token: str

    def curl(self, method: str, path: str, *words: str) -> tuple[int, str]:
        """Ask with the real curl; returns status and body."""
        head = ("-H", f"Authorization: token {self.token}", "-H", "Accept: application/vnd.github+json")
        address = f"{self.firewall.agents}/infra/github{path}"
        done = subprocess.run(
            ["curl", "-sS", "--noproxy", "*", "-X", method, *head, "-w", "\n%{http_code}", *words, address],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=True,
        )
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    def reverse(self, script: str) -> str:
        """Run PyGithub at the target's address; returns what the script prints."""
        with self._running(_REVERSE + script, f"{self.firewall.agents}/infra/github", self.token) as process:
            return _said(process)

    @contextmanager
    def forward(self, script: str) -> "Iterator[subprocess.Popen[str]]":
        """Run PyGithub as it is, with the variables that `stayhand run` sets."""
        way = httpx.get(f"{self.firewall.control}/api/egress", headers=self.firewall.admin, trust_env=False).json()
        bundle = self.folder / "bundle.pem"
        bundle.write_text(way["bundle"])
        with self._running(_FORWARD + script, **proxied(way["listen"], self.token, bundle)) as process:
            yield process

    @contextmanager
    def _running(self, script: str, *words: str, **variables: str) -> "Iterator[subprocess.Popen[str]]":
        process = subprocess.Popen(
            [sys.executable, "-c", script, *words],
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def waits(self, process: "subprocess.Popen[str]") -> None:
        """Wait until the program's call waits for a person."""
        for _ in range(LIMIT_S * 10):
            if self.firewall.pending():
                return
            with suppress(subprocess.TimeoutExpired):
                assert process.wait(0.1) is None, process.communicate()
        raise AssertionError("nothing came to wait")

    def approved(self) -> str:
        """Approve the one call that waits; returns its summary."""
        (waiting,) = self.firewall.pending()
        assert self.firewall.decide(str(waiting["id"]), "approve").status_code == 200
        return str(waiting["summary"])


def _said(process: "subprocess.Popen[str]") -> str:
    said, wrong = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, wrong
    return said.strip()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A repository with issues on two pages and a branch."""
    hub = GitHub(TOKEN, branches={"main": "a1", "old": "b2"})
    with served(hub.app()) as base:
        with serving(
            install(tmp_path, settings=_SETTINGS.format(base=base)), env={"OUR_GITHUB": TOKEN}
        ) as running:
            yield House(running, hub, tmp_path, running.mint(env="staging"))
        assert verify(running.installed).returncode == 0


def test_curl_reads_writes_and_waits(house: House) -> None:
    """Reading and opening an issue flow; moving a branch by force and deleting wait, and go once as approved."""
    repo = f"/repos/{NAME}"
    status, body = house.curl("GET", repo)
    assert (status, json.loads(body)["full_name"]) == (200, NAME)
    assert house.curl("POST", f"{repo}/issues", "-d", '{"title": "slow"}')[0] == 201
    forced = ("PATCH", f"{repo}/git/refs/heads/main", "-d", '{"sha": "c3", "force": true}')
    status, body = house.curl(*forced)
    assert (status, json.loads(body)["code"]) == (403, "approval:hold:ended")
    assert house.hub.branches["main"] == "a1"
    assert "by force" in house.approved()
    assert house.curl("PATCH", forced[1], "-d", '{"sha": "d4", "force": true}')[0] == 403
    assert house.curl(*forced)[0] == 200
    assert house.hub.branches["main"] == "c3"
    assert house.curl("DELETE", repo)[0] == 403
    assert house.hub.is_there
    assert sum(line.startswith("DELETE") for line in house.hub.asked) == 0


def test_pygithub_at_the_targets_address(house: House) -> None:
    """With our token in GitHub's place it reads and writes; deleting the repository says how to go on."""
    assert house.reverse(f"print(hub.get_repo('{NAME}').create_issue('typo').number)") == "1"
    script = f"""
try:
    hub.get_repo('{NAME}').delete()
except GithubException as error:
    print(error.status, error.data['code'], error.data['approval_id'][:4])
"""
    assert house.reverse(script) == "403 approval:hold:ended apr_"
    assert house.hub.is_there


def test_pygithub_through_the_forward_proxy(house: House) -> None:
    """Unchanged and without a login it follows pages; a deletion waits, asks again by itself, and happens once."""
    house.hub.issues = [{"number": n, "title": f"t{n}", "url": f"{API}/x/{n}"} for n in range(1, 6)]
    with house.forward(f"print([one.title for one in hub.get_repo('{NAME}').get_issues()])") as process:
        assert _said(process) == "['t1', 't2', 't3', 't4', 't5']"
    script = f"hub.get_repo('{NAME}').get_git_ref('heads/old').delete()\nprint('deleted')"
    with house.forward(script) as process:
        house.waits(process)
        assert "old" in house.hub.branches
        assert "deletes" in house.approved()
        assert _said(process) == "deleted"
    assert sum(line.startswith("DELETE") for line in house.hub.asked) == 1
    assert house.hub.branches.keys() == {"main"}
