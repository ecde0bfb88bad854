"""Erasing a person on the whole server: what ends before, what is written, and what every page says after it."""

import asyncio
import re
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import orjson
import pytest

from audit.seal import Keystore, read_kek
from audit.witness import append_head
from firewall.app.running import running
from firewall.console.erasing.pages import API, PATH
from tests.support.aging import aged
from tests.support.control_side import Browser
from tests.support.whole_console import Whole, whole_console

REASON = "asked for it, case 17"


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[Whole]:
    """The whole server, with something on each page."""
    async with whole_console(tmp_path) as built:
        aged(built.installed.database)
        yield built


class Admin:
    """Whoever has an admin's token, on the API."""

    def __init__(self, whole: Whole) -> None:
        self.whole = whole
        self.token = whole.installed.shown["admin_token"]

    async def asked(self, method: str, path: str, **more: object) -> httpx.Response:
        """Ask the control side."""
        bearer = {"authorization": f"Bearer {self.token}"}
        async with httpx.AsyncClient(base_url=self.whole.public, trust_env=False, timeout=60) as client:
            return await client.request(method, path, headers=bearer, **more)  # type: ignore[arg-type]  # passed on

    async def erase(self, subject: str, *, revoke: bool = False, reason: str = REASON) -> httpx.Response:
        """Erase somebody."""
        wish = {"subject": subject, "reason": reason, "revoke": revoke}
        return await self.asked("POST", API, json=wish)


def _code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, str(answer.json()["error"]["code"])


def _bodies(whole: Whole) -> list[dict[str, object]]:
    rows = whole.application.installation.reader.execute("SELECT body FROM audit_entries ORDER BY seq")
    return [orjson.loads(row[0]) for row in rows]


def _acts(whole: Whole) -> list[object]:
    """Return entries of what an erasure does; other things of the server go on beside it."""
    acts = ("audit.erased", "token.revoked", "approver.removed", "approver.link_revoked")
    return [one for one in _bodies(whole) if one["kind"] in acts]


async def _erased(whole: Whole) -> dict[str, object]:
    answer = await Admin(whole).erase("olga", revoke=True)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


async def test_somebody_of_whom_something_lives_is_erased_with_it_or_not_at_all(whole: Whole) -> None:
    """Without `revoke` nothing changes; with it tokens and approvals end, each with its own entry, before."""
    admin = Admin(whole)
    size = len(_bodies(whole))
    refused = await admin.erase("olga")
    assert _code(refused) == (409, "subject_live")
    assert "1 token," in refused.text
    assert "olga" not in refused.text
    assert _acts(whole) == []
    done = await _erased(whole)
    assert (done["tokens"], done["configured"]) == (1, False)
    after = _bodies(whole)[size:]
    kinds = [one["kind"] for one in after]
    assert kinds.count("token.revoked") == 1
    assert kinds.count("approval.cancelled") == done["approvals"] != 0
    (entry,) = [one for one in after if one["kind"] == "audit.erased"]
    assert max(kinds.index("token.revoked"), kinds.index("approval.cancelled")) < kinds.index("audit.erased")
    assert entry["seq"] == done["entry"]
    assert entry["data"] == {
        "subject": done["subject"],
        "key": done["key"],
        "tokens": 1,
        "approvals": done["approvals"],
    }
    behind = [one for one in after if int(str(one["seq"])) > int(str(done["entry"]))]
    sealed = [one["sealed"] for one in behind if "sealed" in one]
    assert all(isinstance(one, dict) and one["key"] != done["key"] for one in sealed)


async def test_no_page_fails_or_names_whoever_was_erased(whole: Whole) -> None:
    """80: Every page, entry and approval is shown; what was sealed is said to be gone; no name is left."""
    done = await _erased(whole)
    admin = Admin(whole)
    tokens = [one["id"] for one in (await admin.asked("GET", "/api/tokens")).json() if one["kind"] == "agent"]
    size = len(_bodies(whole))
    async with httpx.AsyncClient(base_url=whole.public, trust_env=False, timeout=60) as client:
        browser = Browser(client, whole.public)
        assert (await browser.sign_in("root", whole.people["root"])).status_code == 303
        addresses = [address for path in whole.paths() for address in _filled(path, whole, tokens, size)]
        assert len(addresses) > size
        shown = {one: await _shown(browser, one) for one in addresses}
    opened = [text for address, text in shown.items() if re.fullmatch(r"/console/log/\d+", address)]
    assert sum("was erased" in text for text in opened) > 5
    assert str(done["subject"]) in shown[f"/console/log/{done['entry']}"]
    assert REASON in shown[f"/console/log/{done['entry']}"]


