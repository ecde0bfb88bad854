"""Figures of approvers: counted from the first view, shown to admins on a page and in JSON."""

from dataclasses import replace

import pytest

from firewall.approvals.figures import DAY_US
from firewall.console.shape import rfc3339
from tests.support.approving import wanted
from tests.support.control_side import ADMIN_TOKEN, APPROVER_TOKEN, Side, control_side

ADMIN = {"authorization": f"Bearer {ADMIN_TOKEN}"}


async def _answered(side: Side, count: int, *, after_s: float, first: int = 0) -> None:
    alice = await side.signed_in()
    for number in range(first, first + count):
        digest = f"{number:02d}" * 32
        approval = await side.approvals.open(replace(wanted(), digest=digest, principal=f"olga/agent{number}"))
        await alice.open(f"/approve/{approval.id}")
        side.clock.forward(after_s)
        await alice.open(f"/approve/{approval.id}")
        assert (await alice.answer(approval.id, "approve")).status_code == 303


async def test_a_second_look_does_not_make_it_shorter() -> None:
    """What counts is when he was shown it first."""
    side = control_side()
    await _answered(side, 2, after_s=40)
    async with side.client(headers=ADMIN) as client:
        rows = (await client.get("/api/approvers/figures?days=1")).json()
    assert rows == [
        {
            "name": "alice",
            "answered": 2,
            "approved": 2,
            "denied": 0,
            "per_day": 2.0,
            "median_dwell_s": 40.0,
            "hasty": 0,
            "hasty_percent": 0,
            "waves_through": False,
            "since": rfc3339(side.clock.now_us() - DAY_US),
        }
    ]


async def test_what_is_not_counted_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest answers alone, over the time in which they were given; the page says since when, as JSON does."""
    monkeypatch.setattr("firewall.console.approving.approvers.MOST_ANSWERS", 2)
    side = control_side()
    await _answered(side, 2, after_s=600)
    root = await side.signed_in("root")
    assert "More was answered" not in (await root.open("/console/approvers")).text
    await _answered(side, 1, after_s=600, first=2)
    page = (await root.open("/console/approvers")).text
    oldest = rfc3339(side.clock.now_us() - 600_000_000)
    assert f'the newest 2 answers, since <time datetime="{oldest}">' in page
    async with side.client(headers=ADMIN) as client:
        (row,) = (await client.get("/api/approvers/figures")).json()
    assert (row["answered"], row["per_day"], row["since"]) == (2, 288.0, oldest)


async def test_an_admin_is_warned_of_who_waves_everything_through() -> None:
    """On the page and in JSON; an approver sees neither; days are a whole number within bounds."""
    side = control_side()
    await _answered(side, 20, after_s=1)
    root = await side.signed_in("root")
    page = (await root.open("/console/approvers")).text
    assert "1 person waves everything through" in page
    assert "alice approves nearly everything" in page
    async with side.client(headers=ADMIN) as client:
        assert [one["waves_through"] for one in (await client.get("/api/approvers/figures")).json()] == [True]
        for days in ("0", "91", "x", "-1", ""):
            answer = await client.get("/api/approvers/figures", params={"days": days})
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "days_invalid")
    alice = await side.signed_in()
    assert (await alice.open("/console/approvers")).status_code == 403
    async with side.client(headers={"authorization": f"Bearer {APPROVER_TOKEN}"}) as client:
        assert (await client.get("/api/approvers/figures")).status_code == 403
