"""Errors that nobody expected: what a page and the JSON API say of them, and what the log keeps."""

import re

import pytest

from firewall.approvals.service import Approvals
from firewall.core.approval import Approval
from tests.support.approving import wanted
from tests.support.control_side import control_side


@pytest.mark.parametrize(("path", "is_page"), [("/approve/{id}", True), ("/api/approvals/{id}", False)])
async def test_a_fault_of_ours_has_a_number_and_no_traceback(
    path: str, *, is_page: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error that nobody expected is a page with a way back or JSON with a code; the log has the same number."""
    side = control_side()
    approval = await side.approvals.open(wanted())
    alice = await side.signed_in("alice")
    said = "a secret of the store"

    async def broken(_self: Approvals, _id: str) -> Approval:
        raise KeyError(said)

    monkeypatch.setattr(Approvals, "current", broken)
    monkeypatch.setattr(Approvals, "get", broken)
    answer = await alice.client.get(path.replace("{id}", approval.id), headers=alice.headers)
    assert answer.status_code == 500
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "internal_error" in answer.text
    assert said not in answer.text + caplog.text
    (number,) = set(re.findall(r"calls it ([0-9a-f]{8})\b", answer.text))
    assert f"fault={number} route={path} unexpected " in caplog.text
    if is_page:
        assert 'href="/console/"' in answer.text
        assert "Nothing was changed" not in answer.text
    else:
        assert answer.json()["error"]["code"] == "internal_error"
