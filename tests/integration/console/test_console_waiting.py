"""What the script of an open queue asks for: ids of what waits, for signed-in people alone."""

from tests.support.approving import COMMAND, wanted
from tests.support.control_side import control_side


async def test_an_open_queue_hears_of_ids_alone() -> None:
    """Nobody signed in hears nothing; whoever is hears ids, of nothing that is over; and it is no view."""
    side = control_side()
    approval = await side.approvals.open(wanted())
    async with side.client() as client:
        assert (await client.get("/console/waiting")).status_code == 401
    alice = await side.signed_in()
    before = len(side.log.records)
    answer = await alice.open("/console/waiting")
    assert answer.json() == {"ids": [approval.id]}
    assert COMMAND not in answer.text
    assert len(side.log.records) == before
    side.clock.forward(3_000)
    assert (await alice.open("/console/waiting")).json() == {"ids": []}


async def test_the_queue_loads_its_own_script_and_nothing_else() -> None:
    """The button is hidden until the script is there; the page names what it shows already."""
    side = control_side()
    approval = await side.approvals.open(wanted())
    alice = await side.signed_in()
    page = await alice.open("/console/")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert page.text.count("<script") == 1
    assert f'hidden data-waiting="{approval.id}"' in page.text
