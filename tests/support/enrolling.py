"""People with passkeys at a control side: enrolled as an admin would have them enrolled."""

import json

import httpx

from tests.support.control_side import ADMIN_TOKEN, Browser, Side
from tests.support.softkey import SoftKey

ADMIN = {"authorization": f"Bearer {ADMIN_TOKEN}"}


def soft_key(side: Side, **changes: object) -> SoftKey:
    """Return an authenticator at this side's address."""
    party = side.proving.passkeys.party if side.proving.passkeys else None
    assert party is not None
    return SoftKey(**({"origin": party.origin, "rp_id": party.id} | changes))  # type: ignore[arg-type]  # tests name the fields


async def code_for(side: Side, name: str) -> str:
    """Return the code of a new one-time sign-in address."""
    async with side.client() as client:
        answer = await client.post(f"/api/approvers/{name}/link", json={}, headers=ADMIN)
    assert answer.status_code == 201, answer.text
    address = str(answer.json()["address"])
    assert address.startswith(f"{side.public}/console/link#shl_")
    return address.partition("#")[2]


async def by_code(side: Side, code: str) -> tuple[Browser, httpx.Response]:
    """Open a browser and send a code."""
    browser = Browser(side.client(), side.public)
    answer = await browser.client.post("/console/link", data={"code": code}, headers=browser.headers)
    return browser, answer


async def add_passkey(browser: Browser, key: SoftKey, label: str = "phone") -> httpx.Response:
    """Register a passkey in a browser's session."""
    csrf = await browser.csrf()
    asked = await browser.client.post("/api/passkeys/new", data={"csrf": csrf}, headers=browser.headers)
    if asked.status_code != 200:
        return asked
    fields = {"csrf": csrf, "label": label, "credential": key.create(asked.json())}
    return await browser.client.post("/console/passkeys", data=fields, headers=browser.headers)


async def enrolled(side: Side, name: str = "alice", **changes: object) -> tuple[Browser, SoftKey]:
    """Return the browser of somebody who signed in by a one-time address and registered a passkey."""
    browser, answer = await by_code(side, await code_for(side, name))
    assert answer.status_code == 303, answer.text
    key = soft_key(side, **changes)
    added = await add_passkey(browser, key)
    assert added.status_code == 303, added.text
    return browser, key


async def tap(browser: Browser, key: SoftKey, back: str = "/console/") -> httpx.Response:
    """Sign in with a passkey."""
    asked = await browser.client.post("/api/session/passkey", headers=browser.headers)
    assert asked.status_code == 200, asked.text
    fields = {"next": back, "credential": key.get(asked.json())}
    return await browser.client.post("/console/sign-in/passkey", data=fields, headers=browser.headers)


def said(answer: httpx.Response) -> str:
    """Return the code of an error in JSON."""
    return str(json.loads(answer.text)["error"]["code"])