def _filled(path: str, whole: Whole, tokens: list[str], size: int) -> list[str]:
    if "{seq}" in path:
        return [path.replace("{seq}", str(seq)) for seq in range(size)]
    ids = tokens if "token" in path or "session" in path else list(whole.approvals.values())
    return [re.sub(r"\{\w+\}", one, path) for one in ids] if "{" in path else [path]


async def _shown(browser: Browser, address: str) -> str:
    async with browser.client.stream("GET", address, headers=browser.headers) as answer:
        assert answer.status_code < 500, address
        if answer.headers["content-type"].startswith("text/event-stream"):
            return ""
        text = (await answer.aread()).decode("utf-8", errors="replace")
    assert "olga" not in text, address
    return text


async def test_the_api_says_that_it_was_erased(whole: Whole) -> None:
    """Search, one entry, an opened export and the approvals name nobody, and none of them fails."""
    done = await _erased(whole)
    admin = Admin(whole)
    export = await admin.asked("POST", "/api/entries/export", json={"opened": True, "limit": 1000})
    assert export.status_code == 200
    assert [line for line in export.text.splitlines() if "olga" in line] == []
    assert (await admin.asked("GET", "/api/entries?actor=olga")).json()["entries"] == []
    assert (await admin.asked("GET", "/api/entries?actor=olga/coder")).json()["entries"] == []
    found = (await admin.asked("GET", f"/api/entries?actor={done['key']}")).json()["entries"]
    assert found
    assert all(one["erased"] and one["private"] is None for one in found)
    assert all("who" not in one or "olga" not in str(one["who"]) for one in found)
    listed = await admin.asked("GET", "/api/approvals")
    assert listed.status_code == 200
    assert "olga" not in listed.text


async def test_whoever_comes_back_under_the_name_is_another(whole: Whole) -> None:
    """A new token for the same name works under a new key and a new id; old entries stay closed."""
    done = await _erased(whole)
    admin = Admin(whole)
    wish = {"env": "staging", "owner": "olga", "agent": "coder"}
    assert (await admin.asked("POST", "/api/tokens", json=wish)).status_code == 201
    (minted,) = (await admin.asked("GET", "/api/entries?actor=olga")).json()["entries"]
    assert minted["kind"] == "token.minted"
    assert not minted["erased"]
    old = (await admin.asked("GET", f"/api/entries?actor={done['key']}")).json()["entries"]
    assert old
    assert all(one["erased"] for one in old)
    assert "olga" not in str([one.get("who") for one in old])
    assert _code(await admin.erase(str(done["key"]))) == (404, "subject_unknown")


async def test_the_log_verifies_and_no_file_has_the_key_or_the_name(tmp_path: Path, whole: Whole) -> None:
    """80: The verifier is content, and neither the wrapped key nor the name lies in any file beside the log."""
    installed = whole.installed
    folder = installed.database.parent
    keystore = next(folder.glob("keystore*"))
    with sqlite3.connect(keystore) as raw:
        wrapped = {row[0] for row in raw.execute("SELECT wrapped FROM subject_keys")}
    raw.close()
    await _erased(whole)
    with sqlite3.connect(keystore) as raw:
        left = {row[0] for row in raw.execute("SELECT wrapped FROM subject_keys")}
    raw.close()
    (gone,) = wrapped - left
    written = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert [file.name for file, data in written.items() if gone in data] == []
    assert [file.name for file, data in written.items() if b"olga" in data] == []
    head = whole.application.installation.writer.head
    assert head is not None
    append_head(tmp_path / "witness", head)
    verified = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "audit", "verify", "--log", str(installed.database), "--strict", "--key",
         installed.shown["verify_key"], "--witness", str(tmp_path / "witness")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert verified.returncode == 0, verified.stdout + verified.stderr


