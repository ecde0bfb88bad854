"""What the rooms of the MCP gate share."""

from datetime import UTC, datetime

import pytest

from firewall.core.grant import Grant
from firewall.gates.mcp.port import Caller, Server
from firewall.guard.requester import Requester
from firewall.settings.mcp import McpServer

SETTINGS = McpServer(name="github", environment="staging", url="https://mcp.example.com/mcp")
SERVER = Server("github", "staging", "https://mcp.example.com/mcp", SETTINGS)


def caller(*globs: str, environment: str = "staging", **more: object) -> Caller:
    """Return a caller whose grant has these tool globs."""
    grant = Grant(environment, "olga", "coder", datetime(2030, 1, 1, tzinfo=UTC), tools=globs)
    requester = Requester("tok_1", ("tok_1",), (), grant, "olga/coder", gate="mcp")
    return Caller(requester, "2026-07-28", more.get("capabilities", {}), {})  # type: ignore[arg-type]  # a dict


@pytest.mark.parametrize(
    ("glob", "sees"),
    [
        ("*", True),
        ("mcp__*", True),
        ("mcp__github__*", True),
        ("mcp__github__create_issue", True),
        ("mcp__git*issue", True),
        ("mcp__github*", True),
        ("*__create_issue", True),
        ("?cp__github__x", True),
        ("mcp__github", False),
        ("mcp__gitlab__*", False),
        ("mcp__gitlab__create_issue", False),
        ("Bash", False),
        ("Bash*", False),
    ],
)
def test_a_server_is_there_for_whom_a_glob_could_name_one_of_its_tools(glob: str, *, sees: bool) -> None:
    """Globs that can match no tool of a server show nothing of it; others may, and the rest is judged per tool."""
    assert caller(glob).may_see(SERVER) is sees
    assert caller(glob, environment="production").may_see(SERVER) is False


def test_only_a_declared_address_counts() -> None:
    """URL elicitation is declared as an object, in the form of 2025-11-25 and 2026-07-28; nothing else is one."""
    assert caller("*", capabilities={"elicitation": {"url": {}}}).takes_urls
    for odd in (
        {},
        {"elicitation": {}},
        {"elicitation": {"form": {}}},
        {"elicitation": {"url": True}},
        {"url": {}},
    ):
        assert not caller("*", capabilities=odd).takes_urls


def test_a_server_names_its_tools_as_clients_do() -> None:
    """The same name on every gate, so that one glob covers a tool wherever it is called."""
    assert SERVER.tool_name("create_issue") == "mcp__github__create_issue"
