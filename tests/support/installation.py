"""A real installation of its own in a temporary folder, served by a real process."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import httpx

REPOSITORY = Path(__file__).resolve().parents[2]
START_LIMIT_S = 90
STOP_LIMIT_S = 40
ANSWER_LIMIT_S = 60
"""For one answer of a server: httpx's own 5 s are too short where others use the processors as well."""
PROVIDER_KEY = "sk-provider-key-canary-0123456789"
_ADDRESSES = re.compile(r"agents at (http://\S+), approvals and administration at (http://\S+)")


@dataclass(slots=True)
class Installed:
    """What `stayhand init` made."""

    folder: Path
    shown: dict[str, str]

    @property
    def config(self) -> Path:
        """The configuration file."""
        return Path(self.shown["config"])

    @property
    def database(self) -> Path:
        """The one database file."""
        return Path(self.shown["data_dir"]) / "stayhand.db"


@dataclass(slots=True)
class Served:
    """A running server."""

    installed: Installed
    process: "subprocess.Popen[str]"
    agents: str
    control: str
    lines: list[str] = field(default_factory=list)
    """Everything that it wrote."""

    def mint(self, **wish: object) -> str:
        """Mint an agent token through the control side."""
        return self.minted(**wish)[1]

    def minted(self, **wish: object) -> tuple[str, str]:
        """Mint an agent token; returns its id and the token."""
        answer = httpx.post(
            f"{self.control}/api/tokens",
            json={"env": "staging", "owner": self.installed.shown["approver"], **wish},
            headers=self.admin,
            trust_env=False,
            timeout=ANSWER_LIMIT_S,
        )
        assert answer.status_code == 201, answer.text
        found = answer.json()
        return str(found["id"]), str(found["token"])

    @property
    def admin(self) -> dict[str, str]:
        """An admin's credential."""
        return {"authorization": f"Bearer {self.installed.shown['admin_token']}"}

    @property
    def approver(self) -> dict[str, str]:
        """An approver's credential."""
        return {"authorization": f"Bearer {self.installed.shown['approver_token']}"}

    def pending(self) -> list[dict[str, object]]:
        """Return what waits for people."""
        return self.approvals({"status": "pending"})

    def approvals(self, params: dict[str, str] | None = None) -> list[dict[str, object]]:
        """Return approvals, newest first."""
        answer = httpx.get(
            f"{self.control}/api/approvals",
            params=params,
            headers=self.approver,
            trust_env=False,
            timeout=ANSWER_LIMIT_S,
        )
        assert answer.status_code == 200, answer.text
        found: list[dict[str, object]] = answer.json()
        return found

    def decide(self, approval_id: str, decision: str, reason: str = "") -> httpx.Response:
        """Decide as the approver."""
        body = {"decision": decision, **({"reason": reason} if reason else {})}
        return httpx.post(
            f"{self.control}/api/approvals/{approval_id}/decision",
            json=body,
            headers=self.approver,
            trust_env=False,
            timeout=ANSWER_LIMIT_S,
        )

    def at_its_ports(self) -> Path:
        """Return a copy of the configuration with the ports in use, for commands that look for the server."""
        text = self.installed.config.read_text()
        for default, used in (("127.0.0.1:8787", self.agents), ("127.0.0.1:8788", self.control)):
            text = text.replace(default, used.removeprefix("http://"))
        path = self.installed.config.with_name("at-its-ports.toml")
        path.write_text(text)
        return path

    def kill(self) -> None:
        """Kill -9, as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(STOP_LIMIT_S)


def cli(
    *arguments: str, env: dict[str, str] | None = None, timeout_s: int = 60
) -> "subprocess.CompletedProcess[str]":
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "firewall.cli.main", *arguments],
        cwd=REPOSITORY,
        env=_environment(env or {}),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def install(
    folder: Path, *, provider: str = "", settings: str = "", models: str = "", own_login: bool = False
) -> Installed:
    """Make an installation; `provider` is the scripted provider's address, `settings` more TOML.

    `own_login`: clients bring their own logins at the provider.
    """
    done = cli("init", str(folder / "conf"), "--data-dir", str(folder / "data"), "--approver", "alice", "--json")
    assert done.returncode == 0, done.stderr
    installed = Installed(folder, json.loads(done.stdout))
    text = installed.config.read_text()
    if models:
        text = text.replace("hold_s = 120", models)
    if provider:
        key = '"client"' if own_login else '{ env = "SCRIPTED_KEY" }'
        text += "".join(
            f'\n[[provider]]\nname = "scripted-{dialect}"\ndialect = "{dialect}"\n'
            f'base_url = "{provider}{suffix}"\napi_key = {key}\n'
            for dialect, suffix in (("anthropic", ""), ("openai-responses", "/v1"), ("gemini", ""))
        )
    installed.config.write_text(text + settings)
    return installed


@contextmanager
def serving(
    installed: Installed, *, env: dict[str, str] | None = None, module: str = "firewall.cli.main"
) -> Iterator[Served]:
    """Serve an installation on free ports by running `module`; the process is ended by its id."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, "--config", str(installed.config), "serve", "--port", "0"],
        cwd=REPOSITORY,
        env=_environment({"SCRIPTED_KEY": PROVIDER_KEY, **(env or {})}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines: list[str] = []
    found = threading.Event()
    assert process.stderr is not None
    reader = threading.Thread(target=_read, args=(process.stderr, lines, found), daemon=True)
    reader.start()
    try:
        assert found.wait(START_LIMIT_S), "".join(lines)
        matched = next(filter(None, map(_ADDRESSES.search, lines)), None)
        assert matched is not None, "".join(lines)
        yield Served(installed, process, matched[1], matched[2], lines)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_LIMIT_S)
        reader.join(STOP_LIMIT_S)
        process.stderr.close()


def verify(installed: Installed, *more: str, log: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Run the auditor's verifier over an installation's log, or over a copy of it."""
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "audit",
            "verify",
            "--log",
            str(log or installed.database),
            "--key",
            installed.shown["verify_key"],
            *more,
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _read(stream: IO[str], lines: list[str], found: threading.Event) -> None:
    for line in stream:
        lines.append(line)
        if _ADDRESSES.search(line):
            found.set()
    found.set()


def _environment(more: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_AUTH_TOKEN"))}
    kept = {name: value for name, value in kept.items() if not name.startswith("STAYHAND_")}
    return {**kept, **more}
