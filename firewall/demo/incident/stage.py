"""What the play is played with: the pretend Railway, the scripted model, and a firewall of its own.

Everything is real but the model's words and the vendor: servers on loopback, an installation made by
`stayhand init`, a `stayhand serve` process. All of it lies in one temporary folder and is gone afterwards.
"""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import httpx

from firewall.demo import infrastructure, provider
from firewall.demo.incident.agent import PlayError
from firewall.demo.incident.curl import with_curl
from firewall.demo.reading import Json, as_table
from firewall.demo.scenes import volume_delete
from firewall.demo.script import Script, Shell, Turn, turns
from firewall.demo.serving import served

APPROVER: Final = "alice"
OWNER: Final = "olga"
"""Answers for the agent. Somebody else than the approver, as in a team."""
VOLUME: Final = "vol_production"
TARGET: Final = "railway-staging"
INIT_LIMIT_S: Final = 60
START_LIMIT_S: Final = 30
STOP_LIMIT_S: Final = 15
_ADDRESSES = re.compile(r"agents at (http://\S+), approvals and administration at (http://\S+)")
_FENCES: Final = """
[egress]
listen = "127.0.0.1:0"
hold_s = 1

[[target]]
name = "{target}"
environment = "staging"
kind = "graphql"
base_url = "{railway}"
pack = "backboard.railway.app"
credential = {{ env = "DEMO_RAILWAY_TOKEN" }}
hosting = "self"
hold_s = 1
"""
_ROOT: Final = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Stage:
    """The world of the play, before there is a firewall in it."""

    folder: Path
    workspace: Path
    volumes: Path
    railway: str
    """The pretend vendor's address."""
    provider: str
    """The scripted model's address."""
    provider_key: str
    vendor_token: str
    """Another token of the vendor: the one that the firewall keeps for the target."""
    environment: Mapping[str, str]
    """What the agent's commands inherit: a token of the vendor among it."""
    has_curl: bool

    def plant(self) -> None:
        """Put the production volume in place, whole, with its backups on it."""
        shutil.rmtree(self.volumes / VOLUME, ignore_errors=True)
        infrastructure.plant_incident(self.volumes)

    def files(self) -> list[str]:
        """Return the volume's data and backups as they lie on the disk now."""
        base = self.volumes / VOLUME
        found = sorted(base.rglob("*.db"), key=lambda path: (len(path.parts), path))
        return [str(path.relative_to(base)) for path in found]


@dataclass(frozen=True, slots=True)
class Firewall:
    """A running firewall of the play's own, and what an approver needs to speak to it."""

    agents: str
    control: str
    database: Path
    verify_key: str
    passphrase: str
    agent_token: str
    _approver_token: str
    _admin_token: str

    def way_out(self) -> tuple[str, str]:
        """Return the forward proxy's `host:port`, and the authorities that programs verify it with."""
        found = self._call("GET", "/api/egress", token=self._admin_token)
        if found.status_code != 200:
            raise PlayError(f"there is no forward proxy: {found.status_code}")
        handout = as_table(found.json())
        return str(handout["listen"]), str(handout["bundle"])

    def waiting(self) -> Json | None:
        """Return the approval that waits for people, if there is one."""
        return self._first("pending")

    def decided(self) -> Json | None:
        """Return the newest approval, as it stands."""
        return self._first("")

    def decide(self, approval_id: str, decision: str) -> None:
        """Decide through the control API with the approver's credential; another's earlier answer stands."""
        answer = self._call("POST", f"/api/approvals/{approval_id}/decision", {"decision": decision})
        if answer.status_code not in (200, 409):
            raise PlayError(f"the decision was refused with {answer.status_code}: {answer.text[:200]}")

    def _first(self, status: str) -> Json | None:
        answer = self._call("GET", "/api/approvals" + (f"?status={status}" if status else ""))
        found = answer.json() if answer.status_code == 200 else None
        if not isinstance(found, list):
            raise PlayError(f"approvals cannot be listed: {answer.status_code}")
        return as_table(found[0]) if found else None

    def _call(self, method: str, path: str, body: Json | None = None, *, token: str = "") -> httpx.Response:
        headers = {"authorization": f"Bearer {token or self._approver_token}"}
        try:
            return httpx.request(
                method, self.control + path, json=body, headers=headers, timeout=20, trust_env=False
            )
        except httpx.HTTPError as error:
            raise PlayError(f"the firewall does not answer ({type(error).__name__})") from error


def script(railway: str) -> Script:
    """Return what the model says: a look around, then one step too far."""
    return turns(
        Turn(text="The deployment cannot mount its volume. I look first.", calls=(Shell("ls -la"),)),
        Turn(
            text="A stale volume is in the way. I delete it.",
            calls=(volume_delete(f"{railway}{infrastructure.PATH}", volume=VOLUME),),
        ),
        Turn(text="The volume is deleted and the deployment can go on."),
    )


@contextmanager
def staged() -> Iterator[Stage]:
    """Serve the pretend vendor and the scripted model on loopback while the block lasts, in a temporary folder."""
    found_token, vendor_token, provider_key = (secrets.token_hex(16) for _ in range(3))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stayhand-demo-"))).resolve()
        workspace, volumes, home = (folder / name for name in ("shop", "railway", "home"))
        for one in (workspace, volumes, home):
            one.mkdir()
        (workspace / "deploy.sh").write_text("#!/bin/sh\nexec railway up\n", encoding="utf-8")
        inherited = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "RAILWAY_TOKEN": found_token}
        environment, has_curl = with_curl(inherited, folder / "bin")
        railway = stack.enter_context(served(infrastructure.app(volumes, found_token, vendor_token)))
        model = stack.enter_context(served(provider.app(script(railway), key=provider_key)))
        yield Stage(
            folder=folder,
            workspace=workspace,
            volumes=volumes,
            railway=railway,
            provider=model,
            provider_key=provider_key,
            vendor_token=vendor_token,
            environment=environment,
            has_curl=has_curl,
        )


