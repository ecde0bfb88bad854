"""OAuth in a served installation: an admin logs in with the command, an agent uses the server."""

import asyncio
import contextlib
import json
import subprocess
import sys
from pathlib import Path

import httpx

from tests.support.authorizing import Authorizing, authorizing
from tests.support.installation import REPOSITORY, Served, cli, install, serving
from tests.support.mcp_posting import Said, posting

LIMIT_S = 60


def settings_of(far: Authorizing) -> str:
    """Return a server that wants a login, and an issuer whose tokens open the gate."""
    return f"""
[oauth]
resource = "https://agents.example.com"

[[oauth_issuer]]
issuer = "https://login.example.com"

[[oauth_issuer.grant]]
scopes = ["mcp:use"]
owner = "olga"
agent = "coder"
environment = "staging"

[[mcp_server]]
name = "far"
environment = "staging"
url = "{far.url}"
oauth = {{ flow = "login" }}
"""


def logged_in(served: Served, *, scope: str = "read", pastes: bool = False) -> dict[str, object]:
    """Run the command, and be the browser of who runs it; `pastes`: it runs elsewhere, and ends at an address."""
    command = [sys.executable, "-m", "firewall.cli.main", "--config", str(served.at_its_ports())]
    process = subprocess.Popen(
        [
            *command,
            *("mcp", "login", "far", "--no-browser", "--json", "--wait", str(LIMIT_S), "--scope", scope),
            *(["--paste"] if pastes else []),
        ],
        cwd=REPOSITORY,
        env={"PATH": "/usr/bin:/bin", "STAYHAND_TOKEN": served.installed.shown["admin_token"]},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        address = next(line for line in iter(process.stderr.readline, "") if line.startswith("http"))
        assert scope in httpx.URL(address.strip()).params["scope"].split()
        page = httpx.get(address.strip(), follow_redirects=not pastes, trust_env=False, timeout=LIMIT_S)
        assert pastes or "You can close this window" in page.text
        out, _ = process.communicate(f"{page.headers['location']}\n" if pastes else "", timeout=LIMIT_S)
        assert process.returncode == 0
        found: dict[str, object] = json.loads(out)
        return found
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


async def tools(served: Served, token: str) -> Said:
    """Ask for the server's tools, as a client of 2025-06-18."""
    async with posting(f"{served.agents}/mcp/far", token) as poster:
        session = await poster.begin()
        return await poster.legacy("tools/list", session=session)


async def _wants_more(served: Served, far: Authorizing, token: str) -> None:
    """A server that names scopes which our login lacks: the agent hears a code, the log what to do."""
    far.wants = "repo:admin read;ls"
    lacking = await tools(served, token)
    assert lacking.code == (-31502, "upstream_scope_needed")
    assert "repo:admin" not in json.dumps(lacking.answer)
    line = next(line for line in served.lines if "upstream_scope_needed" in line)
    assert "run `stayhand mcp login far --scope repo:admin`" in line
    admin = {"STAYHAND_TOKEN": served.installed.shown["admin_token"]}
    command = ("--config", str(served.at_its_ports()), "doctor", "--offline")
    seen = await asyncio.to_thread(cli, *command, env=admin)
    assert "MCP servers want scopes that our login lacks: `far` (repo:admin)" in seen.stdout
    far.wants = ""
    done = await asyncio.to_thread(logged_in, served, scope="repo:admin", pastes=True)
    assert (done["server"], done["renews"]) == ("far", True)
    assert list(far.codes.values()) == []
    assert "look" in json.dumps((await tools(served, token)).answer)
    seen = await asyncio.to_thread(cli, *command, env=admin)
    assert "scopes that our login lacks" not in seen.stdout
    assert "not the one whose tools were approved" not in seen.stdout
    moved = served.at_its_ports()
    moved.write_text(moved.read_text().replace(f'url = "{far.url}"', f'url = "{far.url}/other"'))
    seen = await asyncio.to_thread(cli, "--config", str(moved), "doctor", "--offline", env=admin)
    assert "MCP server `far`: its address is not the one whose tools were approved" in seen.stdout


async def test_an_admin_logs_in_and_agents_use_the_server(tmp_path: Path) -> None:
    """Without a login a clear error; with one the tools; renewed when the server refuses; the doctor tells.

    Where the server then wants more, the admin logs in anew, from a machine without a browser.
    """
    async with authorizing() as far:
        with contextlib.ExitStack() as stack:
            installed = install(tmp_path, settings=settings_of(far))
            served = await asyncio.to_thread(stack.enter_context, serving(installed))
            token = await asyncio.to_thread(served.mint)
            async with posting(f"{served.agents}/mcp/far", token) as poster:
                refused = await poster.modern("tools/list")
            assert refused.code == (-31502, "upstream_login_needed")
            seen = await asyncio.to_thread(cli, "--config", str(served.at_its_ports()), "doctor", "--offline")
            assert "MCP server `far`: nobody has logged in" in seen.stdout
            done = await asyncio.to_thread(logged_in, served)
            assert (done["server"], done["renews"]) == ("far", True)
            said = await tools(served, token)
            assert "look" in json.dumps(said.answer)
            (good,) = far.good
            far.good.clear()
            again = await tools(served, token)
            assert "look" in json.dumps(again.answer)
            assert good not in far.good
            seen = await asyncio.to_thread(cli, "--config", str(served.at_its_ports()), "doctor", "--offline")
            assert f"logged in at {far.issuer}" in seen.stdout
            assert "mcp-oauth.far" not in seen.stdout
            await _wants_more(served, far, token)
            assert all(token not in field for field in far.heard)
            async with httpx.AsyncClient(base_url=served.agents, trust_env=False, timeout=LIMIT_S) as http:
                strangers = await http.post("/mcp/far", json={})
                known = await http.get("/.well-known/oauth-protected-resource/mcp/far")
            assert "/.well-known/oauth-protected-resource/mcp/far" in strangers.headers["www-authenticate"]
            assert known.json()["resource"] == "https://agents.example.com/mcp/far"
