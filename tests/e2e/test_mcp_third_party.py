"""MCP servers of others behind the whole firewall: read, held by what their arguments do, progress, resources."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent, TextResourceContents

from tests.support.installation import Served, install, serving, verify
from tests.support.mcp_programs import DBHUB, EVERYTHING, FILESYSTEM, Program
from tests.support.story import story

pytestmark = [pytest.mark.agents, pytest.mark.timeout(300)]

MODES = ("legacy", "2026-07-28")


@dataclass(frozen=True, slots=True)
class Shelf:
    """The firewall before servers that others wrote."""

    firewall: Served
    files: Path
    """The folder of the file server."""
    database: Path
    token: str

    @asynccontextmanager
    async def speaking(self, server: str, mode: str) -> AsyncIterator[Client]:
        """Speak to a server through the firewall with the official client of a revision."""
        headers = {"authorization": f"Bearer {self.token}"}
        async with httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http:
            transport = streamable_http_client(f"{self.firewall.agents}/mcp/{server}", http_client=http)
            async with Client(transport, mode=mode) as client:
                yield client

    def rows(self) -> list[str]:
        """Return the names in the database's table."""
        with closing(sqlite3.connect(self.database)) as there:
            return [str(name) for (name,) in there.execute("SELECT name FROM people ORDER BY name")]


def _server(name: str, program: Program, *arguments: str) -> str:
    command = json.dumps(program.command(*arguments))
    return f'\n[[mcp_server]]\nname = "{name}"\nenvironment = "staging"\nhold_s = 30\ncommand = {command}\n'


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """One firewall for all tests here."""
    folder = tmp_path_factory.mktemp("shelf")
    files, database = folder / "files", folder / "people.db"
    files.mkdir()
    (files / "note.txt").write_text("three apples")
    with closing(sqlite3.connect(database)) as made, made:
        made.execute("CREATE TABLE people (name TEXT)")
        made.execute("INSERT INTO people VALUES ('olga'), ('pia')")
    settings = (
        _server("filesystem", FILESYSTEM, str(files))
        + _server("everything", EVERYTHING)
        + _server("dbhub", DBHUB, "--transport", "stdio", "--dsn", f"sqlite://{database}")
    )
    with serving(install(folder / "firewall", settings=settings)) as firewall:
        yield Shelf(firewall, files, database, firewall.mint(ttl="1h"))


def text_of(said: CallToolResult) -> str:
    """Return the text of a result."""
    return "\n".join(one.text for one in said.content if isinstance(one, TextContent))


async def decided(shelf: Shelf, decision: str) -> dict[str, object]:
    """Decide what waits as soon as it does; returns what was shown."""
    async with asyncio.timeout(60):
        while not (waiting := await asyncio.to_thread(shelf.firewall.pending)):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    await asyncio.to_thread(shelf.firewall.decide, str(waiting[0]["id"]), decision, "not today")
    return waiting[0]


@pytest.mark.parametrize("mode", MODES)
async def test_files_are_read_and_listed(shelf: Shelf, mode: str) -> None:
    """The reference file server: its tools are shown, what only reads runs at once."""
    async with shelf.speaking("filesystem", mode) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert {"read_text_file", "write_file", "move_file", "list_directory"} <= names
        read = await client.call_tool("read_text_file", {"path": str(shelf.files / "note.txt")})
        assert "three apples" in text_of(read)


async def test_overwriting_a_file_is_denied(shelf: Shelf) -> None:
    """What replaces a file outside every workspace waits for a person; denied, the file stays as it was."""
    async with shelf.speaking("filesystem", "legacy") as client:
        wish = {"path": str(shelf.files / "note.txt"), "content": "nothing"}
        running = asyncio.create_task(client.call_tool("write_file", wish))
        await decided(shelf, "deny")
        said = await running
    assert said.is_error
    assert "not today" in text_of(said)
    assert (shelf.files / "note.txt").read_text() == "three apples"


@pytest.mark.parametrize("mode", MODES)
async def test_sql_is_judged_as_sql(shelf: Shelf, mode: str) -> None:
    """A query tool does what its SQL does: a SELECT runs at once, a DROP waits as a loss; denied, all stays."""
    async with shelf.speaking("dbhub", mode) as client:
        assert "execute_sql" in {tool.name for tool in (await client.list_tools()).tools}
        read = await client.call_tool("execute_sql", {"sql": "SELECT name FROM people"})
        assert "olga" in text_of(read)
        wish = {"sql": f"DROP TABLE people /* {mode} */"}  # a denial of before would answer the same words
        running = asyncio.create_task(client.call_tool("execute_sql", wish))
        shown = await decided(shelf, "deny")
        said = await running
    assert said.is_error
    assert "destructive" in str(shown["effects"])
    assert shelf.rows() == ["olga", "pia"]


async def test_approved_sql_runs_once(shelf: Shelf) -> None:
    """What a person agreed to runs, and the same words again wait again."""
    async with shelf.speaking("dbhub", "legacy") as client:
        wish = {"sql": "DELETE FROM people WHERE name = 'pia'"}
        running = asyncio.create_task(client.call_tool("execute_sql", wish))
        await decided(shelf, "approve")
        assert not (await running).is_error
        assert shelf.rows() == ["olga"]
        again = asyncio.create_task(client.call_tool("execute_sql", wish))
        await decided(shelf, "deny")
        assert (await again).is_error
    with closing(sqlite3.connect(shelf.database)) as there, there:
        there.execute("INSERT INTO people VALUES ('pia')")
    gates = [one.data["gate"] for one in story(shelf.firewall.installed, "tool.released") if one.approval]
    assert gates == ["mcp"]
    assert verify(shelf.firewall.installed).returncode == 0


@pytest.mark.parametrize("mode", MODES)
async def test_everything_else_passes(shelf: Shelf, mode: str) -> None:
    """Progress, resources, templates, prompts and completions of the server that shows every feature."""
    seen: list[float] = []

    async def progressed(progress: float, _total: float | None, _message: str | None) -> None:
        seen.append(progress)

    async with shelf.speaking("everything", mode) as client:
        running = asyncio.create_task(
            client.call_tool(
                "trigger-long-running-operation", {"duration": 1, "steps": 3}, progress_callback=progressed
            )
        )
        await decided(shelf, "approve")  # no pack names the server: nobody knows what its tools do
        assert "completed" in text_of(await running)
        resources = (await client.list_resources()).resources
        read = await client.read_resource(resources[0].uri)
        assert isinstance(read.contents[0], TextResourceContents)
        assert (await client.list_resource_templates()).resource_templates
        prompts = {prompt.name for prompt in (await client.list_prompts()).prompts}
        assert "args-prompt" in prompts
        given = await client.get_prompt("args-prompt", {"city": "Rome", "state": "Lazio"})
        assert "Rome" in str(given.messages[0].content)
    assert seen == sorted(seen)
    assert seen
