"""Who may decide now, over the real store: groups of both sources, who speaks for whom, what is a change."""

import json
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.requests import Request

from firewall.approvals.people import Approver, Deputy
from firewall.console.api.absences import AbsenceHandlers
from firewall.console.asking import Asker, ForbiddenError
from firewall.console.roster import Listed
from firewall.core.errors import ProtocolError
from firewall.sequencer.opening import Installation, create, open_installation
from firewall.settings.sections import ApproverSettings
from firewall.storage.sqlite import approvals as approval_rows
from firewall.storage.sqlite.schema import create_tables, open_writer
from firewall.tokens.absences import LONGEST_US, Absences
from firewall.tokens.people import People, PersonError
from tests.support.approving import START_US, StillClock
from tests.support.guarding import places_in

DAY_US = 24 * 3600 * 1_000_000
UNTIL = datetime.fromtimestamp((START_US + DAY_US) / 1e6, UTC)


@dataclass(slots=True)
class House:
    """An installation with people."""

    installation: Installation
    people: People
    absences: Absences
    clock: StillClock

    def listed(self, *configured: ApproverSettings) -> dict[str, Approver]:
        """Return who may decide, by name."""
        roster = Listed(self.people, self.absences, configured, self.clock)
        return {one.name: one for one in roster.everybody()}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Alice and bob of a group each, and root."""
    clock = StillClock()
    places = places_in(tmp_path)
    create(places)
    installation = open_installation(places, clock)
    people = People(sequencer=installation.writer, rows=installation.people, clock=clock)
    for name, role, groups in (
        ("alice", "approver", ("oncall",)),
        ("bob", "approver", ("dba",)),
        ("root", "admin", ()),
    ):
        await people.add(name, role=role, groups=groups, passphrase="amber", by="init")
    absences = Absences(sequencer=installation.writer, rows=installation.people, people=people, clock=clock)
    yield House(installation, people, absences, clock)
    await installation.close()


async def test_groups_come_from_both_sources(house: House) -> None:
    """What the configuration says and what the command said; an address is another name."""
    found = house.listed(ApproverSettings(name="alice", email="alice@example.com", groups=("dba",)))
    assert found["alice"] == Approver(
        "alice", "approver", ("dba", "oncall"), aliases=("alice@example.com",), since=START_US
    )
    assert found["root"] == Approver("root", "admin", since=START_US)


async def test_who_is_away_lends_his_groups_until_he_is_back(house: House) -> None:
    """To one who is there, until the end; removal of either ends it; each is an entry and a change."""
    roster = Listed(house.people, house.absences, (), house.clock)
    seen = [roster.changes()]
    await house.absences.note("alice", delegate="bob", is_away=True, until_us=START_US + DAY_US, by="alice")
    seen.append(roster.changes())
    found = house.listed()
    assert found["alice"].is_away
    assert found["bob"].speaks_for == (Deputy(("alice",), ("oncall",), START_US),)
    assert found["bob"].groups_for("olga") == {"oncall", "dba"}
    assert found["bob"].groups_for("alice") == {"dba"}
    await house.absences.end("alice", by="root")
    seen.append(roster.changes())
    assert house.listed()["bob"].speaks_for == ()
    await house.absences.note("alice", delegate="bob", is_away=False, until_us=START_US + DAY_US, by="alice")
    assert not house.listed()["alice"].is_away
    house.clock.forward(24 * 3600)
    assert house.listed()["bob"].speaks_for == ()
    await house.absences.note(
        "alice", delegate="bob", is_away=False, until_us=house.clock.now + DAY_US, by="alice"
    )
    await house.people.remove("alice", by="root")
    seen.append(roster.changes())
    assert house.listed()["bob"].speaks_for == ()
    assert sorted(set(seen)) == seen
    kinds = [row[0] for row in house.installation.reader.execute("SELECT kind FROM audit_entries ORDER BY seq")]
    assert kinds[3:] == [
        "approver.away", "approver.returned", "approver.delegated", "approver.delegated", "approver.removed",
    ]  # fmt: skip


@pytest.mark.parametrize("role", ["viewer", "auditor"])
async def test_who_may_no_longer_decide_lends_nothing(house: House, role: str) -> None:
    """Whether a command or the configuration says so."""
    await house.absences.note("alice", delegate="bob", is_away=True, until_us=START_US + DAY_US, by="alice")
    assert house.listed()["bob"].speaks_for != ()
    await house.people.add("alice", role=role, groups=("oncall",), passphrase="amber", by="root")
    assert house.listed()["bob"].speaks_for == ()


@pytest.mark.parametrize("gone", ["alice", "bob"])
async def test_who_is_added_again_lends_and_is_lent_nothing(house: House, gone: str) -> None:
    """What was noted ends with the person on either side of it; who is away stays so."""
    await house.absences.note("alice", delegate="bob", is_away=True, until_us=START_US + DAY_US, by="alice")
    await house.people.remove(gone, by="root")
    await house.people.add(gone, role="approver", groups=("oncall",), passphrase="amber", by="root")
    found = house.listed()
    assert found["bob"].speaks_for == ()
    assert found["alice"].is_away is (gone == "bob")


async def test_a_delegate_knows_the_lender_under_all_his_names(house: House) -> None:
    """He does not speak for somebody about the agents that are that somebody's under another account."""
    await house.people.add("alice.two", role="approver", groups=(), passphrase="amber", by="root")
    await house.absences.note("alice", delegate="bob", is_away=True, until_us=START_US + DAY_US, by="alice")
    both = (ApproverSettings(name=name, email="alice@example.com") for name in ("alice", "alice.two"))
    bob = house.listed(*both)["bob"]
    assert bob.groups_for("alice.two") == bob.groups_for("alice") == {"dba"}
    assert bob.groups_for("olga") == {"dba", "oncall"}


