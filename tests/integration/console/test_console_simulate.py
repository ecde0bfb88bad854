"""Simulating other rows over a real log: what would flip, what it costs, what cannot be seen, and who may ask."""

import html
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from firewall.console.policies import simulating, trying
from firewall.console.policies.explaining import Explaining
from firewall.console.policies.room import InForce, PolicyPage
from firewall.console.policies.simulating import DAY_US, Simulating, Simulation
from firewall.console.policies.tally import RowTally
from firewall.core.errors import ProtocolError
from firewall.core.work import PutToken, Record, Unit
from firewall.policy.defaults import shipped
from firewall.policy.load import load
from firewall.policy.replaying import compared
from firewall.policy.snapshot import Snapshot
from firewall.sequencer.opening import Installation, create, open_installation
from tests.support.approving import ROOT, START_US, StillClock
from tests.support.control_side import ADMIN_TOKEN, APPROVER_TOKEN, Side, control_side
from tests.support.guarding import places_in

SHIPPED = load(shipped())
ROWS = (shipped() / "policy.csv").read_text("utf-8")
NO_WRITES = ROWS + "p, *, *, *, *, write, , deny,\n"
ASK_READS = ROWS + "p, *, local, *, *, read, , ask,\n"


@dataclass(slots=True)
class Tried:
    """The shipped policies, which somebody wants to change."""

    loaded: list[str] = field(default_factory=list)

    def __call__(self) -> Snapshot:
        """As the port says."""
        return SHIPPED

    def tried(self, rows: bytes) -> Snapshot:
        """As the port says."""
        return SHIPPED.with_rows_of(load(shipped(), instead={"policy.csv": rows}))

    def on_disk(self) -> str:
        """As the port says."""
        return ROWS


