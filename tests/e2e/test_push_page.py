"""A phone in Chromium: a press has it told, a push shows a notification while the page is closed.

No vendor's push service is reached from here: the subscription that the page asks the browser for is made by the
test, the message goes to a push service on loopback, and what it decrypts to is delivered by the debugger.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, CDPSession, Page, Worker

from firewall.core.approval import ApprovalStatus
from firewall.core.notice import Settled
from tests.support.approving import until
from tests.support.browser import chromium
from tests.support.control_side import free_socket, served
from tests.support.paging import PHONE, shots, sign_in
from tests.support.push_browser import PushBrowser
from tests.support.push_house import House, push_house

pytestmark = pytest.mark.browser

SCOPE = "/console/push/worker/"
SUBSCRIBING = """
((given) => {
  let made = null;
  const bytes = (text) => Uint8Array.from(
    atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0)).buffer;
  const subscription = (options) => ({
    endpoint: given.endpoint,
    options: { applicationServerKey: options.applicationServerKey.buffer },
    getKey: (name) => bytes(given[name]),
    unsubscribe: async () => { made = null; return true; },
  });
  let registration = null;
  const register = ServiceWorkerContainer.prototype.register;
  ServiceWorkerContainer.prototype.register = async function (...all) {
    return registration = await register.apply(this, all);
  };
  PushManager.prototype.subscribe = async (options) => {
    if (!options.userVisibleOnly) throw new Error("nothing silent");
    if (registration.active?.state !== "activated") // as the browser's own
      throw new DOMException("Subscription failed - no active Service Worker", "AbortError");
    localStorage.setItem("subscribed", "yes");
    return made = subscription(options);
  };
  const key = () => bytes(document.querySelector("[data-push-key]").dataset.pushKey);
  PushManager.prototype.getSubscription = async () => made || (localStorage.getItem("subscribed")
    ? subscription({ applicationServerKey: new Uint8Array(key()), userVisibleOnly: true }) : null);
})(%s);
"""
"""In place of the browser's own push service; all else of the page is as it is."""
SHOWING = """() => {
  const type = ServiceWorkerRegistration.prototype;
  self.reallyShow ??= type.showNotification;
  self.hasShown = new Promise((done, failed) => {
    type.showNotification = function (...all) {
      const shown = self.reallyShow.apply(this, all);
      shown.then(() => done(), failed);
      return shown;
    };
  });
}"""
"""Makes `hasShown` of a worker a promise that the next notification fulfils."""


@dataclass
class Phone:
    """A browser with the queue open, whose push service is ours."""

    house: House
    context: BrowserContext
    page: Page
    subscription: PushBrowser
    debugger: CDPSession
    registrations: dict[str, str]

    async def shown(self) -> list[dict[str, Any]]:
        """Return the notifications that are there, as the browser has them."""
        found: list[dict[str, Any]] = await self.page.evaluate(
            """async (scope) => {
              const registration = await navigator.serviceWorker.getRegistration(scope);
              const all = await registration.getNotifications();
              return all.map((one) => ({ title: one.title, body: one.body, tag: one.tag, silent: one.silent }));
            }""",
            SCOPE,
        )
        return found

    async def deliver(self, text: bytes) -> None:
        """Deliver what the push service took for this browser, and wait until the worker has shown something.

        Nobody may list the notifications meanwhile: Chromium takes one that is stored and not yet displayed for
        one that was closed, and forgets it.
        """
        await until(lambda: bool(self.registrations))
        (registration,) = self.registrations.values()
        worker = await self.worker()
        await worker.evaluate(SHOWING)
        await self.debugger.send(
            "ServiceWorker.deliverPushMessage",
            {"origin": self.house.real.public, "registrationId": registration, "data": text.decode()},
        )
        async with asyncio.timeout(30):
            await worker.evaluate("self.hasShown")

    async def until(self, wanted: list[tuple[str, str]]) -> None:
        """Wait until the notifications are these, by title and tag; the test's own limit ends it."""
        async with asyncio.timeout(30):
            while [(one["title"], one["tag"]) for one in await self.shown()] != wanted:  # noqa: ASYNC110 - in another process
                await asyncio.sleep(0.05)

    async def worker(self) -> Worker:
        """Return the service worker, once Playwright knows of it."""
        if not self.context.service_workers:
            await self.context.wait_for_event("serviceworker")
        (found,) = self.context.service_workers
        return found


