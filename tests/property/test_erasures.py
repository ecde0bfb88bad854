"""Whatever comes together: nothing outlives an erasure under its key, and nobody has one who did not come."""

import asyncio
import tempfile
from pathlib import Path
from typing import Literal

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.core.erasure import EraseSubject
from firewall.core.work import PutPerson, PutToken, Record, Unit
from firewall.sequencer.opening import Installation, create, open_installation
from tests.support.approving import START_US, StillClock
from tests.support.guarding import places_in

NAMES = ("olga", "otto", "ada")
Act = Literal["write", "erase", "token", "person"]
PLAYS = st.lists(
    st.lists(
        st.tuples(st.sampled_from(NAMES), st.sampled_from(("write", "write", "erase", "token", "person"))),
        min_size=1,
        max_size=8,
    ),
    min_size=1,
    max_size=4,
)
"""Turns of the loop; in each, names that are written about, erased, or come anew."""


@settings(max_examples=25, deadline=None)
@given(PLAYS)
def test_no_entry_outlives_its_key_and_no_name_comes_back_by_itself(play: list[list[tuple[str, Act]]]) -> None:
    """80: An entry opens if and only if its person was not erased since he came; every call's end is written."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_played(Path(folder), play))


async def _played(folder: Path, play: list[list[tuple[str, Act]]]) -> None:
    create(places_in(folder))
    installation = open_installation(places_in(folder), StillClock())
    for turn in play:
        units = [_unit(installation, *one) for one in turn]
        await asyncio.gather(*(installation.writer.submit(unit) for unit in units if unit is not None))
    rows = installation.reader.execute("SELECT body FROM audit_entries ORDER BY seq")
    bodies = [orjson.loads(row[0]) for row in rows]
    keys: dict[str, str] = {}
    """Keys by the names that have one, as the entries say."""
    gone, ended = set[str](), set[str]()
    for one in bodies:
        about = one["data"]["about"]
        if one["kind"] == "audit.erased":
            ended.add(keys.pop(about, ""))
            gone.add(about)
            continue
        key = one["sealed"]["key"]
        if one["kind"] == "token.minted":
            gone.discard(about)
        if about in gone:
            assert installation.keystore.find(key) is None
        else:
            assert keys.setdefault(about, key) == key
        assert key not in ended
    for name in NAMES:
        known = installation.keystore.known(name)
        assert (known.id if known is not None else None) == keys.get(name)
    await installation.close()


def _unit(installation: Installation, name: str, act: Act) -> Unit | None:
    """Return what is handed in; None: somebody without a key is not erased."""
    record = Record(kind="tool.finished", data={"about": name}, person=name, private={"about": name})
    if act == "write":
        return Unit(records=(record,))
    if act == "erase":
        key = installation.keystore.known(name)
        if key is None:
            return None
        erased = Record(kind="audit.erased", data={"about": name})
        return Unit(records=(erased,), steps=(EraseSubject(key.id, name, key.pseudonym("per_", name), START_US),))
    came = Record(kind="token.minted", data={"about": name}, person=name, private={"about": name})
    number = next(_NUMBERS)
    step: PutToken | PutPerson = PutToken(
        f"tok_{number}", b"%d" % number, "service", name, "", "", START_US, START_US
    )
    if act == "person":
        step = PutPerson(name, "viewer", (), "hash", START_US)
    return Unit(records=(came,), steps=(step,))


_NUMBERS = iter(range(10**9))
