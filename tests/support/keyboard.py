"""Going through a page with the keyboard alone: from one field to the next, each with a focus that is seen."""

from playwright.async_api import Locator, Page

MOST = 120
"""Steps to anything on a page."""
_FOCUSED = "one => one === document.activeElement"
_SEEN = """one => {
  const style = getComputedStyle(one), box = one.getBoundingClientRect();
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  return (outlined || style.boxShadow !== "none") && box.width > 0 && box.height > 0;
}"""


async def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until something has the focus; fails where it never has, or nobody sees that it does."""
    for _ in range(MOST):
        if await wanted.evaluate(_FOCUSED):
            assert await wanted.evaluate(_SEEN), f"nobody sees that {wanted} has the focus"
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"{wanted} is not reached by Tab")
