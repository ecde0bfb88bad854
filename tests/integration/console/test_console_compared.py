"""The approval page says what is other than in the last request of the same kind."""

from dataclasses import replace

from firewall.core.approval import Decision
from tests.support.approving import ALICE, COMMAND, subject, view, wanted
from tests.support.control_side import Side, control_side


def seen(side: Side, approval_id: str) -> list[dict[str, object]]:
    """Return what the log says of those who saw an approval, oldest first."""
    found = [one for one in side.log.records if one.kind == "approval.viewed" and one.approval == approval_id]
    return [dict(one.data) for one in found]


async def test_a_page_shows_what_is_new_beside_the_last_request() -> None:
    """How that one ended, which fact and which line changed; escaped, and below the decision."""
    side = control_side()
    alice = await side.signed_in()
    first = await side.approvals.open(wanted())
    assert "Beside the last request" not in (await alice.open(f"/approve/{first.id}")).text
    await side.approvals.decide(first.id, Decision.DENY, by=ALICE)
    side.clock.forward(60)
    text = f"{COMMAND}\necho '<b>\u202enow</b>'"
    now = view(text=text, resource="file:/srv/shop")
    again = replace(wanted(), digest="e" * 64, subject=subject(actions=(now,), arguments=text))
    second = await side.approvals.open(again)
    page = (await alice.open(f"/approve/{second.id}")).text
    assert seen(side, second.id)[-1] == {"compared": first.id}
    assert seen(side, first.id)[-1] == {}
    compared = page[page.index("Beside the last request") :]
    assert page.index('value="deny"') < page.index("Beside the last request")
    assert f'href="/approve/{first.id}"' in compared
    assert "denied" in compared
    assert "<del>file:/srv/data</del> <ins>file:/srv/shop</ins>" in compared
    assert "echo &#39;&lt;b&gt;⟦U+202E⟧now&lt;/b&gt;&#39;" in compared
    other = await side.approvals.open(replace(wanted(), digest="f" * 64, principal="pia/claude-code"))
    assert "Beside the last request" not in (await alice.open(f"/approve/{other.id}")).text
