"""The suite's client scenarios: the firewall stands before the suite's servers, and the official client before it.

The suite starts all its servers at once and a driver for each. When all drivers have come, one firewall is served
with all those servers behind, and the scenarios are played through it one after the other.
"""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.conformance import driver
from tests.support.conformance.playing import Playing
from tests.support.conformance.suite import RUN_LIMIT_S, SCENARIO_LIMIT_MS, Found, program, read
from tests.support.installation import STOP_LIMIT_S, Installed, Served, install, serving

ARRIVAL_S: Final = 120
TOOLS: Final = (
    "add_numbers",
    "test_reconnection",
    "test_client_elicitation_defaults",
    "test-tool",
    "test_headers",
    "my-hyphenated-tool",
    "test_custom_headers",
    "test_custom_headers_null",
    "valid_tool",
    "json_schema_echo",
    "json_schema_2020_12_tool",
    "lookup_user",
    "test_mrtr_echo_state",
    "test_mrtr_no_state",
    "test_mrtr_unrelated",
    "test_mrtr_no_result_type",
)
"""What the suite's servers offer."""
DOCUMENT: Final = "https://conformance-test.local/client-metadata.json"
"""The client metadata document that the suite's issuer knows."""


@dataclass(slots=True)
class Guest:
    """One scenario whose server is up and whose driver waits."""

    scenario: str
    address: str
    context: dict[str, object]
    line: socket.socket
    name: str = ""
    """What its server is called here."""

    def settings(self) -> str:
        """Return its server as configured."""
        lines = [
            "[[mcp_server]]",
            f'name = "{self.name}"',
            'environment = "staging"',
            f'url = "{self.address}"',
            'hosting = "self"',
            'may_ask = ["sampling", "elicitation", "roots"]',
            "hold_s = 0",
        ]
        if self.scenario.startswith("auth/"):
            lines.append(f"oauth = {self._oauth()}")
        return "\n".join(["", *lines, ""])

    def _oauth(self) -> str:
        id_, secret = self.context.get("client_id"), self.context.get("client_secret")
        id_ = DOCUMENT if self.scenario == "auth/basic-cimd" else id_
        given = ['flow = "machine"' if self.is_machine else 'flow = "login"']
        given += [f'client_id = "{id_}"'] if id_ else []
        given += [f'client_secret = {{ env = "{self.variable}" }}'] if secret or self.is_machine else []
        return "{ " + ", ".join(given) + " }"

    @property
    def is_machine(self) -> bool:
        """It logs in by itself, as a client with a secret."""
        return self.scenario.startswith("auth/client-credentials")

    @property
    def variable(self) -> str:
        """The variable of the environment that holds the client's secret."""
        return f"SECRET_{self.name.upper().replace('-', '_')}"

    def tell(self, words: str) -> None:
        """Let the driver end."""
        self.line.sendall(words.encode("utf-8", "replace"))
        self.line.close()


def run_clients(revision: str, count: int, folder: Path) -> Found:
    """Play all client scenarios of a revision; `count`: how many there are."""
    folder.mkdir()
    results = folder / "results"
    with ExitStack() as stack:
        door = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=count))
        suite = stack.enter_context(_suite(revision, results, door.getsockname()[1]))
        guests = sorted(_arrived(door, count), key=lambda one: one.scenario)
        for number, guest in enumerate(guests):
            guest.name = f"scenario-{number}"
        served = stack.enter_context(_served(guests, folder))
        token = served.mint(ttl="1h", workspace="/test/root", max_requests_per_minute=100_000)
        for guest in guests:
            asyncio.run(_one(served, guest, token, revision))
        suite.wait(RUN_LIMIT_S)
    return read(results, "client")


@contextmanager
def _suite(revision: str, results: Path, port: int) -> "Iterator[subprocess.Popen[bytes]]":
    command = f"{sys.executable} -I -S {driver.__file__} {port}"
    argv = [*program(), "client", "--requirements", revision, "--command", command, "-o", str(results)]
    results.mkdir()
    with (results / "said.txt").open("wb") as said:
        process = subprocess.Popen(
            [*argv, "--timeout", str(SCENARIO_LIMIT_MS)],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            cwd=results,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(STOP_LIMIT_S)


def _arrived(door: socket.socket, count: int) -> Iterator[Guest]:
    door.settimeout(ARRIVAL_S)
    for _ in range(count):
        line, _ = door.accept()
        with line.makefile("r", encoding="utf-8") as heard:
            said = json.loads(heard.readline())
        yield Guest(said["scenario"], said["address"], said["context"], line)


@contextmanager
def _served(guests: list[Guest], folder: Path) -> Iterator[Served]:
    installed = install(folder / "firewall", settings="".join(one.settings() for one in guests))
    _pack(installed, [one.name for one in guests])
    secrets = {one.variable: str(one.context.get("client_secret") or "none") for one in guests}
    with serving(installed, env=secrets) as served:
        yield served


def _pack(installed: Installed, servers: list[str]) -> None:
    """Say that whatever the suite's servers offer only reads: what calls do is no matter here."""
    text = (
        'provider = "conformance"\nhosts = []\nprovenance = "the suite"\n\n[mcp]\n'
        f"servers = {json.dumps(servers)}\n\n[mcp.tools]\nread = {json.dumps(TOOLS)}\n"
    )
    (installed.config.parent / "policies" / "packs" / "conformance.toml").write_text(text)


async def _one(served: Served, guest: Guest, token: str, revision: str) -> None:
    wants = guest.scenario.startswith("auth/") and not guest.is_machine
    playing = Playing(served, guest.name, token, revision, guest.context, wants_login=wants)
    await playing.play()
    guest.tell("\n".join(playing.words) or "done")
