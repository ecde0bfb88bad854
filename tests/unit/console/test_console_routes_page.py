"""Routes in words, and the page that shows them."""

import pytest

from firewall.approvals.people import Approver
from firewall.console.routes.loads import LoadPage
from firewall.console.routes.page import InForce, RoutePage, seen, words_of
from firewall.settings.routes import Route, When
from tests.support.control_side import control_side

CODER = Route.model_validate(
    {
        "name": "coder", "models": ["claude-*"], "chain": ["a/one", "b/two"], "max_micros": 5,
        "when": {"feature": ["<b>x"], "tools": True, "input_tokens_over": 9}, "mask": ["credentials"],
    }
)  # fmt: skip


class NoHistory:
    """Routes that nobody loaded."""

    async def look(self, name: str, before: int) -> LoadPage:
        """Return nothing."""
        raise AssertionError(f"{name} was not asked to look below {before}")


async def fared(since_s: int) -> dict[str, object]:
    """Return what one provider did in so many seconds."""
    row = {
        "provider": "acme", "uptime_percent": 99.5, "incidents": 2, "recovery_s": 12.5, "failed_attempts": since_s,
        "stood_in": 7,
    }  # fmt: skip
    return {"providers": [row, row | {"provider": "<i>", "recovery_s": None}], "saved": 7, "behind": 3}


async def test_how_providers_fared_stands_below_the_routes() -> None:
    """Of as many days as are asked for; what is not counted yet is said; a viewer is not led to the log."""
    room = RoutePage(InForce(lambda: (CODER,), lambda: "d" * 64, dict), fared, NoHistory())
    side = control_side(rooms=(room,))
    bob = await side.signed_in("bob")
    text = (await bob.open("/console/routes?days=7")).text
    assert '<td data-of="Failed">604800</td>' in text
    assert "<strong>7</strong> calls were saved" in text
    assert "12.5 s" in text
    assert "&lt;i&gt;" in text
    assert "3 entries of the log are not counted yet" in text
    assert (await bob.open("/console/routes?days=8")).status_code == 400
    assert "/console/routes/history" in text
    side.doors.people["vera"] = Approver("vera", "viewer")
    viewer = await side.signed_in("vera")
    assert "/console/routes/history" not in (await viewer.open("/console/routes")).text
    assert (await viewer.open("/console/routes/history")).status_code == 403


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ({}, ""),
        ({"team": ["a", "b"], "images": False}, "team is a or b, and without images"),
        (
            {"input_tokens_up_to": 5, "hours": "08:00-18:00", "days": ["mon"], "timezone": "Europe/Berlin"},
            "day is mon, and at most 5 input tokens, and from 08:00-18:00 (Europe/Berlin)",
        ),
    ],
)
def test_conditions_in_words(when: dict[str, object], words: str) -> None:
    """All that is said must hold."""
    assert words_of(When.model_validate(when)) == words


def test_every_condition_is_said() -> None:
    """A condition that the configuration learns is not left out here."""
    said = {"feature", "user_tier", "team", "owner", "region", "environment", "sensitivity", "days", "timezone"}
    assert set(When.model_fields) == said | {"input_tokens_over", "input_tokens_up_to", "tools", "images", "hours"}


async def test_the_page_shows_routes_in_order() -> None:
    """Chains, conditions, limits and the last swap, what is written there as text."""
    found = seen(CODER, ("b/two", "a/one"))
    assert found.limits == ("a call costs at most 5 micro-USD", "hidden before it leaves: credentials")
    desk = InForce(
        lambda: (CODER, Route(name="other", chain=("c/x",))),
        lambda: "d" * 64,
        lambda: {"coder": ("b/two", "a/one")},
    )
    room = RoutePage(desk, fared, NoHistory())
    page = await (await control_side(rooms=(room,)).signed_in("bob")).open("/console/routes")
    text = page.text
    assert "2 routes in force" in text
    assert text.index("1. coder") < text.index("2. other")
    assert "if feature is &lt;b&gt;x, and more than 9 input tokens, and with tools; order: priority." in text
    assert "<code>a/one</code> → <code>b/two</code>" in text
    assert "Last swap: <code>b/two</code> was first, then <code>a/one</code>" in text
