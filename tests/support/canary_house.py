"""An installation with a distinctive secret in each place that holds one, and targets that echo all they are sent.

`canary_house` serves it as loud as can be; everything that comes out is kept in `House.said` to be searched.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from firewall.demo.serving import served
from tests.support.canaries import canary, forms, hits
from tests.support.installation import REPOSITORY, Installed, Served, install, serving

LIMIT_S = 30
MOODS = ["fine", "refuse", "rubbish", "redirect", "cut", "silent", "stream", "head", "bomb"]
_SETTINGS = """
[[provider]]
name = "fake"
dialect = "anthropic"
base_url = "{base}/provider"
api_key = {{ env = "CANARY_PROVIDER" }}
timeout_s = 1
first_token_timeout_s = 1
breaker = {{ least = 1000 }}  # so many faults would open any circuit

[[provider]]
name = "fake-responses"
dialect = "openai-responses"
base_url = "{base}/provider/v1"
api_key = {{ vault = "provider" }}
timeout_s = 1
first_token_timeout_s = 1
breaker = {{ least = 1000 }}

[[target]]
name = "by-variable"
environment = "staging"
base_url = "{base}/target"
credential = {{ env = "CANARY_TARGET" }}
hosting = "self"
scoped = true
hold_s = 0
timeout_s = 1

[[target]]
name = "by-vault"
environment = "staging"
base_url = "{base}/target"
credential = {{ vault = "target" }}
header = "X-Secret-Key: {{credential}}"
hosting = "self"
scoped = true
hold_s = 0
timeout_s = 1

[[target]]
name = "by-file"
environment = "staging"
base_url = "{base}/target"
credential = {{ file = "{file}" }}
hosting = "self"
hold_s = 0
timeout_s = 1

[[target]]
name = "by-command"
environment = "staging"
base_url = "{base}/target"
credential = {{ command = ["sh", "-c", "env > {env}; cat {printed}"] }}
hosting = "self"
scoped = true
hold_s = 0
timeout_s = 1

[[target]]
name = "closed"
environment = "staging"
base_url = "http://127.0.0.1:1"
credential = {{ env = "CANARY_TARGET" }}
hosting = "self"
scoped = true

[[target]]
name = "cloud"
environment = "staging"
kind = "aws"
base_url = "{base}/cloud"
credential = {{ file = "{aws}" }}
hosting = "self"
scoped = true
hold_s = 0

[[notify]]
kind = "webhook"
url = {{ vault = "hook-url" }}
secret = {{ vault = "hook-secret" }}
"""


@dataclass(slots=True)
class House:
    """A server with a canary for each of its secrets, and everything that came out of it."""

    firewall: Served
    installed: Installed
    base: str
    folder: Path
    canaries: dict[str, str]
    token: str
    said: list[tuple[str, bytes]] = field(default_factory=list)
    """Where it came from, and what."""

    def note(self, where: str, answer: httpx.Response) -> httpx.Response:
        """Keep an answer for the search."""
        head = repr([answer.status_code, list(answer.headers.items())]).encode()
        self.said.append((where, head + b"\n" + answer.content))
        return answer

    def run(self, *words: str, value: str = "") -> str:
        """Run a command with an admin's token, and keep what it says."""
        done = subprocess.run(
            [sys.executable, "-m", "firewall.cli.main", "--config", str(self.firewall.at_its_ports()), *words],
            cwd=REPOSITORY, input=value, capture_output=True, text=True, timeout=60, check=False,
            env={**os.environ, **self.variables(), "STAYHAND_TOKEN": self.installed.shown["admin_token"]},
        )  # fmt: skip
        self.said.append((" ".join(words), (done.stdout + done.stderr).encode()))
        return done.stdout + done.stderr

    def entries(self) -> list[dict[str, Any]]:
        """Return every entry as an admin is shown it, oldest first."""
        found: list[dict[str, Any]] = []
        with httpx.Client(trust_env=False, timeout=LIMIT_S, headers=self.firewall.admin) as client:
            for seq in range(1000):
                answer = client.get(f"{self.firewall.control}/api/entries/{seq}")
                self.note("entry", answer)
                if answer.status_code != 200:
                    break
                found.append(answer.json())
        return found

    def told(self) -> dict[str, list[str]]:
        """Return which secrets have been said, by where."""
        if not hits(b"\n".join(data for _, data in self.said), self.canaries):
            return {}
        return {where: found for where, data in self.said if (found := hits(data, self.canaries))}

    def files(self) -> list[Path]:
        """Return the files that the server and its commands had a hand in."""
        return [
            path for path in self.folder.rglob("*") if path.is_file() and path.name not in ("aws", "reprs.txt")
        ]

    def kept(self) -> dict[Path, list[str]]:
        """Return which secrets lie in files that are not their own."""
        conf, data = self.installed.config.parent, self.installed.database.parent
        own = {
            conf / "vault.key": "vault key", conf / "keystore.key": "keystore key", data / "log.key": "log key",
            self.folder / "file": "target by file", self.folder / "printed": "target by command",
        }  # fmt: skip
        found = {path: hits(path.read_bytes(), self.canaries) for path in self.files()}
        held = {path: [one for one in names if own.get(path) != one] for path, names in found.items()}
        return {path: names for path, names in held.items() if names}

    def variables(self) -> dict[str, str]:
        """Return the variables that hold secrets."""
        return {
            "CANARY_PROVIDER": self.canaries["provider"],
            "CANARY_TARGET": self.canaries["target by variable"],
        }


