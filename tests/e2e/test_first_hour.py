"""A newcomer's first hour: `make run`'s command, the first curl, doctor, an entry read, all as processes."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from firewall.cli import doctor, quickstart
from firewall.console.explorer import entries
from tests.support.installation import ANSWER_LIMIT_S, REPOSITORY, install, serving

COMMANDS = (doctor.doctor.name, quickstart.quickstart.name)
TOKEN = re.compile(r"^shd_staging_agent_\w{36}$", re.MULTILINE)


@dataclass(slots=True)
class Started:
    """`stayhand quickstart` in a fresh home."""

    process: "subprocess.Popen[str]"
    said: str

    def find(self, pattern: str) -> str:
        """Return the first group of a pattern in what was said."""
        found = re.search(pattern, self.said)
        assert found is not None, self.said
        return found[1]


def quick(home: Path) -> Started:
    """Start it on free ports and read until it says that it is done."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(
        [sys.executable, "-m", "firewall.cli.main", "quickstart", "--port", "0"],
        env=environment,
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = ""
    assert process.stdout is not None
    for line in process.stdout:
        said += line
        if "Ctrl-C stops the server" in line:
            break
    return Started(process, said)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """An empty home."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def end(started: Started) -> str:
    """Stop it by its process id; returns what else it said."""
    started.process.send_signal(signal.SIGTERM)
    rest, _ = started.process.communicate(timeout=60)
    assert started.process.returncode == 0, rest
    return rest


def _checked_and_asked(first: Started, home: Path, pool: ThreadPoolExecutor) -> "Future[httpx.Response]":
    """Check what was printed and made, and send the printed call from another thread."""
    config = Path(first.find(r"configuration\s+(\S+)"))
    data = Path(first.find(r"log and keys\s+(\S+)"))
    assert config == home / ".config/stayhand/stayhand.toml"
    assert data == home / ".local/state/stayhand"
    assert oct(data.stat().st_mode & 0o777) == "0o700"
    assert "solo = true" in config.read_text()
    assert "UNSAFE" in first.said or os.geteuid() != 0
    for agent in ("claude", "codex", "gemini", "opencode"):
        assert agent in first.said
    token = TOKEN.search(first.said)
    assert token is not None
    agents = first.find(r"agents at (http://\S+),")
    body, headers = json.loads(first.find(r"-d '(\{.*\})'")), {"x-api-key": token[0]}
    url = f"{agents}/v1/messages"
    return pool.submit(httpx.post, url, json=body, headers=headers, timeout=ANSWER_LIMIT_S, trust_env=False)


def _first_waiting(control: str, approver: str, held: "Future[httpx.Response]") -> list[dict[str, object]]:
    """Return what waits for people as soon as anything does, unless the call that should be held is answered."""
    with httpx.Client(
        base_url=control,
        headers={"authorization": f"Bearer {approver}"},
        timeout=ANSWER_LIMIT_S,
        trust_env=False,
    ) as client:
        while not held.done():
            waiting: list[dict[str, object]] = client.get("/api/approvals", params={"status": "pending"}).json()
            if waiting:
                return waiting
            threading.Event().wait(0.05)
    raise AssertionError(f"the call was not held: {held.result().text}")


def test_everything_for_a_first_held_call_is_printed(home: Path) -> None:
    """Keys, people and a token are made once; the printed curl is held; a second start only mints a new token."""
    with ThreadPoolExecutor(1) as pool:
        first = quick(home)
        try:
            held = _checked_and_asked(first, home, pool)
            control = first.find(r"administration at (http://\S+)")
            waiting = _first_waiting(control, first.find(r"approver's token\s+(\S+)"), held)
            assert [one["effects"] for one in waiting] == [["destructive"]]
            assert not held.done()
        finally:
            end(first)  # the held call is answered with an explanation, so its thread ends as well
    token = TOKEN.search(first.said)
    assert token is not None
    second = quick(home)
    end(second)
    again = TOKEN.search(second.said)
    assert again is not None
    assert again[0] != token[0]
    assert "passphrase" not in second.said.replace("admin's passphrase", "")


def test_doctor_says_what_is_wrong_with_a_hint(tmp_path: Path) -> None:
    """A sound installation has no error; a lost key is one, and exits 1."""
    installed = install(tmp_path / "firewall")
    with serving(installed) as running:
        sound = _doctor(running.at_its_ports())
    assert sound.returncode == 0, sound.stdout + sound.stderr
    levels = {row["level"] for row in json.loads(sound.stdout)}
    assert "error" not in levels
    installed.config.with_name("keystore.key").unlink()
    broken = _doctor(installed.config)
    assert broken.returncode == 1
    assert any(
        row["level"] == "error" and "keystore.key" in row["what"] and row["hint"]
        for row in json.loads(broken.stdout)
    )


def test_doctor_names_targets_and_a_secret_that_is_not_set(tmp_path: Path) -> None:
    """A target that could not be spoken to is an error before the server refuses to start."""
    installed = install(tmp_path / "firewall")
    with installed.config.open("a", encoding="utf-8") as config:
        config.write(
            '\n[[target]]\nname = "shop"\nenvironment = "staging"\nbase_url = "https://shop.example.com"\n'
        )
        config.write('credential = { env = "STAYHAND_TEST_UNSET" }\n')
    looked = _doctor(installed.config)
    assert looked.returncode == 1
    said = [row for row in json.loads(looked.stdout) if "target `shop`" in row["what"]]
    assert (said[0]["level"], said[0]["hint"]) == ("error", "set the variable STAYHAND_TEST_UNSET")
    assert [row["level"] for row in said[1:]] == ["warn"]
    assert "environments.toml does not know the environment `staging`" in said[1]["what"]


def test_entry_is_read_with_its_sealed_part_and_the_reading_is_logged(tmp_path: Path) -> None:
    """An approver reads who minted what; the next entry says that he did."""
    assert entries.Entries.__doc__
    with serving(install(tmp_path / "firewall")) as running:
        running.mint(agent="reader")
        size = int(
            httpx.get(
                f"{running.control}/api/status", headers=running.admin, trust_env=False, timeout=ANSWER_LIMIT_S
            ).json()["parts"]["entries"]
        )
        address = f"{running.control}/api/entries"
        read = httpx.get(
            f"{address}/{size - 1}", headers=running.approver, trust_env=False, timeout=ANSWER_LIMIT_S
        ).json()
        logged = httpx.get(
            f"{address}/{size}", headers=running.approver, trust_env=False, timeout=ANSWER_LIMIT_S
        ).json()
        missing = httpx.get(f"{address}/999999", headers=running.approver, trust_env=False, timeout=ANSWER_LIMIT_S)
    assert read["kind"] == "token.minted"
    assert json.loads(read["private"]["grant"])["agent"] == "reader"
    assert (logged["kind"], logged["data"]["read"]) == ("audit.read", size - 1)
    assert missing.status_code == 404


def _doctor(config: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "firewall.cli.main", "--config", str(config), "doctor", "--json"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
