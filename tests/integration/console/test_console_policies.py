"""The policies' page over a real log and the shipped policies: counts, sentences, and texts that are explained."""

import asyncio
import html
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from firewall.console.policies import explaining, tally
from firewall.console.policies.explaining import Asked, Explaining, explained
from firewall.console.policies.room import InForce, PolicyPage
from firewall.console.policies.tally import DAY_US, RowTally
from firewall.core.errors import ProtocolError, StoreError
from firewall.core.work import Record, Unit
from firewall.policy.defaults import shipped
from firewall.policy.load import load
from firewall.policy.snapshot import Snapshot
from firewall.sequencer.opening import Installation, create, open_installation
from tests.support.approving import START_US, StillClock
from tests.support.control_side import Browser, Side, control_side
from tests.support.figures import NoPolicy
from tests.support.guarding import places_in

SHIPPED = load(shipped())
TODAY = START_US // DAY_US


def rules() -> Snapshot:
    """Return the shipped policies."""
    return SHIPPED


@dataclass(slots=True)
class Log:
    """A real log whose clock can be moved."""

    installation: Installation
    clock: StillClock
    path: Path

    async def judged(
        self, row: str, count: int = 1, *, policy: str = SHIPPED.digest, days_ago: int = 0, approval: str = ""
    ) -> None:
        """Write verdicts; `approval`: of calls that people had been asked about before."""
        self.clock.now = START_US - days_ago * DAY_US
        data = {"verdict": "ask", "row": row, "policy": policy}
        records = tuple(Record(kind="tool.judged", data=data, approval=approval) for _ in range(count))
        await self.installation.writer.submit(Unit(records=(*records, Record(kind="tool.released"))))
        self.clock.now = START_US

    def side(self) -> Side:
        """Return a control side with the page over this log."""
        look = InForce(rules, RowTally(self.path), self.clock)
        return control_side(rooms=(PolicyPage(look, Explaining(rules), NoPolicy()),))


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    """An empty log."""
    places, clock = places_in(tmp_path), StillClock()
    create(places)
    installation = open_installation(places, clock)
    path = Path(str(installation.reader.execute("PRAGMA database_list").fetchone()[2]))
    yield Log(installation, clock, path)
    await installation.close()


def plain(text: str) -> str:
    """Return what a page says."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text)))


async def ask(browser: Browser, text: str, kind: str = "shell", **more: str) -> str:
    """Fill in the box."""
    fields = {"csrf": await browser.csrf(), "text": text, "kind": kind, "environment": "staging"} | more
    fields.setdefault("workspace", Asked().workspace)
    answer = await browser.client.post("/console/policies/explain", data=fields, headers=browser.headers)
    assert answer.status_code == 200, answer.text
    return plain(answer.text)


async def test_rows_stand_in_order_with_how_often_each_decided(log: Log) -> None:
    """Of the policy in force and the days asked for, each call once; what other policies judged is apart."""
    first, second = SHIPPED.rows[0], SHIPPED.rows[1]
    await log.judged(first.ref, 2, days_ago=40)
    await log.judged(first.ref, 3)
    await log.judged("", 1)
    await log.judged(first.ref, 1, approval="apr_1")  # its release: the call was counted when it was asked about
    await log.judged("", 1, approval="apr_2")  # people said no, no limit did
    await log.judged(first.ref, 5, policy="f" * 64)
    side = log.side()
    browser = await side.signed_in("bob")
    text = plain((await browser.open("/console/policies")).text)
    assert f"{len(SHIPPED.rows)} rows in force, {len(SHIPPED.rows) - 1} have decided nothing" in text
    assert "Calls of the last 30 days under the policy in force" in text
    assert ": 4, of which 1 was decided by no row" in text
    assert "5 more were judged under other policies" in text
    assert text.index("3 calls") < text.index(f"{first.ref} {first.text}") < text.index("that decided nothing")
    assert text.index("that decided nothing") < text.index(f"{second.ref} {second.text}")
    assert "still being counted" not in text
    assert text.index(first.ref) < text.index(second.ref) < text.index(SHIPPED.rows[-1].ref)
    assert "5 calls" in plain((await browser.open("/console/policies?days=90")).text)
    assert (await browser.open("/console/policies?days=8")).status_code == 400
    assert side.log.kinds == ["approver.signed_in"]


async def test_a_long_log_is_counted_by_and_by_and_never_twice(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look reads a bounded stretch and says how far it came; what is written meanwhile is counted as well."""
    monkeypatch.setattr(tally, "STRETCH", 10)
    monkeypatch.setattr(tally, "AT_ONCE", 2)
    for number in range(9):
        await log.judged("policy.csv:1", 10, days_ago=8 - number)
    counts = RowTally(log.path)
    seen = counts.look(SHIPPED.digest, TODAY - 29, START_US)
    assert 0 < seen.calls < 90
    assert seen.back_to_us > START_US - 9 * DAY_US
    await log.judged("policy.csv:1", 5)
    for _ in range(12):
        seen = counts.look(SHIPPED.digest, TODAY - 29, START_US)
    assert (seen.by_row, seen.back_to_us) == ({"policy.csv:1": 95}, 0)
    assert counts.look(SHIPPED.digest, TODAY, START_US).by_row == {"policy.csv:1": 15}
    later = counts.look(SHIPPED.digest, TODAY - 20, START_US + 88 * DAY_US)
    assert later.calls == 25, "what is older than it ever counts is forgotten"


