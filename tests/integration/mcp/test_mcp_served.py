"""The MCP gate of a served installation: reached where servers are configured, judged like the others."""

import json
import sys
from pathlib import Path

import httpx

from tests.support.installation import Served, install, serving
from tests.support.mcp_posting import NOTES, ROUGH

SETTINGS = f"""
[[mcp_server]]
name = "rough"
environment = "staging"
hold_s = 0
command = {json.dumps([sys.executable, str(ROUGH)])}
"""


def post(served: Served, path: str, token: str, body: bytes, **more: str) -> httpx.Response:
    """Post bytes as a client of 2026-07-28 that calls a tool."""
    headers = {
        "authorization": f"Bearer {token}",
        "accept": "application/json",
        "content-type": "application/json",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "echo",
        **more,
    }
    return httpx.post(f"{served.agents}{path}", content=body, headers=headers, trust_env=False, timeout=30)


def test_a_served_installation_judges_calls_of_its_servers(tmp_path: Path) -> None:
    """What nobody allows does not run, whatever the place; another name is not there, and errors are JSON-RPC."""
    params = {"name": "echo", "arguments": {}, "_meta": NOTES}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
    with serving(install(tmp_path, settings=SETTINGS)) as served:
        token = served.mint()
        answer = post(served, "/mcp/rough", token, body).json()
        assert answer["id"] == 1
        assert "content" not in answer.get("result", {}) or answer["result"]["isError"]
        other = post(served, "/mcp/other", token, body)
        assert (other.status_code, other.json()["error"]["data"]["code"]) == (404, "server_unknown")
        page = post(served, "/mcp/rough", token, body, origin="https://evil.example")
        assert (page.status_code, page.json()["error"]["data"]["code"]) == (403, "origin_refused")
        assert post(served, "/mcp/rough", "shd_no", body).status_code == 401