@asynccontextmanager
async def _phone(folder: Path) -> AsyncIterator[Phone]:
    bound = free_socket()
    public = f"http://localhost:{bound.getsockname()[1]}"
    async with (
        push_house(folder, public) as house,
        served(house.real.console.app, bound),
        chromium(folder, PHONE) as context,
    ):
        await context.grant_permissions(["notifications"], origin=public)
        page, subscription = await context.new_page(), house.service.subscribed()
        await page.add_init_script(SUBSCRIBING % json.dumps(subscription.fields(house.service.origin)))
        debugger = await context.new_cdp_session(page)
        registrations: dict[str, str] = {}

        def updated(event: dict[str, Any]) -> None:
            for one in event["registrations"]:
                registrations[one["scopeURL"]] = one["registrationId"]

        debugger.on("ServiceWorker.workerRegistrationUpdated", updated)
        await debugger.send("ServiceWorker.enable")
        await sign_in(page, f"{public}/console/")
        yield Phone(house, context, page, subscription, debugger, registrations)


async def test_a_phone_is_told_while_its_page_is_closed(tmp_path: Path) -> None:
    """From the press of a button to the page of the call; the ending takes the notification's place."""
    async with _phone(tmp_path) as phone:
        house, page = phone.house, phone.page
        button = page.get_by_role("button", name="Tell this browser")
        await button.focus()
        await page.keyboard.press("Enter")
        await page.get_by_role("status").get_by_text("also while this page is closed").wait_for()
        assert await page.get_by_role("button", name="This browser is told").is_disabled()
        assert not await page.locator("[data-waiting]").is_visible(), "one browser tells in one way"
        (kept,) = house.pushes.of("alice")
        assert kept.label == "Chrome on Linux"
        await until(lambda: bool(phone.registrations))
        assert list(phone.registrations) == [f"{house.real.public}{SCOPE}"]
        await shots(page, "queue-told")
        await page.goto(f"{house.real.public}/console/push")  # the queue is closed
        await shots(page, "push")
        channel, approval = house.channel(), await house.opened()
        message = house.message(approval)
        await channel.send(message)
        await phone.deliver(house.service.of(phone.subscription)[0].text)
        await phone.until([("A call waits for an answer", approval.id)])
        assert (await phone.shown())[0]["body"] == "Open Stayhand to read it."
        await _pressed(phone)
        assert await (await phone.worker()).evaluate("self.opened") == f"{house.real.public}/approve/{approval.id}"
        await channel.send(message.__class__(message.notice))
        await phone.deliver(house.service.of(phone.subscription)[-1].text)
        await phone.until([("A call waits for an answer", approval.id)])
        await channel.send(Settled(message.notice, ApprovalStatus.DENIED))
        await phone.deliver(house.service.of(phone.subscription)[-1].text)
        await phone.until([("A call waits no more", approval.id)])
        assert (await phone.shown())[0]["silent"]


async def _pressed(phone: Phone) -> None:
    """Press the one notification: the debugger has no finger, so the event is made and the window only noted."""
    worker = await phone.worker()
    await worker.evaluate(
        """async () => {
          self.clients.openWindow = async (address) => { self.opened = address; };
          WindowClient.prototype.focus = async function () { self.opened = this.url; };
          const [notification] = await self.registration.getNotifications();
          const event = new NotificationEvent("notificationclick", { notification });
          const waits = [];
          event.waitUntil = (one) => waits.push(one);
          self.dispatchEvent(event);
          await Promise.all(waits);
        }"""
    )