async def test_a_page_says_that_it_is_not_through(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody takes a part for the whole."""
    monkeypatch.setattr(tally, "STRETCH", 2)
    monkeypatch.setattr(tally, "AT_ONCE", 1)
    await log.judged("policy.csv:1", 10)
    text = plain((await (await log.side().signed_in("bob")).open("/console/policies")).text)
    assert "The log is still being counted, from now back to 2026-09-21 14:13:20 UTC" in text


async def test_what_a_look_left_is_counted_in_the_background(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks again need not do it a hundred times."""
    monkeypatch.setattr(tally, "STRETCH", 2)
    monkeypatch.setattr(tally, "AT_ONCE", 1)
    await log.judged("policy.csv:1", 30)
    look = InForce(rules, RowTally(log.path), log.clock)
    assert (await look.look(30)).back_to
    assert look._reading is not None
    await look._reading
    seen = await look.look(30)
    assert (seen.back_to, seen.counted.calls) == ("", 30)


def test_a_log_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """No counts are made up."""
    with pytest.raises(StoreError):
        RowTally(tmp_path / "none.db").look("", 0, START_US)


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("shell", "rm -rf /srv/data <b>\u202e", ("People would be asked", "destructive", "/srv/data", "⟦U+202E⟧")),
        ("tool", '{"tool": "Bash", "arguments": {"command": "ls"}}', ("It would pass", "read")),
        ("http", '{"method": "DELETE", "url": "https://api.example.com/v1/x"}', ("asked", "destructive")),
        ("sql", "DROP TABLE orders", ("destructive", "orders")),
        ("tool", '{"tool": "Nobody\'s", "arguments": {}}', ("unknown",)),
    ],
)
async def test_a_text_is_explained_and_not_run(log: Log, kind: str, text: str, words: tuple[str, ...]) -> None:
    """As `policy explain` says it; what was typed comes back as text; nothing is written down."""
    side = log.side()
    browser = await side.signed_in("bob")
    found = await ask(browser, text, kind)
    for word in words:
        assert word in found
    asked = Asked(text=text, kind=kind)
    said = explained(SHIPPED, asked)
    assert said.row in found
    assert not said.row or SHIPPED.row(said.row) in found
    assert side.log.kinds == ["approver.signed_in"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("tool", "no json"), ("tool", "[]"), ("tool", '{"tool": ""}'), ("tool", '{"tool": "x", "arguments": 5}'),
        ("tool", "[" * 9000), ("odd", "ls"), ("shell", " "), ("shell", "x" * 16_001),
    ],
)  # fmt: skip
async def test_what_cannot_be_explained_is_said(log: Log, kind: str, text: str) -> None:
    """A page with the box, and 400."""
    browser = await log.side().signed_in("bob")
    fields = {"csrf": await browser.csrf(), "text": text, "kind": kind}
    answer = await browser.client.post("/console/policies/explain", data=fields, headers=browser.headers)
    assert answer.status_code == 400
    assert "This cannot be explained" in answer.text


async def test_a_form_of_another_page_explains_nothing(log: Log) -> None:
    """The token of the session is asked for, as everywhere."""
    browser = await log.side().signed_in("bob")
    fields = {"csrf": "x", "text": "ls", "kind": "shell"}
    answer = await browser.client.post("/console/policies/explain", data=fields, headers=browser.headers)
    assert answer.status_code == 403


async def test_only_a_few_texts_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may look cannot fill the threads."""
    monkeypatch.setattr(explaining, "MOST_WAITING", 2)
    desk = Explaining(rules)
    found = await asyncio.gather(*(desk.explain(Asked(text="ls")) for _ in range(3)), return_exceptions=True)
    assert [isinstance(one, ProtocolError) for one in found] == [False, False, True]
    assert (await desk.explain(Asked(text="ls"))).verdict == "allow"
