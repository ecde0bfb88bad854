"""The vault of a running server: commands change it, targets use it at once, the log says who did it."""

import asyncio
import json
import os
import pty
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from firewall.demo.serving import served
from tests.support.installation import REPOSITORY, Served, cli, install, serving, verify

FIRST, SECOND = "vault-canary-one-5b1d9e7a3c", "vault-canary-two-8c2e0f6b4d"
LIMIT_S = 30
GO_ON = threading.Event()
"""Lets a slow answer end."""
_SETTINGS = """
[[target]]
name = "shop"
environment = "staging"
base_url = "{base}"
credential = {{ vault = "shop" }}
hosting = "self"
scoped = true

[[target]]
name = "other"
environment = "staging"
base_url = "{base}"
credential = {{ vault = "mail" }}
hosting = "self"
scoped = true
"""


@dataclass(slots=True)
class House:
    """A server, its target, and what the target was shown."""

    firewall: Served
    config: Path
    token: str
    shown: list[str] = field(default_factory=list)

    def command(self, *words: str, value: str = "", token: str = "") -> "subprocess.CompletedProcess[str]":
        """Run `stayhand credential …` with a value on standard input."""
        env = {**os.environ, "STAYHAND_TOKEN": token or self.firewall.installed.shown["admin_token"]}
        return subprocess.run(
            [sys.executable, "-m", "firewall.cli.main", "--config", str(self.config), "credential", *words],
            cwd=REPOSITORY, env=env, input=value, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def ask(self, target: str = "shop", path: str = "v1/items") -> httpx.Response:
        """Ask as the agent does."""
        with httpx.Client(trust_env=False, timeout=LIMIT_S) as client:
            return client.get(
                f"{self.firewall.agents}/infra/{target}/{path}", headers={"x-stayhand-token": self.token}
            )


def _app(shown: list[str]) -> Starlette:
    async def answer(request: Request) -> Response:
        shown.append(request.headers.get("authorization", ""))
        if request.url.path.endswith("/slow"):
            return StreamingResponse(_slowly(), media_type="text/plain")
        return JSONResponse({"ok": True})

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])