STRANGE = (
    b"",
    b"no json",
    b"null",
    b'{"about":"waits","id":"https://evil.example/"}',
    b'{"about":"waits","id":"apr_0000000000000000000000/../../x"}',
    b'{"about":"waits","id":["apr_0000000000000000000000"]}',
    b'{"about":"waits"}',
    b'{"about":"constructor","id":""}',
    b'{"about":"notice","id":"","title":"<b>x</b>","url":"https://evil.example/"}',
)


async def test_whatever_is_pushed_leads_to_our_own_page_alone(tmp_path: Path) -> None:
    """The words are the worker's, and what is no id of an approval leads to the queue, here one that is open."""
    async with _phone(tmp_path) as phone:
        await shots(phone.page, "queue-offered")
        await phone.page.get_by_role("button", name="Tell this browser").click()
        await phone.page.get_by_role("status").get_by_text("also while this page is closed").wait_for()
        for text in STRANGE:
            await phone.deliver(text)
            await phone.until([("Stayhand has something to say", "notice")])
            await _pressed(phone)
            assert await (await phone.worker()).evaluate("self.opened") == f"{phone.house.real.public}/console/"
            await (await phone.worker()).evaluate("delete self.opened")
            await phone.until([])


async def test_the_page_knows_this_browser_and_ends_it(tmp_path: Path) -> None:
    """A browser that is told says so when the queue is opened again; ended on the page, it is offered anew."""
    async with _phone(tmp_path) as phone:
        page, house = phone.page, phone.house
        await page.get_by_role("button", name="Tell this browser").click()
        await page.get_by_role("status").get_by_text("also while this page is closed").wait_for()
        await page.reload()
        assert await page.get_by_role("button", name="This browser is told").is_disabled()
        await page.get_by_role("link", name="Notifications").click()
        await page.get_by_text("this browser", exact=True).wait_for()
        await page.get_by_role("button", name="Tell it no more: Chrome on Linux").click()
        await page.get_by_text("None of yours is told yet").wait_for()
        assert house.pushes.of("alice") == []
        button = page.get_by_role("button", name="Tell this browser")
        await button.wait_for()
        assert await button.is_enabled()


async def test_what_does_not_work_is_said(tmp_path: Path) -> None:
    """A refused permission and a refused subscription are announced, and the button can be pressed again."""
    async with _phone(tmp_path) as phone:
        page = phone.page
        await page.evaluate("Notification.requestPermission = async () => 'denied'")
        button = page.get_by_role("button", name="Tell this browser")
        await button.click()
        await page.get_by_role("status").get_by_text("This browser does not allow it").wait_for()
        assert await button.is_enabled()
        await page.evaluate("Notification.requestPermission = async () => 'granted'")
        await page.evaluate(
            """() => {
              const before = PushManager.prototype.subscribe;
              PushManager.prototype.subscribe = async function (options) {
                return { ...await before.call(this, options), endpoint: "https://evil.example/push" };
              };
            }"""
        )
        await button.click()
        await page.get_by_role("status").get_by_text("is no push service that this firewall sends to").wait_for()
        assert phone.house.pushes.listing() == []


async def test_without_a_script_nothing_is_offered(tmp_path: Path) -> None:
    """The button is not there, and the page lists and ends browsers all the same."""
    bound = free_socket()
    public = f"http://localhost:{bound.getsockname()[1]}"
    async with (
        push_house(tmp_path, public) as house,
        served(house.real.console.app, bound),
        chromium(tmp_path, PHONE, scripts=False) as context,
    ):
        await house.add("alice")
        page = await context.new_page()
        await sign_in(page, f"{public}/console/push")
        assert await page.get_by_role("button", name="Tell this browser").count() == 0
        await page.get_by_role("button", name="Tell it no more: phone").click()
        await page.get_by_text("None of yours is told yet").wait_for()
        assert house.pushes.listing() == []
