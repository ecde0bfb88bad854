"""`stayhand audit tail`, `show` and `export` against a real server, with the key beside the configuration."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from audit import SigningKey
from tests.support.installation import REPOSITORY, Served, cli, install, serving

TOKEN = "STAYHAND_TOKEN"


@dataclass(frozen=True, slots=True)
class Auditing:
    """A running server, and an auditor's command line."""

    served: Served
    config: str
    token: str
    folder: Path

    def run(self, *words: str, token: str = "") -> "subprocess.CompletedProcess[str]":
        """Run `stayhand audit WORDS`."""
        return cli("--config", self.config, "audit", *words, env={TOKEN: token or self.token})

    def told(self, *words: str) -> Any:
        """Return what a command prints as JSON."""
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def newest(self) -> dict[str, Any]:
        """Return the newest entry; the look itself comes behind it."""
        found: dict[str, Any] = self.told("tail", "-n", "1")[0]
        return found

    @contextmanager
    def following(self, *words: str) -> "Iterator[subprocess.Popen[str]]":
        """Run `stayhand audit tail --follow --json` beside the test, and end it by its id."""
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "firewall.cli.main", "--config", self.config),
                *("audit", "tail", "--follow", "--json", *words),
            ],
            cwd=REPOSITORY,
            env={**os.environ, TOKEN: self.token},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=60)


def _agent(entry: dict[str, Any]) -> str:
    """Return the agent that a token was minted for."""
    return str(json.loads(entry["private"]["grant"])["agent"])


@pytest.fixture
def auditing(tmp_path: Path) -> Iterator[Auditing]:
    """A fresh installation with a few tokens, served; an auditor's token at hand."""
    installed = install(tmp_path)
    with serving(installed) as served:
        for name in ("claude", "codex"):
            served.mint(role="coding-agent", agent=name, ttl="1h")
        added = {"name": "audra", "role": "auditor"}
        asked = {"kind": "approver", "holder": "audra", "ttl": "1h"}
        for path, wish in (("approvers", added), ("tokens", asked)):
            answer = httpx.post(
                f"{served.control}/api/{path}", json=wish, headers=served.admin, trust_env=False, timeout=60
            )
            assert answer.status_code == 201, answer.text
        yield Auditing(served, str(served.at_its_ports()), answer.json()["token"], tmp_path)


def test_the_end_of_the_log_is_shown_and_looking_is_an_entry(auditing: Auditing) -> None:
    """The newest stand at the end; a search narrows it; the next look finds the one before."""
    kinds = [one["kind"] for one in auditing.told("tail", "-n", "3")]
    assert kinds == ["token.minted", "approver.added", "token.minted"]
    looked = auditing.newest()
    assert (looked["kind"], looked["who"]) == ("audit.read", "audra")
    assert looked["data"] == {"what": "search", "asked": [], "first": 0, "before": 0}
    agents = auditing.told("tail", "--kind", "token.minted", "codex")
    assert [_agent(one) for one in agents] == ["codex"]
    table = auditing.run("tail", "-n", "2")
    assert table.stdout.splitlines()[0].split() == [
        "SEQ", "AT", "KIND", "VERDICT", "ENVIRONMENT", "EFFECTS", "WHO", "RESOURCE", "WHAT",
    ]  # fmt: skip
    assert len(table.stdout.splitlines()) == 3
    assert auditing.run("tail", "-n", "0").stdout.count("\n") == 1
    assert auditing.run("tail", "-n", "201").returncode == 2


def test_following_shows_what_comes_and_is_one_entry(auditing: Auditing) -> None:
    """What is committed while one looks on arrives, filtered; it is recorded once and ends with the role."""
    with auditing.following("--kind", "token", "-n", "1") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["kind"] == "token.minted"
        minted = [auditing.served.minted(agent=name)[0] for name in ("one", "two")]
        seen = [json.loads(process.stdout.readline()) for _ in minted]
        assert [one["data"]["token"] for one in seen] == minted
        looks = auditing.told("search", "--kind", "audit.read", "--actor", "audra")["entries"]
        assert [one["data"] for one in looks if one["data"]["what"] == "tail"] == [
            {"what": "tail", "asked": ["kind"], "last": 1}
        ]
        gone = httpx.delete(
            f"{auditing.served.control}/api/approvers/audra", headers=auditing.served.admin, trust_env=False
        )
        assert gone.status_code == 200
        _, said = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "stayhand: error: the server ended it" in said


def test_following_ends_by_an_interrupt_and_with_the_server(auditing: Auditing) -> None:
    """Ctrl-C ends it with 130; a server that stops says so, and is not kept from stopping."""
    with auditing.following("-n", "1") as first, auditing.following("-n", "1") as second:
        for process in (first, second):
            assert process.stdout is not None
            assert process.stdout.readline()
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=60)
        assert first.returncode == 130
        auditing.served.process.send_signal(signal.SIGTERM)
        assert auditing.served.process.wait(60) == 0
        _, said = second.communicate(timeout=60)
        assert second.returncode == 1
        assert "stayhand: error:" in said


