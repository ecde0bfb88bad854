"""A change that a server refused because of who asks did not happen: it is recorded, and told, as that."""

from pathlib import Path

import pytest

from firewall.core.approval import ApprovalStatus, Decision
from tests.support.guarding import ALICE
from tests.support.mcp_forgetful import forgetful
from tests.support.mcp_judged import judging
from tests.support.mcp_posting import posting, until

LACKING = 'Bearer error="insufficient_scope", scope="repo:admin"'


@pytest.mark.parametrize(
    ("status", "challenge", "code", "kind"),
    [
        (401, 'Basic realm="x"', "upstream_rejected", "tool.finished"),
        (407, 'Basic realm="x"', "upstream_rejected", "tool.finished"),
        (401, "", "indeterminate", "tool.indeterminate"),
        (407, "", "indeterminate", "tool.indeterminate"),
        (403, LACKING, "upstream_rejected", "tool.finished"),
        (403, "", "indeterminate", "tool.indeterminate"),
        (403, 'Basic realm="x"', "indeterminate", "tool.indeterminate"),
        (500, LACKING, "indeterminate", "tool.indeterminate"),
    ],
)
async def test_a_change_that_was_refused_unread_did_not_happen(
    tmp_path: Path, status: int, challenge: str, code: str, kind: str
) -> None:
    """By a challenge, with 403 one that says why (RFC 6750); a bare one may stand in place of an answer."""
    with forgetful() as server:
        async with (
            judging(tmp_path, server.settings(), is_pinned=True) as (house, _),
            posting(house.at("github"), await house.token()) as poster,
        ):
            session = await poster.begin()
            delete = {"name": "delete_file", "arguments": {}}
            waits = await poster.legacy("tools/call", session=session, **delete)
            assert "waits for a person's approval" in waits.text
            (one,) = house.kept.approvals.listing(ApprovalStatus.PENDING.value)
            await house.kept.approvals.decide(one.id, Decision.APPROVE, by=ALICE)
            server.refuses = (status, challenge)
            said = await poster.legacy("tools/call", session=session, **delete)
            assert said.code[1] == code
            assert ("may have happened" in str(said.answer)) is (code == "indeterminate")
            await until(lambda: house.kept.kinds()[-1] == kind)
            assert (server.ran, server.asked.count("tools/call")) == ([], 1)