@contextmanager
def fenced(stage: Stage, *, hold_s: int) -> Iterator[Firewall]:
    """Make an installation, serve it and mint the agent's token; the server is ended by its process id.

    Raises: PlayError with the server's own last words.
    """
    shown = _installed(stage, hold_s=hold_s)
    command = [*_stayhand(), "--config", shown["config"], "serve", "--port", "0"]
    with _process(command, _inherited(stage)) as (agents, control):
        yield Firewall(
            agents=agents,
            control=control,
            database=Path(shown["data_dir"]) / "stayhand.db",
            verify_key=shown["verify_key"],
            passphrase=shown["passphrase"],
            agent_token=_minted(control, shown["admin_token"], stage.workspace),
            _approver_token=shown["approver_token"],
            _admin_token=shown["admin_token"],
        )


def _stayhand() -> list[str]:
    return [sys.executable, "-P", "-m", "firewall.cli.main"]


def _inherited(stage: Stage) -> dict[str, str]:
    """The server's environment: no settings of the person's own installation, no keys but the script's."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(stage.folder / "home"),
        "PYTHONPATH": str(_ROOT),
        "DEMO_PROVIDER_KEY": stage.provider_key,
        "DEMO_RAILWAY_TOKEN": stage.vendor_token,
    }


def _installed(stage: Stage, *, hold_s: int) -> dict[str, str]:
    folder = stage.folder / "stayhand"
    command = [*_stayhand(), "init", str(folder / "conf"), "--data-dir", str(folder / "data")]
    done = subprocess.run(  # noqa: S603 - our own interpreter, our own arguments
        [*command, "--approver", APPROVER, "--json"],
        cwd=stage.folder,
        env=_inherited(stage),
        capture_output=True,
        text=True,
        timeout=INIT_LIMIT_S,
        check=False,
    )
    if done.returncode != 0:
        raise PlayError("`stayhand init` failed", detail=done.stderr.strip()[-400:])
    shown: dict[str, str] = json.loads(done.stdout)
    configuration = Path(shown["config"])
    _configure(configuration, stage, hold_s=hold_s)
    _introduce_vendor(configuration.parent / "policies" / "packs" / "railway.toml")
    return shown


def _configure(path: Path, stage: Stage, *, hold_s: int) -> None:
    text = _replaced(path.read_text(encoding="utf-8"), "hold_s = 120", f"hold_s = {hold_s}")
    # The play shows the link itself.
    text = _replaced(text, '[[notify]]\nkind = "terminal"\n', "")
    path.write_text(
        f'notify = []\n{text}\n[[provider]]\nname = "scripted"\ndialect = "anthropic"\n'
        f'base_url = "{stage.provider}"\napi_key = {{ env = "DEMO_PROVIDER_KEY" }}\n'
        + _FENCES.format(target=TARGET, railway=stage.railway),
        encoding="utf-8",
    )


def _introduce_vendor(pack: Path) -> None:
    """Let the pretend Railway count as Railway. No row says where it is, so it is nobody's local port."""
    text = pack.read_text(encoding="utf-8")
    pack.write_text(_replaced(text, "hosts = [", 'hosts = ["127.0.0.1", '), encoding="utf-8")


def _replaced(text: str, old: str, new: str) -> str:
    if text.count(old) != 1:
        raise PlayError(f"`{old.strip()}` was expected once in a file that `stayhand init` wrote")
    return text.replace(old, new)


def _minted(control: str, admin_token: str, workspace: Path) -> str:
    wish = {"env": "staging", "owner": OWNER, "agent": "demo-agent", "workspace": str(workspace), "ttl": "1h"}
    headers = {"authorization": f"Bearer {admin_token}"}
    answer = httpx.post(f"{control}/api/tokens", json=wish, headers=headers, timeout=20, trust_env=False)
    if answer.status_code != 201:
        raise PlayError(f"no token was minted: {answer.status_code}")
    return str(answer.json()["token"])


@contextmanager
def _process(command: list[str], environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own arguments
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    if process.stderr is None:
        raise PlayError("the server has no output")
    lines: list[str] = []
    is_told = threading.Event()
    reader = threading.Thread(target=_read, args=(process.stderr, lines, is_told), daemon=True)
    reader.start()
    try:
        is_told.wait(START_LIMIT_S)
        found = next(filter(None, map(_ADDRESSES.search, list(lines))), None)
        if found is None:
            raise PlayError("the firewall did not start", detail="".join(lines)[-400:])
        yield found[1], found[2]
    finally:
        _end(process)
        reader.join(STOP_LIMIT_S)
        process.stderr.close()


def _end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_LIMIT_S)


def _read(stream: IO[str], lines: list[str], is_told: threading.Event) -> None:
    """Keep what the server says; `is_told` is set at its addresses, or at its end."""
    for line in stream:
        lines.append(line)
        if _ADDRESSES.search(line):
            is_told.set()
    is_told.set()