@dataclass(slots=True)
class House:
    """A real log with judged calls, and the control side over it."""

    installation: Installation
    clock: StillClock
    path: Path
    simulating: Simulating
    number: int = 0

    async def judged(
        self, tool: str, arguments: object, *, gate: str = "models", hours_ago: int = 1, **more: object
    ) -> None:
        """Write a verdict as the guard does."""
        self.number += 1
        self.clock.now = START_US - hours_ago * 3_600_000_000
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        private = {"tool": tool, "call": "c", "arguments": text, "actions": more.get("actions", []), "detail": ""}
        record = Record(
            kind="tool.judged",
            data={
                "verdict": "allow",
                "row": "",
                "gate": gate,
                "token": "tok_1",
                "digest": str(more.get("digest", self.number)),
            },
            person=str(more.get("person", "alice")),
            principal="alice/claude",
            private=private,
        )
        await self.installation.writer.submit(Unit(records=(record,)))
        self.clock.now = START_US

    def kinds(self) -> list[str]:
        """Return the kinds of all entries."""
        return [row[0] for row in self.installation.reader.execute("SELECT kind FROM audit_entries ORDER BY seq")]

    def side(self) -> Side:
        """Return the control side."""
        look = InForce(lambda: SHIPPED, RowTally(self.path), self.clock)
        return control_side(rooms=(PolicyPage(look, Explaining(lambda: SHIPPED), self.simulating),))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A log with a token of staging and a few calls."""
    places, clock = places_in(tmp_path), StillClock()
    create(places)
    installation = open_installation(places, clock)
    path = Path(str(installation.reader.execute("PRAGMA database_list").fetchone()[2]))
    grant = json.dumps({"environment": "staging", "workspace": "/work/app", "role": "coding-agent"})
    token = PutToken("tok_1", b"f" * 32, "agent", "alice", "", grant, START_US, START_US + DAY_US)
    await installation.writer.submit(Unit(steps=(token,)))
    desk = Simulating(path, Tried(), installation.sealing, installation.writer, clock)
    made = House(installation, clock, path, desk)
    await made.judged("Bash", {"command": "ls"})
    await made.judged("Bash", {"command": "ls"}, hours_ago=30)
    await made.judged("Write", {"file_path": "/work/app/<b>x", "content": "y"})
    await made.judged("Bash", {"command": "rm -rf /srv/data"})
    await made.judged("Bash", {"command": "ls"}, hours_ago=24 * 20)
    yield made
    await installation.close()


async def test_verdicts_that_would_flip(house: House) -> None:
    """Alike calls once with their number; older ones are left out; the reading is one entry."""
    before = len(house.kinds())
    found = await house.simulating.simulate(ASK_READS, 7, ROOT)
    assert (found.calls, found.flipped, found.closed, found.untold, found.is_whole) == (4, 2, 0, 0, True)
    (flip,) = found.flips
    assert (flip.compared.was, flip.compared.then, flip.count, flip.tool) == ("allow", "ask", 2, "Bash")
    assert flip.compared.row_then == "p, *, local, *, *, read, , ask,"
    assert flip.compared.environment == "local"
    assert (found.asked_now, found.asked_then) == (1, 3), "what is asked already stays asked"
    assert found.a_day(found.asked_then) == f"{3 * 24 / 30:.1f}"
    assert house.kinds()[before:] == ["audit.read"]
    body = house.installation.reader.execute(
        "SELECT body FROM audit_entries ORDER BY seq DESC LIMIT 1"
    ).fetchone()[0]
    assert json.loads(body)["data"] == {"from": 0, "to": before - 1, "what": "policy_simulate"}
    same = await house.simulating.simulate(ROWS, 7, ROOT)
    assert (same.flipped, same.asked_now, same.asked_then) == (0, 1, 1)
    assert (await house.simulating.simulate(ASK_READS, 30, ROOT)).flipped == 3


async def test_what_repeats_within_an_hour_is_one_request(house: House) -> None:
    """Identical requests collapse, so they cost one approval."""
    for _ in range(3):
        await house.judged("Bash", {"command": "cat x"}, digest="same")
    found = await house.simulating.simulate(ASK_READS, 7, ROOT)
    assert (found.calls, found.flipped, found.asked_then) == (7, 5, 4)


async def test_calls_of_other_gates_are_judged_as_the_log_tells_them(house: House) -> None:
    """A request to a target by its recorded actions; of one that tells nothing, that is said."""
    told = {
        "operation": "http:DELETE", "resource": "volume:railway/v", "environment": "staging",
        "effects": ["write", "no-such-effect"], "summary": "deletes",
    }  # fmt: skip
    await house.judged("infra/railway", "GET / HTTP", gate="infra", actions=[told])
    await house.judged("infra/railway", "GET / HTTP", gate="infra", actions=[])
    found = await house.simulating.simulate(NO_WRITES, 7, ROOT)
    assert found.untold == 1
    flips = {(flip.tool, flip.compared.was, flip.compared.then) for flip in found.flips}
    assert flips == {("Write", "allow", "deny"), ("infra/railway", "ask", "deny")}


async def test_what_cannot_be_opened_is_counted(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """An erased key closes what it sealed; the rest is judged."""
    await house.judged("Bash", {"command": "ls"}, person="zoe")
    store = house.installation.sealing._keystore
    key = store.key_for("zoe").id
    found_in = store.find
    monkeypatch.setattr(store, "find", lambda name: None if name == key else found_in(name))  # as after an erasure
    found = await house.simulating.simulate(ROWS, 7, ROOT)
    assert (found.calls, found.closed) == (4, 1)


async def test_a_simulation_ends_when_its_time_is_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that are slow to judge hold nobody up: the newest are judged, and the others are left out."""
    clock = [0.0]

    def slow(*given: object) -> object:
        clock[0] += simulating.LIMIT_S * 0.6
        return compared(*given)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(simulating, "compared", slow)
    house.simulating.ticks = lambda: clock[0]
    found = await house.simulating.simulate(ROWS, 30, ROOT)
    assert (found.calls, found.is_whole) == (2, False)
    found = await house.simulating.simulate(ROWS, 30, ROOT)
    assert (found.calls, found.is_whole) == (2, False), "the next one has its own time"
    monkeypatch.setattr(simulating, "compared", compared)
    assert (await house.simulating.simulate(ROWS, 30, ROOT)).is_whole