async def _slowly() -> AsyncIterator[bytes]:
    yield b"begun\n"
    await asyncio.to_thread(GO_ON.wait, LIMIT_S)
    yield b"ended\n"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server whose two targets name credentials that nobody has added yet."""
    folder = tmp_path_factory.mktemp("vault")
    shown: list[str] = []
    with served(_app(shown)) as base:
        installed = install(folder, settings=_SETTINGS.format(base=base))
        with serving(installed) as running:
            yield House(running, running.at_its_ports(), running.mint(), shown)


def test_a_server_starts_without_the_credential_and_sends_nothing(house: House) -> None:
    """What is missing is said with a code that stays; no request leaves without its credential."""
    got = house.ask()
    assert (got.status_code, got.json()["code"]) == (503, "credential_missing")
    assert house.shown == []


def test_a_credential_is_added_and_used_at_once(house: House) -> None:
    """A value from standard input reaches the target with the next request, and no answer of ours."""
    done = house.command("add", "shop", "--json", value=f"{FIRST}\n")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["used_by"] == ["target shop"]
    assert house.ask().status_code == 200
    assert house.shown[-1] == f"Bearer {FIRST}"
    again = house.command("add", "shop", value="x")
    assert (again.returncode, "already" in again.stderr) == (1, True)
    assert FIRST not in done.stdout + done.stderr + again.stderr


def test_a_rotation_ends_the_old_value_and_leaves_what_is_under_way(house: House) -> None:
    """A stream that began with the old value goes on to its end; the next request has the new one."""
    with (
        httpx.Client(trust_env=False, timeout=LIMIT_S) as client,
        client.stream(
            "GET", f"{house.firewall.agents}/infra/shop/v1/slow", headers={"x-stayhand-token": house.token}
        ) as stream,
    ):
        pieces = stream.iter_text()
        first = next(pieces)
        done = house.command("rotate", "shop", "--json", value=SECOND)
        assert json.loads(done.stdout)["version"] == 2
        assert house.ask().status_code == 200
        assert house.shown[-1] == f"Bearer {SECOND}"
        GO_ON.set()
        assert first + "".join(pieces) == "begun\nended\n"
    assert house.ask().status_code == 200
    assert house.shown[-1] == f"Bearer {SECOND}"


def test_the_old_value_is_foreign_once_it_is_rotated_away(house: House) -> None:
    """The new value is known as ours on its own host alone."""
    with httpx.Client(trust_env=False, timeout=LIMIT_S) as client:
        got = client.post(
            f"{house.firewall.agents}/infra/other/v1/items",
            headers={"x-stayhand-token": house.token},
            json={"v": SECOND},
        )
    assert (got.status_code, got.json()["code"]) == (403, "credential:foreign:used")


def test_another_purpose_is_refused(house: House) -> None:
    """A credential that was kept for a webhook is not sent to a target."""
    assert house.command("add", "mail", "--purpose", "webhook", value="hook-value").returncode == 0
    got = house.ask("other")
    assert got.json()["code"] == "credential_purpose"
    assert house.command("remove", "mail").returncode == 0


def test_what_there_is_can_be_listed_and_tried(house: House) -> None:
    """Names, versions and users, no value; trying says that it opens and what the provider tells."""
    listed = house.command("list", "--json")
    assert [(one["name"], one["version"]) for one in json.loads(listed.stdout)] == [("shop", 2)]
    tried = house.command("test", "shop", "--json")
    row = json.loads(tried.stdout)
    assert (row["opens"], [one["level"] for one in row["findings"]]) == (True, ["skipped"])
    assert SECOND not in listed.stdout + tried.stdout + tried.stderr
    missing = house.command("test", "none")
    assert (missing.returncode, "no credential `none`" in missing.stderr) == (1, True)


def test_only_an_admin_may(house: House) -> None:
    """An approver's token changes and lists nothing; an agent's is none here."""
    for token in (house.firewall.installed.shown["approver_token"], house.token):
        done = house.command("rotate", "shop", value="x", token=token)
        assert done.returncode == 1, done.stdout
    assert json.loads(house.command("list", "--json").stdout)[0]["version"] == 2


def test_a_value_is_never_a_word_of_the_command_line(house: House) -> None:
    """There is no option for it, and nothing on standard input is no value."""
    assert house.command("add", "x", "the-value").returncode == 2
    assert house.command("add", "x", "--value", "the-value").returncode == 2
    empty = house.command("add", "x", value="")
    assert (empty.returncode, "standard input" in empty.stderr) == (1, True)


def test_a_typed_value_is_not_shown(house: House) -> None:
    """At a terminal the value is asked for twice and never echoed."""
    typed = "typed-canary-77aa"
    primary, secondary = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "firewall.cli.main", "--config", str(house.config), "credential", "add", "typed"],
        cwd=REPOSITORY,
        env={**os.environ, "STAYHAND_TOKEN": house.firewall.installed.shown["admin_token"]},
        stdin=secondary, stdout=secondary, stderr=secondary, start_new_session=True,
    )  # fmt: skip
    os.close(secondary)
    said = b""
    try:
        for mark in (b"value of typed", b"epeat"):
            while mark not in said:
                said += os.read(primary, 1024)
            os.write(primary, typed.encode() + b"\n")
            said += b"|"
        assert process.wait(30) == 0
        said += os.read(primary, 4096)
    finally:
        process.kill()
        process.wait(10)
        os.close(primary)
    assert typed.encode() not in said
    assert house.command("remove", "typed").returncode == 0


def test_every_change_is_an_entry_that_names_its_author(house: House) -> None:
    """Added, rotated, removed, tried: name and author sealed, no value; the log verifies."""
    control, admin = house.firewall.control, house.firewall.admin
    found: list[tuple[str, str, str]] = []
    for seq in range(200):
        got = httpx.get(f"{control}/api/entries/{seq}", headers=admin, trust_env=False, timeout=LIMIT_S)
        if got.status_code != 200:
            break
        entry = got.json()
        assert FIRST not in got.text
        assert SECOND not in got.text
        if entry["kind"].startswith("credential.") and entry["kind"] != "credential.foreign":
            private = entry.get("private") or entry.get("sealed") or {}
            found.append((entry["kind"], private["name"], private["by"]))
    who = {by for _, _, by in found}
    assert len(who) == 1
    assert "" not in who
    assert [(kind, name) for kind, name, _ in found][:4] == [
        ("credential.added", "shop"),
        ("credential.rotated", "shop"),
        ("credential.added", "mail"),
        ("credential.removed", "mail"),
    ]
    assert ("credential.tested", "shop") in [(kind, name) for kind, name, _ in found]
    assert verify(house.firewall.installed).returncode == 0


def test_a_damaged_vault_closes_its_targets_and_nothing_else(house: House) -> None:
    """While the file's modes are loose the target is refused with the reason; mended, it serves again."""
    path = house.firewall.installed.database.with_name("vault.db")
    path.chmod(0o644)
    os.utime(path)
    got = house.ask()
    path.chmod(0o600)
    os.utime(path)
    assert (got.status_code, got.json()["code"]) == (503, "vault_open_to_others")
    assert house.ask().status_code == 200


def test_doctor_knows_the_vault(house: House) -> None:
    """Which credentials are missing and what seals them stands in doctor's lines."""
    done = cli("--config", str(house.config), "doctor", "--offline", "--json")
    said = [one["what"] for one in json.loads(done.stdout)]
    assert any("vault with 1 credential," in what for what in said)
    assert any("there is no credential `mail` in the vault" in what for what in said)
    assert SECOND not in done.stdout + done.stderr


def test_rotations_under_load_fail_no_request(house: House) -> None:
    """Four agents ask without a pause while the value changes twice: each is answered with one of its time."""
    values = [SECOND, "vault-canary-three-1a2b3c4d5e", "vault-canary-four-9f8e7d6c5b"]
    begun, stopping = len(house.shown), threading.Event()
    answers: list[int] = []

    def asking() -> None:
        while not stopping.is_set():
            answers.append(house.ask().status_code)

    def is_shown(value: str) -> bool:
        return f"Bearer {value}" in house.shown[begun:]

    agents = [threading.Thread(target=asking) for _ in range(4)]
    for agent in agents:
        agent.start()
    try:
        for value in values:
            if value != SECOND:
                assert house.command("rotate", "shop", value=value).returncode == 0
            until = time.monotonic() + LIMIT_S
            while not is_shown(value):
                assert time.monotonic() < until
                time.sleep(0.01)
    finally:
        stopping.set()
        for agent in agents:
            agent.join(LIMIT_S)
    assert set(answers) == {200}
    assert set(house.shown[begun:]) == {f"Bearer {value}" for value in values}
    assert house.ask().status_code == 200
    assert house.shown[-1] == f"Bearer {values[-1]}"
