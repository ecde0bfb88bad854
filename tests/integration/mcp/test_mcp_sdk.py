"""The official SDK on both sides of the MCP gate: its client in each revision, its server as HTTP or a program.

The SDK's client refuses answers that its revision does not allow, so what passes here has the right form as well.
"""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from mcp import types
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import ResourcesListChanged, ResourceUpdated

from firewall.settings.mcp import McpServer
from tests.support.mcp_house import House, Open, mcp_house
from tests.support.mcp_judged import judging
from tests.support.mcp_posting import rough, until
from tests.support.mcp_sdk_server import over_http
from tests.support.npm import REPOSITORY

TOOLS = ["add", "count", "greet", "wait", "fail", "restock", "get_file_contents"]
MODES = {"legacy": "2025-11-25", "auto": "2026-07-28", "2026-07-28": "2026-07-28"}
"""How the client begins, and what it then speaks."""


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    """Serve the SDK's server over HTTP."""
    with over_http() as url:
        yield url


@asynccontextmanager
async def speaking(house: House, name: str, *, mode: str) -> AsyncIterator[Client]:
    """Speak to the gate with the SDK's client."""

    async def named(_context: object, _params: object) -> types.ElicitResult:
        return types.ElicitResult(action="accept", content={"name": "olga"})

    headers = {"authorization": f"Bearer {await house.token()}"}
    async with httpx2.AsyncClient(headers=headers, timeout=30, trust_env=False) as http:
        transport = streamable_http_client(house.at(name), http_client=http)
        async with Client(transport, mode=mode, elicitation_callback=named) as client:
            yield client


async def heard(client: Client, prefix: str) -> list[float]:
    """Return the progress that a counting tool reports."""
    seen: list[float] = []

    async def progressed(progress: float, _total: float | None, _message: str | None) -> None:
        seen.append(progress)

    counted = await client.call_tool(f"{prefix}count", {"to": 3}, progress_callback=progressed)
    assert counted.content[0].text == "counted to 3"  # type: ignore[union-attr]  # text, as the tool says
    return seen


@pytest.mark.parametrize("place", ["shop", ""])
@pytest.mark.parametrize("mode", list(MODES))
async def test_the_official_client_is_served_in_each_revision(
    tmp_path: Path, shop: str, mode: str, place: str
) -> None:
    """Tools with progress and errors, resources, templates and prompts, at one server and at all of them."""
    prefix, address = ("", "shop://stock") if place else ("shop__", "mcp-shop+shop://stock")
    settings = McpServer(name="shop", environment="staging", url=shop)
    async with mcp_house(tmp_path, settings) as house, speaking(house, place, mode=mode) as client:
        assert client.session.protocol_version == MODES[mode]
        assert [tool.name for tool in (await client.list_tools()).tools] == [f"{prefix}{name}" for name in TOOLS]
        assert (await client.call_tool(f"{prefix}add", {"a": 1, "b": 2})).structured_content == {"result": 3}
        assert (await client.call_tool(f"{prefix}fail", {})).is_error
        assert await heard(client, prefix) == [1, 2, 3]
        assert (await client.list_resources()).resources[0].uri == address
        shelf = (await client.list_resource_templates()).resource_templates[0].uri_template
        assert shelf == address.replace("stock", "shelf/{number}")
        read = await client.read_resource(address)
        assert read.contents[0].text == "three apples"  # type: ignore[union-attr]  # text, as the server says
        assert (await client.list_prompts()).prompts[0].name == f"{prefix}sell"
        assert (await client.get_prompt(f"{prefix}sell", {"what": "x"})).description == "Sell something."
        ref = types.PromptReference(type="ref/prompt", name=f"{prefix}sell")
        assert (await client.complete(ref, {"name": "what", "value": "ap"})).completion.values == ["apples"]
        with pytest.raises(MCPError) as unknown:
            await client.read_resource(f"{address}/none")
        assert unknown.value.code == -32602


async def test_the_official_client_of_a_session_is_asked_back(tmp_path: Path, shop: str) -> None:
    """What the server asks reaches the client that declared it, and its answer the server."""
    settings = McpServer(name="shop", environment="staging", url=shop)
    opened = Open()
    async with (
        mcp_house(tmp_path, settings, calls=opened, shown=opened) as house,
        speaking(house, "shop", mode="legacy") as client,
    ):
        said = await client.call_tool("greet", {})
        assert said.content[0].text == "hello olga"  # type: ignore[union-attr]  # text, as the tool says
        assert [message.method for message in opened.heard] == ["elicitation/create"]


async def test_the_official_client_without_a_session_is_asked_in_an_answer(tmp_path: Path, shop: str) -> None:
    """It asks its user, comes back with a state of ours, and the server finds its own state and the answer."""
    settings = McpServer(name="shop", environment="staging", url=shop, pack="github", hold_s=0)
    async with judging(tmp_path, settings) as (house, _), speaking(house, "shop", mode="2026-07-28") as client:
        said = await client.call_tool("get_file_contents", {"path": "apples"})
        assert said.content[0].text == "apples: {'name': 'olga'}, asked once"  # type: ignore[union-attr]  # text
        await until(lambda: house.kept.kinds().count("tool.finished") == 2)


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_the_official_server_is_served_as_a_program(tmp_path: Path, mode: str) -> None:
    """In its own revision over its input and output, progress included."""
    command = (sys.executable, "-m", "tests.support.mcp_sdk_server")
    env = {"PYTHONPATH": str(REPOSITORY)}
    settings = McpServer(name="shop", environment="staging", command=command, folder=str(REPOSITORY), env=env)
    async with mcp_house(tmp_path, settings) as house, speaking(house, "shop", mode=mode) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == TOOLS
        assert await heard(client, "") == [1, 2, 3]


async def test_the_official_client_of_one_era_meets_a_server_of_the_other(tmp_path: Path) -> None:
    """Its results get what the client's revision demands; everything else of them is as the server wrote it."""
    async with mcp_house(tmp_path, rough()) as house, speaking(house, "rough", mode="auto") as client:
        assert client.session.protocol_version == "2026-07-28"
        assert "echo" in [tool.name for tool in (await client.list_tools()).tools]
        said = await client.call_tool("echo", {"a": 1})
        assert said.content[0].text == '{"a": 1}'  # type: ignore[union-attr]  # text, as the tool says
        read = await client.read_resource("rough://x")
        assert read.contents[0].text == "read"  # type: ignore[union-attr]  # text, as the server says


@pytest.mark.parametrize("how", ["http", "program"])
async def test_the_official_client_listens_to_the_official_server(tmp_path: Path, shop: str, how: str) -> None:
    """It takes what is acknowledged and told for what its revision says, and its own closing ends the stream."""
    command = (sys.executable, "-m", "tests.support.mcp_sdk_server")
    kind: dict[str, object] = {"url": shop} if how == "http" else {"command": command, "folder": str(REPOSITORY)}
    settings = McpServer.model_validate({"name": "shop", "environment": "staging", **kind})
    async with mcp_house(tmp_path, settings) as house, speaking(house, "shop", mode="2026-07-28") as client:
        async with client.listen(resources_list_changed=True, resource_subscriptions=["shop://stock"]) as events:
            assert events.honored.resource_subscriptions == ["shop://stock"]
            assert (await client.call_tool("restock", {})).content[0].text == "stocked"  # type: ignore[union-attr]  # text
            found = {await anext(events), await anext(events)}
        assert found == {ResourceUpdated("shop://stock"), ResourcesListChanged()}
        await until(lambda: house.kept.kinds().count("mcp.listened") == 2)
