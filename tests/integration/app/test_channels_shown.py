"""The whole server with a channel that nobody answers: the approval says so while background work tries."""

import asyncio
from pathlib import Path

import httpx

from firewall.app.running import running
from firewall.settings.load import load_settings
from tests.support.approving import wanted
from tests.support.control_side import free_socket
from tests.support.installation import install

PUBLIC = "http://localhost:8788"


async def test_an_approval_says_which_channel_does_not_get_through(tmp_path: Path) -> None:
    """By name and without its address; what waits goes on waiting."""
    with free_socket() as nobody:  # bound, and never listened at
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}/hook"
        installed = install(
            tmp_path, settings=f'\n[[notify]]\nkind = "webhook"\nname = "pager"\nurl = "{address}"\n'
        )
        settings = load_settings(str(installed.config), {"STAYHAND_SERVER__PUBLIC_URL": PUBLIC})
        async with running(settings) as application:
            transport = httpx.ASGITransport(application.console.app, client=("127.0.0.1", 50000))
            bearer = {"authorization": f"Bearer {installed.shown['admin_token']}"}
            async with httpx.AsyncClient(transport=transport, base_url=PUBLIC, headers=bearer) as client:
                approval = await application.approvals.open(wanted())
                async with asyncio.timeout(60):
                    while True:
                        answer = await client.get(f"/api/approvals/{approval.id}")
                        if found := answer.json()["channels"]:
                            break
                        await asyncio.sleep(0.05)
                assert [(one["channel"], one["about"], one["failure"]) for one in found] == [
                    ("pager", "waits", "ConnectError")
                ]
                assert found[0]["tries"] >= 1
                assert found[0]["again_at"]
                assert address not in answer.text
                assert answer.json()["status"] == "pending"