async def test_what_is_configured_holds_until_its_end(house: House) -> None:
    """And gives way to what a command noted of the same person."""
    configured = ApproverSettings(name="alice", delegate="bob", until=UNTIL)
    assert house.listed(configured)["bob"].speaks_for != ()
    await house.absences.note("alice", delegate="root", is_away=False, until_us=START_US + DAY_US, by="alice")
    found = house.listed(configured)
    assert (found["bob"].speaks_for, len(found["root"].speaks_for)) == ((), 1)
    house.clock.forward(24 * 3600)
    assert house.listed(configured)["bob"].speaks_for == ()


@pytest.mark.parametrize(
    ("person", "delegate", "is_away", "until_us"),
    [
        ("eve", "bob", True, DAY_US),
        ("alice", "eve", True, DAY_US),
        ("alice", "alice", True, DAY_US),
        ("alice", "", False, DAY_US),
        ("alice", "bob", True, 0),
        ("alice", "bob", True, LONGEST_US + 1),
    ],
)
async def test_what_cannot_be_lent_is_refused(
    house: House, person: str, delegate: str, until_us: int, *, is_away: bool
) -> None:
    """Nobody unknown, nobody to himself, nothing without an end or without effect; nothing is recorded."""
    with pytest.raises(PersonError):
        await house.absences.note(
            person, delegate=delegate, is_away=is_away, until_us=START_US + until_us, by="root"
        )
    with pytest.raises(PersonError):
        await house.absences.end("bob", by="root")
    assert house.absences.now() == []


@pytest.mark.parametrize("fields", [{"delegate": "bob"}, {"away": True}, {"until": UNTIL}])
def test_a_configured_absence_has_an_end_and_an_effect(fields: dict[str, object]) -> None:
    """One without the other is refused with the configuration."""
    with pytest.raises(ValueError, match="until"):
        ApproverSettings(name="alice", **fields)  # type: ignore[arg-type]  # rows of a table


def test_approvals_of_an_earlier_version_keep_their_group(tmp_path: Path) -> None:
    """A file without the new columns gets them, and what its rows asked for is still asked, and used once."""
    path = tmp_path / "old.db"
    connection = open_writer(path)
    create_tables(connection)
    for column in ("obligations", "instead", "authors", "uses", "used", "glass"):
        connection.execute(f"ALTER TABLE approvals DROP COLUMN {column}")
    for table in ("approval_votes", "absences", "roster"):
        connection.execute(f"DROP TABLE {table}")
    connection.execute(
        "INSERT INTO approvals VALUES"
        " ('apr_1','pending','d','prn','tok','','staging','write','oncall',1,9,0,0,'',0,NULL,'key',NULL)"
    )
    connection.close()
    connection = open_writer(path)
    create_tables(connection)
    stored = approval_rows.get(connection, "apr_1")
    assert stored is not None
    assert stored.approval.obligations.text() == "group=oncall"
    assert stored.approval.uses == 1
    with pytest.raises(sqlite3.OperationalError):
        connection.execute("SELECT nothing FROM approval_votes")
    connection.close()


async def test_who_notes_it_notes_it_of_himself(house: House) -> None:
    """An approver of himself, an admin of anybody; the end is a day or an instant with an offset."""
    handlers = AbsenceHandlers(house.absences, house.absences.now)

    async def said(by: Approver, name: str, body: object = None) -> tuple[int, object]:
        asked = _request(name, json.dumps(body).encode())
        answer = await (handlers.end if body is None else handlers.note)(asked, Asker(by, None, ""))
        return answer.status_code, json.loads(bytes(answer.body))

    alice, root = Approver("alice", "approver"), Approver("root", "admin")
    day = datetime.fromtimestamp((START_US + DAY_US) / 1e6, UTC).date().isoformat()
    status, row = await said(alice, "alice", {"until": day, "delegate": "bob", "away": True})
    assert status == 201
    assert isinstance(row, dict)
    assert (row["delegate"], row["away"], row["until"]) == ("bob", True, "2026-09-23T00:00:00Z")
    listed = await handlers.listing(_request("", b""), Asker(alice, None, ""))
    assert [one["name"] for one in json.loads(bytes(listed.body))] == ["alice"]
    with pytest.raises(ForbiddenError):
        await said(alice, "bob", {"until": day, "away": True})
    with pytest.raises(ForbiddenError):
        await said(alice, "bob")
    for wrong in ("tomorrow", "2026-13-01", "2026-09-23T00:00:00", "9999-12-31"):
        with pytest.raises(ProtocolError):
            await said(root, "bob", {"until": wrong, "away": True})
    assert (await said(root, "alice"))[1] == {"name": "alice", "status": "back"}
    assert house.absences.now() == []


def _request(name: str, body: bytes) -> Request:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", b"application/json")]
    return Request({"type": "http", "headers": headers, "path_params": {"name": name}}, receive)
