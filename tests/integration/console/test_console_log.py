"""The log's room over the real writer, SQLite and sockets: search, one entry, its proof, and who may."""

import asyncio
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from audit import VerifierKey, decode
from audit.seal import read_kek
from audit.verify import verify
from firewall.approvals.people import Approver
from firewall.approvals.service import ApprovalRules, Approvals
from firewall.console.app import Console, Desks
from firewall.console.credentials import Credentials
from firewall.console.explorer.behind import Behind, Kept, encoded
from firewall.console.explorer.blocks import WIDTH
from firewall.console.explorer.desk import Explorer
from firewall.console.explorer.entries import Entries
from firewall.console.explorer.exporting import MOST, Proofs
from firewall.console.explorer.room import LogRoom
from firewall.console.explorer.search import PAGE_BYTES, Searcher
from firewall.console.explorer.store import Index
from firewall.console.explorer.tails import Tails
from firewall.console.explorer.verifying import Verifying
from firewall.console.explorer.wish import Wish
from firewall.console.roster import Listed
from firewall.core.work import Unit
from firewall.sequencer.opening import Installation, Places, create, open_installation
from firewall.settings.settings import Settings
from firewall.tokens.absences import Absences
from firewall.tokens.people import People
from firewall.tokens.service import Tokens
from tests.support.approving import Told, WallClock, new_id
from tests.support.control_side import Browser, CredentialDouble, Desk, free_socket, served
from tests.support.guarding import places_in
from tests.support.logs_to_search import judged

PASSPHRASE = "amber-canary-of-the-log-4711"
HIDDEN = "volume\u202edelete <script>alert(1)</script>"


@dataclass(slots=True)
class Room:
    """A control side with the log's room."""

    url: str
    installation: Installation
    places: Places
    explorer: Explorer
    verifying: Verifying

    @property
    def behind(self) -> Behind:
        """What keeps the index."""
        kek = encoded(read_kek(self.places.keystore_key))
        index = self.places.database.with_name("search.db")
        kept = Kept(self.places.database, self.places.keystore, index, kek)
        return Behind(kept, lambda: self.installation.writer.size)

    async def signed_in(self, client: httpx.AsyncClient, name: str = "audra") -> Browser:
        """Return a browser with a session."""
        browser = Browser(client, self.url)
        assert (await browser.sign_in(name, PASSPHRASE)).status_code == 303
        return browser

    def last(self) -> dict[str, object]:
        """Return the newest entry: its kind and its unsealed fields."""
        query = "SELECT body FROM audit_entries ORDER BY seq DESC LIMIT 1"
        entry = decode(self.installation.reader.execute(query).fetchone()[0])
        return {"kind": entry.kind, **entry.data}


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    """A fresh installation with an auditor and a viewer, served on loopback."""
    places = places_in(tmp_path, witness=(str(tmp_path / "heads"),))
    create(places)
    clock = WallClock()
    installation = open_installation(places, clock)
    writer = installation.writer
    people = People(sequencer=writer, rows=installation.people, clock=clock)
    for name, role in (("audra", "auditor"), ("vera", "viewer")):
        await people.add(name, role=role, groups=(), passphrase=PASSPHRASE, by="init")
    absences = Absences(sequencer=writer, rows=installation.people, people=people, clock=clock)
    bound = free_socket()
    port = bound.getsockname()[1]
    approvals = Approvals(
        sequencer=writer,
        store=installation.approving,
        clock=clock,
        rules=ApprovalRules(public_url=f"http://localhost:{port}"),
        notifier=Told(),
        new_id=new_id,
        roster=Listed(people, absences, (), clock),
    )
    tokens = Tokens(sequencer=writer, rows=installation.tokens, clock=clock)
    desk = Desk()
    explorer = Explorer(
        Searcher(places.database, places.database.with_name("search.db"), installation.keystore), writer, clock
    )
    verifying = Verifying(places.database, installation.verify_key, clock)
    proofs = Proofs(places.database, installation.verify_key, witnessed=installation.witness.give)
    tails = Tails(explorer, size=lambda: writer.size, is_closed=lambda: False)
    entries = Entries(installation.reader, installation.sealing, writer)
    console = Console(
        approvals=approvals,
        authenticator=Credentials(tokens, people, Settings()),
        sequencer=writer,
        clock=clock,
        desks=Desks(
            tokens=desk,
            people=desk,
            policy=desk,
            entries=entries,
            credentials=CredentialDouble(desk.asked),
            status=desk,
            rooms=(LogRoom(explorer, entries, verifying, proofs=proofs, tails=tails),),
        ),
        control_listen=f"127.0.0.1:{port}",
    )
    async with served(console.app, bound):
        yield Room(f"http://127.0.0.1:{port}", installation, places, explorer, verifying)
    await installation.close()