def test_an_entry_is_shown_proven_here(auditing: Auditing) -> None:
    """What is shown comes from the proof; the file convinces the auditor's program; another key does not fit."""
    (minted,) = auditing.told("tail", "--kind", "token.minted", "codex")
    file = auditing.folder / "one.proof"
    shown = auditing.run("show", str(minted["seq"]), "--proof", str(file))
    assert shown.returncode == 0, shown.stderr
    assert "token.minted" in shown.stdout
    assert minted["data"]["token"] in shown.stdout
    assert "codex" in shown.stdout.partition("sealed, as the server opened it:")[2]
    assert "verified here" in shown.stderr
    key = auditing.served.installed.shown["verify_key"]
    told = auditing.told("show", str(minted["seq"]), "--key", key)
    assert (told["seq"], told["kind"], told["data"]) == (minted["seq"], "token.minted", minted["data"])
    assert _agent(told) == "codex"
    assert told["proof"].startswith("c2sp.org/tlog-proof@v1\n")
    proved = subprocess.run(
        [sys.executable, "-m", "audit", "verify", "--proof", str(file), "--key", key],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert proved.stdout.startswith(f"ok: entry {minted['seq']} (token.minted)")
    looks = auditing.told("search", "--kind", "audit.read")["entries"]
    assert [one["data"] for one in looks].count({"read": minted["seq"]}) == 2

    other = str(SigningKey("elsewhere", bytes(32)).verifier)
    for words, error in (
        (("show", str(minted["seq"]), "--key", other), f"entry {minted['seq']} is not proven"),
        (("show", str(minted["seq"]), "--key", str(file)), "verifier key"),
        (("show", str(minted["seq"]), "--proof", str(file)), "is there already"),
        (("show", "999999"), "there is no entry 999999"),
    ):
        refused = auditing.run(*words)
        assert (refused.returncode, refused.stdout) == (1, ""), words
        assert error in refused.stderr


def test_entries_are_taken_away_with_proofs_that_were_verified_here(auditing: Auditing) -> None:
    """A range, and a search; nothing is overwritten, nothing unproven is left, and what was taken is an entry."""
    file = auditing.folder / "log.jsonl"
    told = auditing.told("export", "--from", "2", "--to", "4", "--output", str(file))
    assert (told["entries"], told["ended"], told["next"]) == (3, "log", 0)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    head, *rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert head["entries"] == 3
    assert [row["entry"]["seq"] for row in rows] == [4, 3, 2]
    assert all("private" not in row for row in rows)
    taken = auditing.newest()
    assert (taken["kind"], taken["who"]) == ("audit.exported", "audra")
    assert taken["data"] == {"what": "entries", "asked": [], "first": 2, "before": 5, "opened": False}

    key = auditing.served.installed.shown["verify_key"]
    opened = auditing.run("export", "--kind", "token.minted", "codex", "--opened")
    assert opened.returncode == 0, opened.stderr
    assert _agent(json.loads(opened.stdout.splitlines()[1])) == "codex"
    assert "each proven here" in opened.stderr
    (auditing.folder / "piped.jsonl").write_text(opened.stdout)
    for one in (file, auditing.folder / "piped.jsonl"):
        verified = subprocess.run(
            [sys.executable, "-m", "audit", "verify", "--bundle", str(one), "--key", key],
            cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert "\nok: " in verified.stdout, verified.stderr
    limited = auditing.told("export", "--limit", "2", "--output", str(auditing.folder / "two.jsonl"))
    assert (limited["entries"], limited["ended"]) == (2, "entries")
    assert limited["next"] > 0

    other = str(SigningKey("elsewhere", bytes(32)).verifier)
    unwritten = auditing.folder / "unwritten.jsonl"
    for words, error in (
        (("export", "--output", str(file)), "is there already"),
        (("export", "--key", other, "--output", str(unwritten)), "what came is not proven"),
        (("export", "--from", "900000", "--output", str(unwritten)), "nothing was found"),
        (("export", "--effect", "all", "--output", str(unwritten)), "`effect` is one of"),
    ):
        refused = auditing.run(*words)
        assert (refused.returncode, refused.stdout) == (1, ""), words
        assert error in refused.stderr
        assert not unwritten.exists()
    assert auditing.run("export", "--json").returncode == 2


def test_only_readers_of_the_log_read_it(auditing: Auditing) -> None:
    """A viewer is refused by name of what is needed, before anything is recorded."""
    served = auditing.served
    for path, wish in (
        ("approvers", {"name": "vera", "role": "viewer"}),
        ("tokens", {"kind": "approver", "holder": "vera", "ttl": "1h"}),
    ):
        answer = httpx.post(f"{served.control}/api/{path}", json=wish, headers=served.admin, trust_env=False)
        assert answer.status_code == 201, answer.text
    for words in (("tail",), ("tail", "--follow"), ("show", "1"), ("export",), ("search",)):
        refused = auditing.run(*words, token=answer.json()["token"])
        assert (refused.returncode, len(refused.stdout.splitlines())) == (1, words == ("tail", "--follow")), words
        assert "this needs the role `approver`, `auditor` or `admin`; yours is `viewer`" in refused.stderr
    assert [one["kind"] for one in auditing.told("tail", "-n", "1")] == ["token.minted"]
