"""The main job, all of it real: Claude Code asks, a person clicks in Chromium, the call runs, the log verifies."""

import os
import threading
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.e2e.test_agents import CLOSING, play, scene
from tests.support.agents import CLAUDE_CODE, program
from tests.support.browser import CHROMIUM, FLAGS, needs_chromium
from tests.support.installation import Served, verify

pytestmark = [pytest.mark.agents, pytest.mark.browser, pytest.mark.timeout(400)]

PHONE = {"width": 390, "height": 844}
SHOTS = os.environ.get("STAYHAND_SHOTS", "")


def click(firewall: Served, address: str, button: str, profile: Path, seen: dict[str, str]) -> None:
    """Open a confirm link on a phone-sized Chromium, sign in, read, click."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            str(profile), executable_path=CHROMIUM, headless=True, args=FLAGS, viewport=PHONE
        )
        try:
            page: Page = browser.new_page()
            page.goto(address)
            seen["before"] = page.content()
            seen["status before"] = str(firewall.pending()[0]["status"])
            page.get_by_label("Name").fill(firewall.installed.shown["approver"])
            page.get_by_label("Passphrase").fill(firewall.installed.shown["passphrase"])
            page.get_by_role("button", name="Sign in", exact=True).click()
            page.get_by_role("button", name="Sign out").wait_for()  # the form stood at the same address
            page.wait_for_load_state()
            seen["page"] = page.inner_text("body")
            seen["status after reading"] = str(firewall.pending()[0]["status"])
            if SHOTS:
                page.screenshot(path=f"{SHOTS}/click-{button.split(maxsplit=1)[0].lower()}.png")
            page.get_by_role("button", name=button).click()
            page.locator(".verdict").wait_for()  # closing the browser sooner would take the click back
            seen["after"] = page.inner_text("body")
        finally:
            browser.close()


@pytest.mark.parametrize(("button", "is_approved"), [("Approve once", True), ("Deny", False)])
def test_person_clicks_and_the_agent_goes_on(button: str, *, is_approved: bool, tmp_path: Path) -> None:
    """Opening the link changes and shows nothing; signed in, the page says what will run; one click decides."""
    needs_chromium()
    program(CLAUDE_CODE)
    with scene(tmp_path, hold_s=100) as world:
        seen: dict[str, str] = {}

        def watch() -> None:
            for _ in range(900):
                line = next((line for line in world.firewall.lines if " waits at " in line), "")
                if line:
                    address = line.rpartition(" waits at ")[2].strip()
                    click(world.firewall, address, button, tmp_path / "profile", seen)
                    return
                threading.Event().wait(0.1)

        person = threading.Thread(target=watch, daemon=True)
        person.start()
        done = play(world, "claude-code", world.firewall.agents)
        person.join(60)
        checked = verify(world.firewall.installed)
    assert str(world.precious) not in seen["before"]
    assert (seen["status before"], seen["status after reading"]) == ("pending", "pending")
    assert str(world.precious) in seen["page"]
    assert "rm -r" in seen["page"]
    assert done.returncode == 0, done.output[-3000:]
    assert world.precious.exists() is not is_approved
    assert (f'"result":"{CLOSING}"' in done.output) is is_approved
    assert ("denied" in done.output) is not is_approved
    assert checked.returncode == 0, checked.stdout + checked.stderr