def _run(words: list[str], folder: Path) -> str:
    """Run a command of the page where the proof lies, and return what it says."""
    ran = subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    return ran.stdout


async def test_a_search_is_recorded_once_and_then_answered(room: Room) -> None:
    """The page shows what was found, escaped and spelled out; the log says that it was asked, and not what."""
    await room.installation.writer.submit(Unit(records=tuple(judged(word=f"other {at}") for at in range(5))))
    await room.installation.writer.submit(Unit(records=(judged(word=HIDDEN, verdict="deny"),)))
    async with httpx.AsyncClient(base_url=room.url, trust_env=False) as client:
        browser = await room.signed_in(client)
        before = room.installation.writer.size
        page = await browser.open("/console/log?text=alert&verdict=deny&actor=alice")
        assert page.status_code == 200
        assert "Volume⟦U+202E⟧delete &lt;script&gt;alert(1)&lt;/script&gt;" in page.text
        assert "<script>" not in page.text
        assert "other" not in page.text.partition('class="entries"')[2]
        assert room.installation.writer.size == before + 1
        assert room.last() == {
            "kind": "audit.read",
            "what": "search",
            "asked": ["actor", "verdict", "text"],
            "first": 0,
            "before": 0,
        }
        stored = room.places.database.read_bytes() + room.places.database.with_name("stayhand.db-wal").read_bytes()
        assert b"alert" not in stored


_WRONG = {
    "effect=everything": "`effect` is one of",
    "verdict=perhaps": "`verdict` is one of",
    "since=yesterday": "`since` is a day",
    "before=-1": "`before` is a whole number",
    "color=red": "`color` is no field",
    "text=a&text=b": "a field stands twice",
    "text=%21%3F": "`text` has no word",
    f"text={'+'.join('abcdefghijklmnopqrs')}": "`text` has at most 16 words",
    f"actor={'a' * 201}": "`actor` has at most 200 characters",
    "resource=*": "`resource` names nothing",
}


async def test_what_cannot_be_asked_is_said_and_not_recorded(room: Room) -> None:
    """A wrong field is told with the form around it, as a page and with a code, and nothing is read."""
    async with httpx.AsyncClient(base_url=room.url, trust_env=False) as client:
        browser = await room.signed_in(client)
        before = room.installation.writer.size
        for query, words in _WRONG.items():
            page = await browser.open(f"/console/log?{query}")
            assert page.status_code == 400
            assert 'role="alert"' in page.text
            assert "Search</button>" in page.text
            answer = await browser.open(f"/api/entries?{query}")
            assert answer.status_code == 400
            assert answer.json()["error"]["code"] == "search_invalid"
            assert answer.json()["error"]["message"].startswith(words)
        assert room.installation.writer.size == before


async def test_who_only_looks_reads_no_log(room: Room) -> None:
    """A viewer is refused on every path, and nobody without a session sees more than the sign-in form."""
    paths = ("/console/log", "/console/log/0", "/console/log/0/proof", "/console/log/verify")
    async with httpx.AsyncClient(base_url=room.url, trust_env=False) as client:
        for path in paths:
            page = await client.get(path)
            assert "Passphrase" in page.text
            assert "approver.added" not in page.text
        assert (await client.get("/api/entries")).status_code == 401
        browser = await room.signed_in(client, "vera")
        before = room.installation.writer.size
        for path in (*paths, "/api/entries"):
            assert (await browser.open(path)).status_code == 403
        assert room.installation.writer.size == before


async def test_an_entry_is_shown_with_a_proof_that_the_auditors_program_takes(room: Room, tmp_path: Path) -> None:
    """The page says who it was, the proof is downloaded, and the very command on the page accepts it."""
    outcome = await room.installation.writer.submit(Unit(records=(judged(word=HIDDEN),)))
    seq = outcome.seqs[0]
    async with httpx.AsyncClient(base_url=room.url, trust_env=False) as client:
        browser = await room.signed_in(client)
        page = await browser.open(f"/console/log/{seq}")
        assert page.status_code == 200
        assert room.last() == {"kind": "audit.read", "read": seq}
        assert "<script>" not in page.text
        assert "⟦U+202E⟧" in page.text
        assert "Verified here" in page.text
        proof = await browser.open(f"/console/log/{seq}/proof")
        assert room.last() == {"kind": "audit.exported", "what": "proof", "asked": [], "read": seq}
        assert proof.headers["content-disposition"] == f'attachment; filename="entry-{seq}.proof"'
        (tmp_path / f"entry-{seq}.proof").write_text(proof.text)
        found = re.search(r"python -m audit verify[^<]+", page.text)
        assert found is not None
        words = found[0].replace("&#39;", "").split()[1:]
        said = await asyncio.to_thread(_run, words, tmp_path)
        assert said.startswith(f"ok: entry {seq} (tool.judged) is in the log")
        assert (await browser.open("/console/log/999999")).status_code == 404
        assert (await browser.open("/console/log/999999/proof")).status_code == 404
        assert (await browser.open("/console/log/first")).status_code == 400