async def test_a_simulation_is_bounded_and_says_so(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest calls are looked at, and the page tells how far back that is."""
    monkeypatch.setattr(simulating, "STRETCH", 1)
    monkeypatch.setattr(simulating, "MOST_CALLS", 2)
    found = await house.simulating.simulate(ROWS, 30, ROOT)
    assert (found.calls, found.is_whole) == (2, False)
    monkeypatch.setattr(simulating, "MOST_CALLS", 100)
    monkeypatch.setattr(simulating, "MOST_ENTRIES", 2)
    assert (await house.simulating.simulate(ROWS, 30, ROOT)).is_whole is False
    monkeypatch.setattr(simulating, "MOST_ENTRIES", 100)
    monkeypatch.setattr(simulating, "MOST_FLIPS", 1)
    most = await house.simulating.simulate(ROWS + "p, *, *, *, *, *, , deny,\n", 30, ROOT)
    assert (len(most.flips), most.left_out) == (1, 2)


async def test_long_calls_are_opened_a_few_at_a_time_and_all_of_them(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stretch ends at its bytes and the next goes on without a gap; beyond all bytes the page says so."""
    for at in range(40):
        await house.judged("Bash", {"command": f"echo {at} {'x' * (256 << 10)}"})
    found = await house.simulating.simulate(ROWS, 30, ROOT)
    assert (found.calls, found.closed, found.is_whole) == (45, 0, True)
    rows, reached = house.simulating._stretch(0, len(house.kinds()))
    assert sum(len(body) + len(sealed or b"") for _, _, body, sealed in rows) <= simulating.STRETCH_BYTES
    assert reached == rows[-1][0] > 0
    monkeypatch.setattr(simulating, "STRETCH_BYTES", 0)
    assert (await house.simulating.simulate(ROWS, 30, ROOT)).calls == 45
    monkeypatch.setattr(simulating, "MOST_BYTES", 1 << 20)
    part = await house.simulating.simulate(ROWS, 30, ROOT)
    assert 0 < part.calls < 45
    assert not part.is_whole


@pytest.mark.parametrize(
    "rows", ["nonsense\n", "p, *, local, *, *, read, , allow", "p, *, *, *, *, write, , ask, quorum=x\n"]
)
async def test_rows_that_a_load_would_refuse_are_refused(house: House, rows: str) -> None:
    """With file and line, before a body is opened; nothing is in force that was not."""
    browser = await house.side().signed_in("root")
    before = len(house.kinds())
    fields = {"csrf": await browser.csrf(), "rows": rows, "days": "7"}
    answer = await browser.client.post("/console/policies/simulate", data=fields, headers=browser.headers)
    assert answer.status_code == 422
    assert "These rows would be refused" in answer.text
    assert "policy.csv" in answer.text
    assert len(house.kinds()) == before


async def test_the_page_shows_flips_page_by_page_to_admins_alone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What calls were is text; who is no admin neither asks nor sees; a second page is the same simulation."""
    monkeypatch.setattr(trying, "PAGE", 1)
    side = house.side()
    browser = await side.signed_in("root")
    assert "Nothing is put in force" in (await browser.open("/console/policies/simulate")).text
    fields = {"csrf": await browser.csrf(), "rows": ROWS + "p, *, local, *, *, *, , deny,\n", "days": "7"}
    first = await browser.client.post("/console/policies/simulate", data=fields, headers=browser.headers)
    text = html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", first.text)))
    assert "3 of 4 calls would be judged otherwise" in text
    assert "Page 1 of 2" in text
    entries = len(house.kinds())
    second = await browser.open("/console/policies/simulate?page=2")
    assert "/work/app/&lt;b&gt;x" in second.text or "&lt;b&gt;x" in second.text
    assert "<b>x" not in second.text
    assert house.kinds()[entries:] == ["audit.read"], "each page shows what was sealed"
    assert (await browser.open("/console/policies/simulate?page=0")).status_code == 400
    for days in ("0", "91", "x", "9" * 9):
        answer = await browser.client.post(
            "/console/policies/simulate", data=fields | {"days": days}, headers=browser.headers
        )
        assert answer.status_code == 400
    other = await side.signed_in("alice")
    assert (await other.open("/console/policies/simulate")).status_code == 403
    answer = await other.client.post("/console/policies/simulate", data=fields, headers=other.headers)
    assert answer.status_code == 403
    assert "Simulate other rows" not in (await other.open("/console/policies")).text
    assert "Simulate other rows" in (await browser.open("/console/policies")).text


async def ask(house: House, token: str, body: object) -> httpx.Response:
    """Ask the API."""
    async with house.side().client() as client:
        headers = {"authorization": f"Bearer {token}"}
        return await client.post("/api/policy/simulate", json=body, headers=headers)


async def test_the_same_as_json(house: House) -> None:
    """What the command line prints."""
    found = (await ask(house, ADMIN_TOKEN, {"rows": ASK_READS, "days": 7})).json()
    assert (found["flipped"], found["calls"], found["whole"], found["more_flips"]) == (2, 4, True, 0)
    assert (found["approvals_a_day_now"], found["approvals_a_day_then"]) == ("0.8", "2.4")
    assert found["flips"][0]["then"] == "ask"
    assert (await ask(house, APPROVER_TOKEN, {"rows": ROWS})).status_code == 403
    assert (await ask(house, ADMIN_TOKEN, {"rows": ROWS, "days": 0})).status_code == 400


async def test_one_at_a_time_and_the_last_of_each_is_kept(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second one is told to wait; of many people the latest are remembered."""
    monkeypatch.setattr(simulating, "MOST_KEPT", 1)
    async with house.simulating._one:
        with pytest.raises(ProtocolError) as caught:
            await house.simulating.simulate(ROWS, 7, ROOT)
    assert caught.value.code == "simulation_busy"
    await house.simulating.simulate(ROWS, 7, ROOT)
    assert house.simulating.last("root") is not None
    await house.simulating.simulate(ROWS, 7, type(ROOT)("zoe", "admin"))
    assert house.simulating.last("root") is None


def test_requests_a_day() -> None:
    """A log of an hour says nothing of a day more than what it has."""
    seen = Simulation(7, 0, is_whole=True, span_us=3_600_000_000)
    assert (seen.a_day(3), Simulation(7, 0, is_whole=True, span_us=4 * DAY_US).a_day(2)) == ("3.0", "0.5")


async def test_rows_are_uploaded_as_a_file_and_kept_nowhere(house: House) -> None:
    """The file stands for what is in the box, its name for nothing; an admin's own form alone may send it."""
    side = house.side()
    browser = await side.signed_in("root")
    path = "/console/policies/simulate"
    fields = {"csrf": await browser.csrf(), "rows": "nonsense\n", "days": "7"}
    rows = ROWS + "p, *, local, *, *, *, , deny,\n"
    files = {"file": ("../../policy.csv", rows.replace("\n", "\r\n").encode(), "text/csv")}
    answer = await browser.client.post(path, data=fields, files=files, headers=browser.headers)
    assert answer.status_code == 200
    assert "3 of 4" in answer.text
    page = (await browser.open(path)).text
    assert "p, *, local, *, *, *, , deny," not in page.partition("<textarea")[2].partition("</textarea>")[0]
    assert 'enctype="multipart/form-data"' in page
    assert 'type="file"' in page
    entries = len(house.kinds())
    for wrong, status in (
        ({"data": fields | {"csrf": "x"}, "files": files}, 403),
        ({"data": fields, "files": {"file": ("a", b"\xff\xfe", "text/csv")}}, 400),
        ({"data": fields, "files": {"file": ("a", b"x" * trying.FORM_BYTES, "text/csv")}}, 413),
        ({"data": fields, "files": {"file": ("a", b"", "text/csv")}}, 422),
    ):
        refused = await browser.client.post(path, headers=browser.headers, **wrong)
        assert refused.status_code == status, refused.text
    bob = await side.signed_in("bob")
    assert (await bob.client.post(path, data=fields, files=files, headers=bob.headers)).status_code == 403
    assert len(house.kinds()) == entries, "no call was read for any of them"


async def test_forms_without_a_file_take_none(house: House) -> None:
    """Only the form that asks for a file reads one."""
    browser = await house.side().signed_in("root")
    answer = await browser.client.post(
        "/console/policies/explain",
        data={"csrf": await browser.csrf(), "text": "ls"},
        files={"file": ("a", b"x", "text/csv")},
        headers=browser.headers,
    )
    assert (answer.status_code, "form_invalid" in answer.text) == (400, True)
