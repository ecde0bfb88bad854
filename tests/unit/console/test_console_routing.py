"""The routes' desk: every change and every refusal has an entry with who asked for it."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from firewall.approvals.people import Approver
from firewall.console.api.routes import Routing
from firewall.core.errors import FirewallError
from firewall.core.ports import Sequencer
from firewall.core.work import Record, Unit
from firewall.routing.choosing.in_force import Routes, routes_of
from firewall.routing.choosing.swapping import Swaps
from firewall.routing.providers import Providers
from firewall.settings.load import load_settings
from tests.support.choosing import HOUSES

BY = Approver("alice", "admin")
TEXT = '[[route]]\nname = "r"\nchain = ["saas/a", "euro/b"]\n'


@dataclass(slots=True)
class Notes:
    """Keeps what it is told to write."""

    records: list[Record] = field(default_factory=list)

    async def submit(self, unit: Unit) -> None:
        """Keep the records."""
        self.records += unit.records


@dataclass(slots=True)
class House:
    """A desk over routes on disk."""

    folder: Path
    notes: Notes = field(default_factory=Notes)
    routes: Routes = field(init=False)
    desk: Routing = field(init=False)

    def __post_init__(self) -> None:
        """Write and load the routes."""
        self.file.write_text(TEXT, encoding="utf-8")
        self.routes = routes_of(load_settings(str(self.file), {}), Providers(HOUSES))
        self.desk = Routing(self.routes, Swaps(self.folder / "swaps.json"), cast("Sequencer", self.notes))

    @property
    def file(self) -> Path:
        """The configuration."""
        return self.folder / "stayhand.toml"


def test_a_change_is_recorded_with_who_made_it(tmp_path: Path) -> None:
    """What was first and what is, sealed with the name of the admin; the digest of what is in force is public."""
    house = House(tmp_path)
    done = asyncio.run(house.desk.swap("r", "own/c", BY))
    assert (done["was"], done["now"], done["routes"]) == ("saas/a", "own/c", house.routes().digest)
    assert asyncio.run(house.desk.swap("r", "", BY))["now"] == "saas/a"
    assert asyncio.run(house.desk.load(BY))["routes"] == house.routes().digest
    assert [one.kind for one in house.notes.records] == ["config.loaded"] * 3
    first = house.notes.records[0]
    assert first.data == {"routes": done["routes"]}
    assert first.private == {"by": "alice", "route": "r", "was": "saas/a", "now": "own/c"}


def test_a_refusal_is_recorded_and_changes_nothing(tmp_path: Path) -> None:
    """The error names the file and what is wrong, with a code that stays."""
    house = House(tmp_path)
    before = house.routes()
    house.file.write_text(TEXT.replace("saas/a", "nobody/a"), encoding="utf-8")
    with pytest.raises(FirewallError, match="nobody") as refused:
        asyncio.run(house.desk.load(BY))
    assert (refused.value.code, refused.value.status) == ("routes_refused", 422)
    assert house.routes() is before
    [record] = house.notes.records
    assert record.kind == "config.refused"
    assert "nobody" in str((record.private or {})["why"])