async def test_the_index_is_made_by_a_process_of_its_own_and_goes_on_where_it_ended(room: Room) -> None:
    """Nothing is due: nothing is started; two blocks are due: both are there, and searching finds in them."""
    behind = room.behind
    assert await behind.once()
    assert not room.places.database.with_name("search.db").exists()
    records = [judged(word=f"filler{at}") for at in range(WIDTH)]
    await room.installation.writer.submit(Unit(records=(judged(word="needle"),)))
    for _ in range(2):
        await room.installation.writer.submit(Unit(records=tuple(records)))
        assert await room.behind.once()
    index = Index.reading(room.places.database.with_name("search.db"))
    assert index is not None
    assert index.size == 2 * WIDTH
    index.close()
    async with httpx.AsyncClient(base_url=room.url, trust_env=False) as client:
        browser = await room.signed_in(client)
        answer = (await browser.open("/api/entries?text=needle")).json()
        assert [one["private"]["arguments"] for one in answer["entries"]] == ['{"command": "needle"}']
        assert (answer["indexed"], answer["complete"], answer["next"]) == (2 * WIDTH, True, 0)
    report = verify(room.places.database, [VerifierKey.parse(room.installation.verify_key)])
    assert report.ok, report.findings


async def test_a_busy_server_is_indexed_once_somebody_searches(room: Room) -> None:
    """What comes faster than in calm moments waits; who searches has it indexed, and is answered meanwhile."""
    behind = room.behind
    explorer = Explorer(
        Searcher(room.places.database, room.places.database.with_name("search.db"), room.installation.keystore),
        room.installation.writer,
        WallClock(),
        behind.looked,
    )
    await room.installation.writer.submit(Unit(records=tuple(judged() for _ in range(WIDTH))))
    assert not behind.is_time()
    found = await explorer.search(Wish(), Approver("audra", "auditor"))
    assert (found.found.indexed, len(found.found.entries)) == (0, 50)
    following = asyncio.create_task(behind.run())
    try:
        async with asyncio.timeout(60):
            while found.found.indexed < WIDTH:
                found = await explorer.search(Wish(), Approver("audra", "auditor"))
                await asyncio.sleep(0.1)
    finally:
        following.cancel()
    with suppress(asyncio.CancelledError):
        await following


