"""`stayhand mcp list|diff|approve` against a control side on a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from firewall.cli.main import stayhand
from firewall.cli.mcp import mcp
from tests.support.control_side import (
    ADMIN_TOKEN,
    AGENT_TOKEN,
    APPROVER_TOKEN,
    Side,
    control_side,
    free_socket,
    served,
)

OLD = json.dumps({"name": "read", "description": "Reads a note."})
NEW = json.dumps({"name": "read", "description": "Reads a note\x1b[8m and \u202emore."})
SEEN = {"server": "notes", "identity": "https://notes", "at": "2026-11-22T01:00:00Z", "by": ""}
READ = {**SEEN, "tool": "read", "name": "read"}
ROWS = [
    {**READ, "state": "approved", "why": "", "digest": "d1", "definition": OLD},
    {**READ, "state": "waiting", "why": "changed", "digest": "d2", "definition": NEW},
    {**SEEN, "tool": "(words)", "name": "", "state": "waiting", "why": "new", "digest": "d3", "definition": "{}"},
]


@dataclass(slots=True)
class Line:
    """A command line with its configuration."""

    side: Side
    config: Path

    async def run(self, *args: str, credential: str = APPROVER_TOKEN, typed: str | None = None) -> Result:
        """Run a command in a thread, as the server runs in this one."""
        env = {"STAYHAND_TOKEN": credential, "STAYHAND_APPROVER": ""}
        call: Callable[[], Result] = lambda: CliRunner().invoke(  # noqa: E731 - one call for the thread
            stayhand, ["--config", str(self.config), "mcp", *args], input=typed, env=env
        )
        return await asyncio.to_thread(call)


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """A served control side and a configuration that names it."""
    bound = free_socket()
    port = bound.getsockname()[1]
    side = control_side(public=f"http://localhost:{port}", listen=f"127.0.0.1:{port}")
    side.desk.pins.rows = list(ROWS)
    config = tmp_path / "stayhand.toml"
    config.write_text(
        f'[server]\ncontrol_listen = "127.0.0.1:{port}"\npublic_url = "http://localhost:{port}"\n',
        encoding="utf-8",
    )
    async with served(side.console.app, bound):
        yield Line(side, config)


def test_the_commands_are_there() -> None:
    """The group is one of the command line's own, with what the contract names."""
    assert stayhand.get_command(click.Context(stayhand), "mcp") is mcp
    assert {"list", "diff", "approve", "login"} == set(mcp.commands)


async def test_what_is_pinned_is_listed(line: Line) -> None:
    """Each definition is a row with its state, and why it waits."""
    assert json.loads((await line.run("list", "--json")).stdout) == ROWS
    told = (await line.run("list")).stdout
    assert "waiting" in told
    assert "changed" in told


async def test_a_diff_shows_what_changed_and_drives_no_terminal(line: Line) -> None:
    """Old and new stand below each other, with what hides in them spelled out; --json has both whole."""
    told = (await line.run("diff")).stdout
    assert '-  "description": "Reads a note."' in told
    assert "⟦U+202E⟧more." in told
    assert "\x1b" not in told
    assert "\u202e" not in told
    first, words = json.loads((await line.run("diff", "notes", "--json")).stdout)
    assert (first["before"], first["now"]) == (json.loads(OLD), json.loads(NEW))
    assert words["before"] is None
    assert json.loads((await line.run("diff", "fresh", "--json")).stdout) == []


@pytest.mark.parametrize("command", [("diff",), ("approve", "--yes"), ("login", "--no-browser")])
async def test_a_name_that_no_server_has_is_answered_with_those_that_are(
    line: Line, command: tuple[str, ...]
) -> None:
    """Whoever mistypes a name reads which there are, instead of that nothing waits."""
    credential = ADMIN_TOKEN if command[0] == "login" else APPROVER_TOKEN
    done = await line.run(command[0], "note", *command[1:], credential=credential)
    assert done.exit_code == 1
    assert "no MCP server is named `note`; configured: `fresh`, `notes`" in done.stderr
    assert line.side.desk.asked == []
    line.side.desk.pins.servers = []
    line.side.desk.pins.rows = []
    assert "none is configured" in (await line.run(command[0], "note", *command[1:], credential=credential)).stderr


async def test_an_approval_names_what_was_read(line: Line) -> None:
    """What goes out is the digest of what was shown; a no at the prompt sends nothing."""
    assert (await line.run("approve", "notes", typed="n\n")).exit_code != 0
    assert line.side.desk.asked == []
    done = await line.run("approve", "notes", "read", "--json", "--yes")
    assert json.loads(done.stdout) == {"server": "notes", "approved": ["read"]}
    (asked,) = line.side.desk.asked
    assert asked[:3] == ("approve", "notes", {"read": "d2"})
    assert (await line.run("approve", "notes", typed="y\n")).exit_code == 0
    assert line.side.desk.asked[1][2] == {"read": "d2", "": "d3"}


async def test_what_does_not_wait_cannot_be_approved(line: Line) -> None:
    """A name or a server without anything that waits is an error, and nothing is sent."""
    for args in (("approve", "notes", "write", "--yes"), ("approve", "fresh", "--yes")):
        assert (await line.run(*args)).exit_code == 1
    assert line.side.desk.asked == []


async def test_an_agents_token_opens_nothing(line: Line) -> None:
    """Pins are read and approved by people of the control side alone."""
    assert (await line.run("list", credential=AGENT_TOKEN)).exit_code == 1
    assert (await line.run("approve", "notes", "--yes", credential=AGENT_TOKEN)).exit_code == 1
    assert line.side.desk.asked == []
