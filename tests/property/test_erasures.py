"""Whatever comes together: nothing behind an erasure is sealed under its key, and nothing before it opens."""

import asyncio
import tempfile
from pathlib import Path

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.core.erasure import EraseSubject
from firewall.core.work import Record, Unit
from firewall.sequencer.opening import Installation, create, open_installation
from tests.support.approving import START_US, StillClock
from tests.support.guarding import places_in

NAMES = ("olga", "otto", "ada")
PLAYS = st.lists(
    st.lists(st.tuples(st.sampled_from(NAMES), st.booleans()), min_size=1, max_size=8), min_size=1, max_size=4
)
"""Turns of the loop; in each, names that are written about or, where it says so, erased."""


@settings(max_examples=25, deadline=None)
@given(PLAYS)
def test_no_entry_outlives_its_key_nor_is_written_under_one_that_is_gone(
    play: list[list[tuple[str, bool]]],
) -> None:
    """Each entry about somebody opens if and only if no erasure of its key stands in the log."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_played(Path(folder), play))


async def _played(folder: Path, play: list[list[tuple[str, bool]]]) -> None:
    create(places_in(folder))
    installation = open_installation(places_in(folder), StillClock())
    for turn in play:
        await asyncio.gather(*(installation.writer.submit(_unit(installation, *one)) for one in turn))
    rows = installation.reader.execute("SELECT body FROM audit_entries ORDER BY seq")
    bodies = [orjson.loads(row[0]) for row in rows]
    erased = {one["data"]["key"]: one["seq"] for one in bodies if one["kind"] == "audit.erased"}
    for one in (one for one in bodies if "sealed" in one):
        key = one["sealed"]["key"]
        assert one["seq"] < erased.get(key, one["seq"] + 1)
        assert (installation.keystore.find(key) is None) == (key in erased)
    await installation.close()


def _unit(installation: Installation, name: str, is_erased: bool) -> Unit:  # noqa: FBT001 - as it is drawn
    if not is_erased:
        return Unit(records=(Record(kind="tool.judged", person=name, private={"about": name}),))
    key = installation.sealing.key_for(name)
    record = Record(kind="audit.erased", data={"key": key.id})
    return Unit(records=(record,), steps=(EraseSubject(key.id, name, key.pseudonym("per_", name), START_US),))
