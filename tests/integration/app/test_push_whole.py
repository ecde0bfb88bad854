"""The whole server with browser push configured: from the form to the phone, by its own background work."""

import asyncio
import json
import re
from pathlib import Path

import httpx

from firewall.app.clock import SystemClock
from firewall.app.running import running
from firewall.settings.load import load_settings
from tests.support.approving import wanted
from tests.support.control_side import Browser
from tests.support.installation import install
from tests.support.push_service import push_service

PUBLIC = "http://localhost:8788"


async def test_a_phone_is_told_by_the_server_itself(tmp_path: Path) -> None:
    """Added by the form, told by the channel, signed with the installation's key; the channel gets through."""
    async with push_service(tmp_path) as service:
        notify = f'hosts = ["{service.host}"]\nca = "{service.authority}"\nsubject = "mailto:ops@example.com"\n'
        installed = install(tmp_path, settings=f'\n[[notify]]\nkind = "push"\n{notify}')
        service.clock = SystemClock()
        settings = load_settings(str(installed.config), {"STAYHAND_SERVER__PUBLIC_URL": PUBLIC})
        async with running(settings) as application:
            transport = httpx.ASGITransport(application.console.app, client=("127.0.0.1", 50000))
            async with httpx.AsyncClient(transport=transport, base_url=PUBLIC) as client:
                browser = Browser(client, PUBLIC)
                phrase = str(installed.shown["passphrase"])
                assert (await browser.sign_in("alice", phrase)).status_code == 303
                page = (await browser.open("/console/")).text
                found = re.search(r'data-push-key="([^"]+)"', page)
                assert found, page
                service.application_key = found[1]
                phone = service.subscribed()
                fields = phone.fields(service.origin) | {"csrf": await browser.csrf(), "label": "phone"}
                made = await client.post("/api/push", data=fields, headers=browser.headers)
                assert made.status_code == 201, made.text
                approval = await application.approvals.open(wanted())
                async with asyncio.timeout(60):
                    while not service.of(phone):  # noqa: ASYNC110 - the server's own task does it
                        await asyncio.sleep(0.02)
                (told,) = service.of(phone)
                assert json.loads(told.text) == {"about": "waits", "id": approval.id}
                assert told.subject == "mailto:ops@example.com"
                assert "does not get through" not in (await browser.open("/console/")).text
    assert not service.complaints
