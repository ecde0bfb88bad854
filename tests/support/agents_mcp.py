"""How each real agent is pointed at an MCP server over HTTP, and how its model names that server's tools.

The token comes from the agent's environment, as docs/mcp.md tells.
"""

import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from firewall.cli.pointing import TOKEN_VARIABLE
from firewall.demo.script import Function
from tests.support.agent_process import Launch

_Pointed = Callable[[Launch, str, str], Launch]


def pointed(agent: str, launch: Launch, server: str, url: str, *, token: str) -> Launch:
    """Return the launch with one more MCP server, called `server`, at `url`, with our token."""
    return _WAYS[agent](replace(launch, env={**launch.env, TOKEN_VARIABLE: token}), server, url)


def tool_call(agent: str, server: str, tool: str, **arguments: object) -> Function:
    """Return the call of a tool as the agent's model makes it."""
    match agent:
        case "claude-code":
            return Function(f"mcp__{server}__{tool}", json.dumps(arguments))
        case "gemini-cli":
            return Function(f"mcp_{server}_{tool}", json.dumps(arguments))
        case "opencode":
            return Function(f"{server}_{tool}", json.dumps(arguments))
        case _:  # Codex
            return Function(tool, json.dumps(arguments), namespace=f"mcp__{server}")


def _claude_code(launch: Launch, server: str, url: str) -> Launch:
    one = {"type": "http", "url": url, "headers": {"Authorization": f"Bearer ${{{TOKEN_VARIABLE}}}"}}
    config = json.dumps({"mcpServers": {server: one}})
    # The scripted model calls tools at once, so they are to be there before its first turn.
    waits = {"MCP_CONNECTION_NONBLOCKING": "0", "ENABLE_TOOL_SEARCH": "false", "MCP_TIMEOUT": "60000"}
    argv = (*launch.argv, "--mcp-config", config, "--strict-mcp-config")
    return replace(launch, argv=argv, env={**launch.env, **waits})


def _codex(launch: Launch, server: str, url: str) -> Launch:
    path, text = next(iter(launch.files.items()))
    more = (
        f'\n[mcp_servers.{server}]\nurl = "{url}"\nbearer_token_env_var = "{TOKEN_VARIABLE}"\n'
        "required = true\nstartup_timeout_sec = 60\n"  # or its first turn begins without the tools
    )
    tomllib.loads(text + more)
    return replace(launch, files={path: text + more})


def _gemini_cli(launch: Launch, server: str, url: str) -> Launch:
    one = {"httpUrl": url, "headers": {"Authorization": f"Bearer ${TOKEN_VARIABLE}"}, "trust": True}
    return _with(launch, {"mcpServers": {server: one}})


def _opencode(launch: Launch, server: str, url: str) -> Launch:
    headers = {"Authorization": f"Bearer {{env:{TOKEN_VARIABLE}}}"}
    one = {"type": "remote", "url": url, "enabled": True, "oauth": False, "headers": headers, "timeout": 90_000}
    return _with(launch, {"mcp": {server: one}})


def _with(launch: Launch, more: dict[str, object]) -> Launch:
    path, text = next(iter(launch.files.items()))
    return replace(launch, files={Path(path): json.dumps({**json.loads(text), **more})})


_WAYS: Final[dict[str, _Pointed]] = {
    "claude-code": _claude_code,
    "codex": _codex,
    "gemini-cli": _gemini_cli,
    "opencode": _opencode,
}
