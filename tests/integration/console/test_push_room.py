"""The page of browsers that are told, over a real store: one's own alone, and what is refused."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from firewall.approvals.people import Approver
from firewall.console.pages import SCRIPTED
from tests.support.control_side import Browser
from tests.support.push_browser import PushBrowser
from tests.support.push_house import House, push_house


@pytest.fixture(name="house")
async def _house(tmp_path: Path) -> AsyncIterator[House]:
    async with push_house(tmp_path) as house:
        house.real.doors.people["vera"] = Approver("vera", "viewer")
        yield house


async def _added(house: House, browser: Browser, one: PushBrowser, **changes: str) -> httpx.Response:
    fields = one.fields(house.service.origin) | {"label": "Chrome on Android"} | changes
    return await house.real.post(browser, "/api/push", **fields)


async def test_a_browser_is_added_listed_and_ended(house: House) -> None:
    """Both are entries; the page shows what it is called and through whom, and never where."""
    alice, phone = await house.real.signed_in("alice"), house.service.subscribed()
    made = await _added(house, alice, phone)
    assert made.status_code == 201
    page = (await alice.open("/console/push")).text
    assert "Chrome on Android" in page
    assert house.service.host in page
    assert phone.token not in page
    assert phone.p256dh not in page
    await house.channel().send(house.message(await house.opened()))
    assert house.texts(phone) == ["waits"]
    ended = await house.real.post(alice, f"/console/push/{made.json()['id']}/end")
    assert (ended.status_code, ended.headers["location"]) == (303, "/console/push")
    assert "None of yours" in (await alice.open("/console/push")).text
    (added,) = house.real.entries("approver.push_added")
    (over,) = house.real.entries("approver.push_ended")
    assert added["data"] == {"push": made.json()["id"], "via": "passphrase"}
    assert over["data"] == {"push": made.json()["id"], "why": "by_person"}


async def test_everybody_has_his_own(house: House) -> None:
    """Nobody sees or ends another's, and an id that is none is refused alike."""
    alice, bob = await house.real.signed_in("alice"), await house.real.signed_in("bob")
    made = (await _added(house, alice, house.service.subscribed())).json()["id"]
    assert "Chrome" not in (await bob.open("/console/push")).text
    for one in (made, "psh_" + "0" * 22, "x"):
        gone = await house.real.post(bob, f"/console/push/{one}/end")
        assert (gone.status_code, "push_unknown" in gone.text) == (404, True)
    assert len(house.pushes.of("alice")) == 1


async def test_a_session_that_ended_adds_nothing(house: House) -> None:
    """Its passphrase was replaced while the form was under way, also when the session began a moment later."""
    alice, bob = await house.real.signed_in("alice"), await house.real.signed_in("bob")
    house.real.clock.forward(-0.5)
    await house.people.add("alice", role="approver", groups=("oncall",), passphrase="another", by="root")
    await house.people.remove("bob", by="root")
    house.real.clock.forward(1)
    for browser in (alice, bob):
        refused = await _added(house, browser, house.service.subscribed())
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "signed_out")
    assert house.pushes.listing() == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"endpoint": "https://evil.example/push/x"}, "push_endpoint_refused"),
        ({"endpoint": "http://fcm.googleapis.com/x"}, "push_endpoint_refused"),
        ({"endpoint": "https://127.0.0.1:1/x"}, "push_endpoint_refused"),
        ({"endpoint": ""}, "push_endpoint_refused"),
        ({"p256dh": "AAAA"}, "push_keys_invalid"),
        ({"auth": "!"}, "push_keys_invalid"),
    ],
)
async def test_what_is_no_subscription_is_refused(house: House, fields: dict[str, str], code: str) -> None:
    """Nothing is kept and nothing is an entry, and nobody is posted to."""
    alice = await house.real.signed_in("alice")
    refused = await _added(house, alice, PushBrowser(), **fields)
    assert refused.json()["error"]["code"] == code
    assert refused.status_code in (400, 422)
    assert house.pushes.listing() == []
    assert house.real.entries("approver.push_added") == []
    assert house.service.tries == 0


async def test_a_form_of_somebody_else_adds_nothing(house: House) -> None:
    """Without the page's token, from another site, signed out, or as somebody who only looks."""
    alice, vera = await house.real.signed_in("alice"), await house.real.signed_in("vera")
    fields = house.service.subscribed().fields(house.service.origin)
    elsewhere = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    own = fields | {"csrf": await alice.csrf()}
    answers = [
        await alice.client.post("/api/push", data=fields | {"csrf": "wrong"}, headers=alice.headers),
        await alice.client.post("/api/push", data=own, headers=elsewhere),
        await house.real.post(vera, "/api/push", **fields),
    ]
    assert [one.status_code for one in answers] == [403, 403, 403]
    assert (await vera.open("/console/push")).status_code == 403
    assert "role_refused" in answers[2].text
    async with house.real.console_client() as stranger:
        assert (await stranger.post("/api/push", data=own, headers=alice.headers)).status_code == 401
    assert house.pushes.listing() == []


async def test_the_queue_offers_it_to_those_who_decide(house: House) -> None:
    """With the key and the marks of one's own browsers; a viewer keeps the notification of an open page."""
    alice, vera = await house.real.signed_in("alice"), await house.real.signed_in("vera")
    phone = house.service.subscribed()
    await _added(house, alice, phone)
    page = await alice.open("/console/")
    mark = house.pushes.of("alice")[0].fingerprint[:32]
    assert f'data-push-key="{house.service.application_key}" data-push-known="{mark}"' in page.text
    assert page.headers["content-security-policy"] == f"{SCRIPTED}; worker-src 'self'; manifest-src 'self'"
    other = await vera.open("/console/")
    assert "data-push-key" not in other.text
    assert "push.js" not in other.text
    assert other.headers["content-security-policy"] == SCRIPTED
    assert "data-waiting" in other.text


async def test_the_worker_may_ask_and_load_nothing(house: House) -> None:
    """Its policy is the strictest, it is never stale, and browsers renew it without a session."""
    async with house.real.console_client() as client:
        worker = await client.get("/console/push/worker.js")
        manifest = await client.get("/console/push/manifest.json")
    assert worker.headers["content-type"].startswith("text/javascript")
    assert worker.headers["content-security-policy"].startswith("default-src 'none'")
    assert "connect-src" not in worker.headers["content-security-policy"]
    assert worker.headers["cache-control"] == "no-cache"
    assert "service-worker-allowed" not in worker.headers
    assert not any(word in worker.text for word in ("fetch", "importScripts", "XMLHttpRequest", "http:", "https:"))
    assert manifest.json()["scope"] == "/"