async def test_an_indexer_that_fails_is_told_and_tried_later(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    """With a wrong key nothing is indexed, and nothing else suffers."""
    await room.installation.writer.submit(Unit(records=tuple(judged() for _ in range(WIDTH))))
    kept = Kept(
        room.places.database, room.places.keystore, room.places.database.with_name("search.db"), encoded(b"x" * 32)
    )
    assert not await Behind(kept, lambda: room.installation.writer.size).once()
    assert "the keystore is wrapped by another key" in caplog.text
    found = await room.explorer.search(Wish(), Approver("audra", "auditor"))
    assert found.found.indexed == 0
    assert len(found.found.entries) == 50


async def test_what_is_found_is_taken_away_as_a_bundle_that_the_auditors_program_takes(
    room: Room, tmp_path: Path
) -> None:
    """The file holds what was asked and nothing else, each entry proven; what was sealed only on demand."""
    await room.installation.writer.submit(Unit(records=tuple(judged(word=f"other {at}") for at in range(5))))
    await room.installation.writer.submit(
        Unit(records=(judged(word="needle"), judged(word="needle", verdict="deny")))
    )
    async with httpx.AsyncClient(base_url=room.url, trust_env=False) as client:
        browser = await room.signed_in(client)
        page = await browser.open("/console/log?text=needle")
        assert 'action="/console/log/export"' in page.text
        fields = {"csrf": await browser.csrf(), "text": "needle", "since": ""}
        path = "/console/log/export"
        refused = await client.post(path, data={**fields, "csrf": "wrong"}, headers=browser.headers)
        assert refused.status_code == 403
        answer = await client.post(path, data=fields, headers=browser.headers)
        assert answer.status_code == 200, answer.text
        assert room.last() == {
            "kind": "audit.exported", "what": "entries", "asked": ["text"], "first": 0, "before": 0,
            "opened": False,
        }  # fmt: skip
        head, *rows = [json.loads(line) for line in answer.text.splitlines()]
        # the look at the page above asked for the same word, and is an entry that says so
        assert [row["entry"]["kind"] for row in rows] == ["audit.read", "tool.judged", "tool.judged"]
        assert (head["entries"], head["next"], head["asked"]) == (3, 0, {"text": "needle"})
        assert "needle" not in json.dumps(rows)
        opened = await client.post(path, data={**fields, "opened": "yes"}, headers=browser.headers)
        assert json.loads(opened.text.splitlines()[-1])["private"]["arguments"] == '{"command": "needle"}'
        for at, one in enumerate((answer, opened)):
            (tmp_path / f"{at}.jsonl").write_text(one.text)
            words = ["-m", "audit", "verify", "--bundle", f"{at}.jsonl", "--key", room.installation.verify_key]
            said = await asyncio.to_thread(_run, words, tmp_path)
            assert f"\nok: {3 + at} entries are in the log" in said
            assert ("unproven: 4 lines say more" in said) is bool(at)
            await room.installation.writer.submit(Unit(records=(judged(word="later"),)))
            await asyncio.to_thread(room.installation.witness.give)
            known = await asyncio.to_thread(_run, [*words, "--witness", "heads", "--strict"], tmp_path)
            assert f"\nok: {3 + at} entries are in the log" in known
        wrong = await client.post(path, data={**fields, "effect": "everything"}, headers=browser.headers)
        assert wrong.status_code == 400


LARGE = "x" * (256 << 10)
"""As many characters as the arguments of one call may have."""


async def test_large_entries_end_a_page_or_a_file_and_the_next_goes_on_without_a_gap(room: Room) -> None:
    """Forty calls of half a mebibyte: pages and files stop at their bytes, say so, and lose no entry."""
    seqs: list[int] = []
    for _ in range(8):
        outcome = await room.installation.writer.submit(Unit(records=tuple(judged(word=LARGE) for _ in range(5))))
        seqs += outcome.seqs
    async with httpx.AsyncClient(base_url=room.url, trust_env=False) as client:
        browser = await room.signed_in(client)
        fields = {"csrf": await browser.csrf(), "kind": "tool.judged", "opened": "yes"}
        taken: list[int] = []
        heads: list[str] = []
        before = 0
        while before or not heads:
            answer = await client.post(
                "/console/log/export", data={**fields, "before": str(before)}, headers=browser.headers
            )
            assert answer.status_code == 200, answer.text[:500]
            head, *rows = [json.loads(line) for line in answer.text.splitlines()]
            taken += [row["entry"]["seq"] for row in rows]
            assert sum(len(row["private"]["arguments"]) * 2 for row in rows) <= MOST.weight
            heads.append(head["ended"])
            before = head["next"]
        assert taken == seqs[::-1]
        assert heads == ["bytes", "log"]
        shown: list[int] = []
        ends: list[str] = []
        while before or not ends:
            found = await browser.open(f"/api/entries?kind=tool.judged&limit=200&before={before}")
            assert len(found.content) < PAGE_BYTES * 1.1
            shown += [one["seq"] for one in found.json()["entries"]]
            ends.append(found.json()["ended"])
            before = found.json()["next"]
        assert shown == seqs[::-1]
        assert ends == ["bytes", "bytes", "log"]
        assert "These entries are long" in (await browser.open("/console/log?kind=tool.judged")).text


async def test_the_verify_button_shows_what_the_auditors_program_says(room: Room) -> None:
    """One run at a time, recorded before it begins; a log that was changed is said to be."""
    await room.installation.writer.submit(Unit(records=(judged(), judged())))
    async with httpx.AsyncClient(base_url=room.url, trust_env=False) as client:
        browser = await room.signed_in(client)
        assert "No run yet" in (await browser.open("/console/log/verify")).text
        data = {"csrf": await browser.csrf()}
        answer = await client.post("/console/log/verify", data=data, headers=browser.headers)
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/log/verify")
        assert room.last() == {"kind": "audit.read", "what": "verify", "asked": []}
        running = await browser.open("/console/log/verify")
        assert running.headers["refresh"] == "2"
        assert not room.verifying.start()
        assert (await room.verifying.done()).is_ok
        page = await browser.open("/console/log/verify")
        assert "refresh" not in page.headers
        assert f"ok: {room.installation.writer.size} entries" in page.text
        assert "python -m audit verify --log" in page.text

    with sqlite3.connect(room.places.database) as conn:
        conn.execute("DROP TRIGGER audit_entries_no_update")
        conn.execute("UPDATE audit_entries SET kind = 'audit.read' WHERE seq = 0")
    conn.close()
    assert room.verifying.start()
    broken = await room.verifying.done()
    assert not broken.is_ok
    assert any("column `kind` does not match the body" in line for line in broken.said)
