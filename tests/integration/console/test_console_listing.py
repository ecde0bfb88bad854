"""The listing of approvals over the real store: its subjects are bounded in bytes."""

from dataclasses import replace
from pathlib import Path

from tests.support.approving import subject, wanted
from tests.support.real_console import real_console

LONG = 400_000
"""Characters of one call: two fit into what a page opens."""


async def test_a_listing_opens_no_more_than_a_page_of_bytes(tmp_path: Path) -> None:
    """The newest are listed until their subjects are 1 MiB; one that is longer by itself is listed alone."""
    async with real_console(tmp_path, lambda _: ()) as side:
        made = []
        for number in range(5):
            long = subject(arguments=f"{number}" * LONG)
            side.clock.forward(0.001)
            made.append(await side.approvals.open(wanted(digest=f"{number:064x}", subject=long)))
        auditor = await side.signed_in("auditor")
        for path in ("/api/approvals", "/api/approvals?status=pending"):
            listed = (await auditor.open(path)).json()
            assert [one["id"] for one in listed] == [made[4].id, made[3].id]
        side.clock.forward(0.001)
        huge = subject(arguments="h" * 3 * LONG)
        last = await side.approvals.open(replace(wanted(digest="f" * 64), subject=huge))
        assert [one["id"] for one in (await auditor.open("/api/approvals")).json()] == [last.id]


async def test_what_a_listing_leaves_out_stands_on_the_page_behind_it(tmp_path: Path) -> None:
    """Followed to its end the `Link` gives every approval once, the newest first, also of one moment."""
    async with real_console(tmp_path, lambda _: ()) as side:
        made = []
        for number in range(7):
            side.clock.forward(0.001 * (number % 2))
            long = subject(arguments=f"{number}" * LONG)
            made.append((await side.approvals.open(wanted(digest=f"{number:064x}", subject=long))).id)
        auditor = await side.signed_in("auditor")
        for path in ("/api/approvals", "/api/approvals?status=pending"):
            found, following = [], path
            while following:
                answer = await auditor.open(following)
                found += [one["id"] for one in answer.json()]
                following = answer.links.get("next", {}).get("url", "")
            assert found == made[::-1]
        assert (await auditor.open("/api/approvals?after=apr_nothing")).json() == []
