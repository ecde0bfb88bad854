"""The whole server within this process, with something on each page: for what looks at every page of the console.

Its rooms are those of the composition root, so a page that is added there is looked at without a word here.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from firewall.app.application import Application
from firewall.app.clock import SystemClock
from firewall.app.running import running
from firewall.demo.provider import app
from firewall.demo.script import Shell, Turn, turns
from firewall.demo.serving import served
from firewall.gates.edge.server import serving
from firewall.settings.load import load_settings
from tests.support.aging import aged
from tests.support.control_side import free_socket
from tests.support.installation import PROVIDER_KEY, Installed, install

LIMIT_S = 60
PUSH = '\n[[notify]]\nkind = "push"\nsubject = "mailto:ops@example.com"\nhosts = ["push.example.com"]\n'
"""Browsers may be told, and none is."""
LONG_AGO_US = 45 * 60 * 1_000_000
"""Before which an approval was opened whose time is over."""
TOOLS = [
    {
        "name": "bash",
        "description": "run a command",
        "input_schema": {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
    }
]
HOSTILE = "echo '<script>alert(1)</script> \u202e' && rm -rf /srv/d\u0430ta/" + "a-very-long-name-" * 30


class MovedClock(SystemClock):
    """The clock of the machine, set back by as much as it says."""

    back_us = 0

    def now_us(self) -> int:
        """Return unix microseconds."""
        return super().now_us() - self.back_us


@dataclass(frozen=True, slots=True)
class Whole:
    """A running installation, and an admin who may open everything."""

    application: Application
    installed: Installed
    agents: str
    public: str
    admin: str
    passphrase: str
    approvals: dict[str, str]
    """Ids by what became of them.

    `waiting`, `hostile`, `own` (of the admin), `denied`, `spare`, `approved`, `used`, `expired`, `withdrawn`.
    """
    people: dict[str, str]
    """Passphrases by the names of people, who are called after their roles; the admin is `root`."""

    def paths(self) -> list[str]:
        """Return every address of the route table that a browser can be sent to, parameters in braces."""
        found = [row.path for row in self.application.console.rows if row.method == "GET"]
        return [path for path in found if not path.startswith("/api/")]


@asynccontextmanager
async def whole_console(folder: Path) -> AsyncIterator[Whole]:
    """Install, serve on free ports, and let an agent work so that pages have something to show."""
    turn = Turn(text="I look first.", calls=(Shell("ls -la"),))
    with served(app(turns(turn, turn, Turn(text="Fin.")), key=PROVIDER_KEY)) as provider:
        installed = install(folder, provider=provider, models="hold_s = 1", settings=PUSH)
        aged(installed.database)
        (folder / "key").write_text(PROVIDER_KEY)
        config = installed.config.read_text("utf-8")
        installed.config.write_text(config.replace('env = "SCRIPTED_KEY"', f'file = "{folder / "key"}"'), "utf-8")
        agents, control = free_socket(), free_socket()
        at, public = (f"127.0.0.1:{one.getsockname()[1]}" for one in (agents, control))
        public_url = f"http://localhost:{public.rpartition(':')[2]}"
        env = {
            "STAYHAND_SERVER__LISTEN": at,
            "STAYHAND_SERVER__CONTROL_LISTEN": public,
            "STAYHAND_SERVER__PUBLIC_URL": public_url,
        }
        clock = MovedClock()
        async with running(load_settings(str(installed.config), env), clock=clock) as application:
            first, *_, last = application.listeners()
            listeners = [replace(first, bound=agents), replace(last, bound=control)]
            async with (
                serving(listeners, drain_s=1),
                httpx.AsyncClient(timeout=LIMIT_S, trust_env=False) as client,
            ):
                yield await _played(client, application, installed, f"http://{at}", public_url, clock=clock)


async def _played(
    client: httpx.AsyncClient,
    application: Application,
    installed: Installed,
    agents: str,
    public: str,
    *,
    clock: MovedClock,
) -> Whole:
    bearer = {"authorization": f"Bearer {installed.shown['admin_token']}"}

    async def told(path: str, **wish: object) -> dict[str, object]:
        answer = await client.post(f"{public}{path}", json=wish, headers=bearer)
        assert answer.status_code in (200, 201), answer.text
        found: dict[str, object] = answer.json()
        return found

    people = {}
    for name in ("viewer", "approver", "auditor", "root"):
        role = "admin" if name == "root" else name
        added = await told("/api/approvers", name=name, role=role, groups=["oncall"])
        people[name] = str(added["passphrase"])
    minted = await told("/api/tokens", env="staging", owner="olga", agent="coder", workspace=str(installed.folder))
    own = await told("/api/tokens", env="staging", owner="root", agent="helper")
    token = str(minted["token"])
    clock.back_us = LONG_AGO_US
    expired = await _asked(client, agents, token, "rm -rf /srv/too-late")
    clock.back_us = 0
    approvals = {
        "waiting": await _asked(client, agents, token, "rm -rf /srv/data"),
        "hostile": await _asked(client, agents, token, HOSTILE),
        "own": await _asked(client, agents, str(own["token"]), "rm -rf /srv/data"),
        "denied": await _asked(client, agents, token, "rm -rf /srv/cache"),
        "spare": await _asked(client, agents, token, "rm -rf /srv/spare"),
    }
    await told(f"/api/approvals/{approvals['denied']}/decision", decision="deny", reason="not today")
    for name in ("approved", "used", "withdrawn"):
        approvals[name] = await _asked(client, agents, token, f"rm -rf /srv/{name}")
        await told(f"/api/approvals/{approvals[name]}/decision", decision="approve")
    await told(f"/api/approvals/{approvals['withdrawn']}/withdraw")
    assert await _judged(client, agents, token, "rm -rf /srv/used") == "allow"
    approvals["expired"] = expired
    await _model_called(client, agents, token)
    return Whole(
        application=application,
        installed=installed,
        agents=agents,
        public=public,
        admin="root",
        passphrase=people["root"],
        approvals=approvals,
        people=people,
    )


async def _asked(client: httpx.AsyncClient, agents: str, token: str, command: str) -> str:
    approval = (await _answered(client, agents, token, command))["approval"]
    assert isinstance(approval, dict)
    return str(approval["id"])


async def _judged(client: httpx.AsyncClient, agents: str, token: str, command: str) -> str:
    return str((await _answered(client, agents, token, command))["verdict"])


async def _answered(client: httpx.AsyncClient, agents: str, token: str, command: str) -> dict[str, object]:
    question = {"tool": "bash", "arguments": {"command": command}, "session": "ses-of-the-day"}
    answer = await client.post(f"{agents}/v1/judge", json=question, headers={"x-stayhand-token": token})
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


async def _model_called(client: httpx.AsyncClient, agents: str, token: str) -> None:
    body = {
        "model": "claude-sonnet-5",
        "max_tokens": 1000,
        "messages": [{"role": "user", "content": "clean up, please"}],
        "tools": TOOLS,
    }
    headers = {"x-api-key": token, "anthropic-version": "2023-06-01", "user-agent": "claude-cli/2.1.329"}
    answer = await client.post(f"{agents}/v1/messages", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
