"""What the script of an open queue asks for: ids of what waits, for signed-in people alone."""

import re

from firewall.console.approving.waiting import TOLD, UNDER_WAY_US
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


async def test_a_long_queue_tells_of_no_older_call_as_new() -> None:
    """Of more calls than are named, some are answered: those that come into sight are older than the page."""
    side = control_side()
    for number in range(TOLD + 5):
        await side.approvals.open(wanted(digest=f"{number:064x}", principal=f"olga/agent-{number}"))
    side.clock.forward(2 * UNDER_WAY_US / 1e6)
    alice = await side.signed_in()
    page = (await alice.open("/console/")).text
    (since,) = re.findall(r'data-since="(\d+)"', page)
    known = set(re.findall(r'data-waiting="([^"]*)"', page)[0].split())
    assert len(known) == TOLD
    for one in list(known)[:5]:
        await side.approvals.cancel(one, why="withdrawn")
    new = await side.approvals.open(wanted(digest="e" * 64, principal="olga/agent-new"))
    told = (await alice.open(f"/console/waiting?since={since}")).json()["ids"]
    assert set(told) - known == {new.id}
    for bad in ("x", "-1", "٣", "9" * 18):
        assert (await alice.open(f"/console/waiting?since={bad}")).status_code == 400


async def test_the_queue_loads_its_own_script_and_nothing_else() -> None:
    """The button is hidden until the script is there; the page names what it shows already."""
    side = control_side()
    approval = await side.approvals.open(wanted())
    alice = await side.signed_in()
    page = await alice.open("/console/")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert page.text.count("<script") == 1
    assert f'data-waiting="{approval.id}"' in page.text


async def test_a_long_queue_is_turned_page_by_page() -> None:
    """What has the least time left comes first; every call that waits is on one page; how many is said at once."""
    side = control_side()
    made = []
    for number in range(60):
        made.append(await side.approvals.open(wanted(digest=f"{number:064x}", principal=f"olga/agent-{number}")))
        side.clock.forward(0.001)
    alice = await side.signed_in()
    first = (await alice.open("/console/")).text
    assert "60 calls wait for an answer" in first
    shown = re.findall(r'class="card" href="/approve/(apr_\w+)"', first)
    assert shown == [one.id for one in made[:50]]
    assert set(re.findall(r'data-waiting="([^"]*)"', first)[0].split()) == {one.id for one in made}
    (older,) = re.findall(r'href="(/console/\?after=apr_\w+)"', first)
    second = (await alice.open(older)).text
    assert re.findall(r'class="card" href="/approve/(apr_\w+)"', second) == [one.id for one in made[50:]]
    assert "60 calls wait for an answer" in second
    assert "?after=" not in second
    strange = (await alice.open("/console/?after=%22%3E%3Cscript%3E")).text
    assert re.findall(r'class="card" href="/approve/(apr_\w+)"', strange) == shown