REFUSED = (
    ("nobody-here", REASON, (404, "subject_unknown")),
    ("per_" + "0" * 32, REASON, (404, "subject_unknown")),
    ("stayhand", REASON, (403, "subject_reserved")),
    ("sources", REASON, (403, "subject_reserved")),
    ("olga", "  ", (400, "reason_missing")),
    ("olga", "Olga asked for it", (400, "reason_names_subject")),
)


async def test_what_is_refused_erases_nothing(whole: Whole) -> None:
    """Each refusal has a code, and neither the log nor the keystore changes."""
    installation = whole.application.installation
    key = installation.keystore.known("olga")
    for subject, reason, answer in REFUSED:
        assert _code(await Admin(whole).erase(subject, revoke=True, reason=reason)) == answer
    assert _acts(whole) == []
    assert key is not None
    assert installation.keystore.find(key.id) is not None


async def test_the_last_who_could_administer_is_not_erased(whole: Whole) -> None:
    """Where `solo` lets an admin erase himself, somebody else must be there who administers."""
    admin = Admin(whole)
    assert (await admin.asked("DELETE", "/api/approvers/root")).status_code == 200
    assert _code(await admin.erase("admin", revoke=True)) == (409, "last_admin")
    added = {"name": "ada", "role": "admin", "groups": []}
    assert (await admin.asked("POST", "/api/approvers", json=added)).status_code == 201
    done = await admin.erase("admin", revoke=True)
    assert done.status_code == 200
    entry = whole.application.installation.reader.execute(
        "SELECT body FROM audit_entries WHERE seq = ?", (done.json()["entry"],)
    ).fetchone()
    body = orjson.loads(entry[0])
    assert body["principal"] == ""
    assert body["sealed"]["key"] != done.json()["key"]
    assert (await admin.asked("GET", "/api/tokens")).status_code == 401


async def test_the_page_erases_whoever_is_typed_twice(whole: Whole) -> None:
    """An admin's form; another name the second time erases nobody; sessions of the erased end."""
    async with httpx.AsyncClient(base_url=whole.public, trust_env=False, timeout=60) as client:
        his = Browser(client, whole.public)
        assert (await his.sign_in("auditor", whole.people["auditor"])).status_code == 303
        assert (await client.get("/console/log", headers=his.headers)).status_code == 200
        async with httpx.AsyncClient(base_url=whole.public, trust_env=False, timeout=60) as other:
            root = Browser(other, whole.public)
            assert (await root.sign_in("root", whole.people["root"])).status_code == 303
            page = await other.get(PATH, headers=root.headers)
            csrf = re.findall(r'name="csrf" value="([^"]+)"', page.text)[0]
            form = {"csrf": csrf, "subject": "auditor", "typed": "auditer", "reason": REASON, "revoke": "yes"}
            wrong = await other.post(PATH, headers=root.headers, data=form)
            assert wrong.status_code == 409
            assert "ype it twice" in wrong.text
            done = await other.post(PATH, headers=root.headers, data=form | {"typed": "auditor"})
            assert done.status_code == 200
            assert "Erased. It is entry" in done.text
        again = await client.get("/console/log", headers=his.headers)
        assert "Passphrase</label>" in again.text


async def test_a_person_is_found_by_the_id_that_the_log_has(whole: Whole) -> None:
    """`per_…` and `sub_…` mean the same person as the name does."""
    installation = whole.application.installation
    key = installation.keystore.known("olga")
    assert key is not None
    admin = Admin(whole)
    for said in (installation.sealing.pseudonym("olga"), key.id):
        assert _code(await admin.erase(said)) == (409, "subject_live")
    answer = await admin.erase(key.id, revoke=True)
    assert answer.status_code == 200
    assert answer.json()["key"] == key.id


async def test_an_older_keystore_does_not_bring_a_key_back(tmp_path: Path) -> None:
    """The next start destroys what the log's file names as erased, though a copy was put back."""
    async with whole_console(tmp_path) as built:
        folder = built.installed.database.parent
        keystore = next(folder.glob("keystore*"))
        copy = keystore.read_bytes()
        done = await _erased(built)
        places = built.application.settings
    keystore.write_bytes(copy)
    kek = read_kek(places.keystore_key)
    store = Keystore(keystore, kek)
    assert store.find(str(done["key"])) is not None
    store.close()
    async with running(places):
        pass
    store = Keystore(keystore, kek)
    assert store.find(str(done["key"])) is None
    store.close()