def _echo(request: Request) -> dict[str, str]:
    """Return every credential that a request held, in every form."""
    found: dict[str, str] = {}
    for name in ("authorization", "x-secret-key", "x-api-key"):
        value = request.headers.get(name, "").removeprefix("Bearer ")
        if value:
            found |= {f"{name} {form}": text.decode() for form, text in forms(value).items()}
    return found


async def _answer(request: Request) -> Response:
    body = (await request.body()).decode(errors="replace")
    mood = next((mood for mood in MOODS if f"mood-{mood}" in f"{request.url}{body}"), "fine")
    held = _echo(request)
    if mood == "silent":
        await asyncio.sleep(3)
    if mood not in ("silent", "fine"):
        return _MOODS[mood](held)
    if request.url.path.startswith("/provider"):
        return JSONResponse(_message(body))
    return JSONResponse({"echo": held, "nested": json.dumps(held), "ok": True})


def _refusing(held: dict[str, str]) -> Response:
    error = {"type": "authentication_error", "message": str(held)}
    return JSONResponse({"type": "error", "error": error}, 401)


def _redirecting(held: dict[str, str]) -> Response:
    return RedirectResponse(f"/elsewhere?{'&'.join(held.values())}".replace("\n", ""), 307)


def _in_the_head(held: dict[str, str]) -> Response:
    echoed = {f"x-echo-{number}": value for number, value in enumerate(held.values())}
    return JSONResponse({"ok": True}, headers=echoed | {"etag": str(held)})


_MOODS: dict[str, Callable[[dict[str, str]], Response]] = {
    "refuse": _refusing,
    "rubbish": lambda held: Response(repr(held).encode() + b"\xff\x00{", media_type="application/json"),
    "redirect": _redirecting,
    "cut": lambda held: StreamingResponse(_cut(str(held)), headers={"content-length": "100000"}),
    "stream": lambda held: StreamingResponse(_events(held), media_type="text/event-stream"),
    "head": _in_the_head,
    "bomb": lambda held: Response(b"\x1f\x8b" + str(held).encode(), headers={"content-encoding": "gzip"}),
}


def _message(body: str) -> dict[str, object]:
    call = {"type": "tool_use", "id": "toolu_01", "name": "bash", "input": {"command": "rm -rf /srv/data"}}
    content = [call] if "use a tool" in body else [{"type": "text", "text": "fine"}]
    return {
        "id": "msg_01", "type": "message", "role": "assistant", "model": "claude-sonnet-5", "content": content,
        "stop_reason": "tool_use" if call in content else "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }  # fmt: skip


async def _cut(text: str) -> AsyncIterator[bytes]:
    yield text.encode()


async def _events(held: dict[str, str]) -> AsyncIterator[bytes]:
    for text in held.values():
        error = {"type": "error", "error": {"type": "x", "message": text}}
        event = f"event: error\ndata: {json.dumps(error)}\n\n".encode()
        for at in range(0, len(event), 13):
            yield event[at : at + 13]


@contextmanager
def canary_house(folder: Path) -> Iterator[House]:
    """A loud server, its vault filled, its secrets known."""
    names = ("provider", "target by variable", "target by file", "target by command", "target", "vault provider",
             "hook url", "hook secret", "aws secret", "aws session", "rotated away")  # fmt: skip
    canaries = {name: canary(name.replace(" ", "-")) for name in names}
    app = Starlette(routes=[Route("/{path:path}", _answer, methods=["GET", "POST", "PUT", "DELETE", "HEAD"])])
    with served(app) as base:
        files = {name: folder / name for name in ("file", "printed", "aws", "env")}
        files["file"].write_text(canaries["target by file"])
        files["printed"].write_text(canaries["target by command"])
        files["aws"].write_text(
            json.dumps(
                {
                    "AccessKeyId": "AKIDREAL",
                    "SecretAccessKey": canaries["aws secret"],
                    "SessionToken": canaries["aws session"],
                }
            )
        )
        installed = install(folder, settings=_SETTINGS.format(base=base, **files))
        loud = {
            "LOUD_FILE": str(folder / "reprs.txt"),
            "PYTHONASYNCIODEBUG": "1",
            "CANARY_PROVIDER": canaries["provider"],
            "CANARY_TARGET": canaries["target by variable"],
        }
        with serving(installed, env=loud, module="tests.support.loud_server") as running:
            token = running.mint()
            canaries |= {
                "admin token": installed.shown["admin_token"],
                "approver token": installed.shown["approver_token"],
                "agent token": token,
                "passphrase": installed.shown["passphrase"],
            }
            house = House(running, installed, base, folder, canaries, token)
            _fill(house)
            yield house


def _fill(house: House) -> None:
    """Put the secrets of the vault there, one of them twice."""
    names = {"target": "rotated away", "provider": "vault provider", "hook-url": "", "hook-secret": "hook secret"}
    purposes = {"target": "target", "provider": "provider", "hook-url": "webhook", "hook-secret": "webhook"}
    for name, known in names.items():
        value = house.canaries[known] if known else f"{house.base}/hook/{house.canaries['hook url']}/mood-refuse"
        assert "is kept" in house.run("credential", "add", name, "--purpose", purposes[name], value=value)
    assert "version 2" in house.run("credential", "rotate", "target", value=house.canaries["target"])
    house.run("credential", "test", "target")
    conf, data = house.installed.config.parent, house.installed.database.parent
    for name, path in (
        ("vault key", conf / "vault.key"),
        ("keystore key", conf / "keystore.key"),
        ("log key", data / "log.key"),
    ):
        house.canaries[name] = path.read_text().strip()
