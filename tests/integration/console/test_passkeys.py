"""Passkeys over the control side's routes: enrolled by a one-time address, used, listed, revoked, and abused."""

import re

import pytest

from firewall.console.proving.challenges import LIFE_US
from firewall.console.proving.passkeys import FRESH_US
from firewall.tokens.passkeys import MOST
from tests.support.approving import COMMAND, wanted
from tests.support.control_side import AGENT_TOKEN, APPROVER_TOKEN, PUBLIC, Browser, Side, control_side
from tests.support.enrolling import ADMIN, add_passkey, by_code, code_for, enrolled, said, soft_key, tap

MONTH_S = 30 * 24 * 3600


@pytest.fixture
def side() -> Side:
    """A control side in memory."""
    return control_side()


def _data(side: Side, kind: str) -> dict[str, object]:
    return dict(next(record for record in reversed(side.log.records) if record.kind == kind).data)


def _refusals(side: Side) -> list[object]:
    return [record.data["what"] for record in side.log.records if record.kind == "approver.refused"]


async def test_a_one_time_address_leads_to_a_passkey_that_signs_in(side: Side) -> None:
    """From the admin's command to the session: each step is an entry that names nobody in the clear."""
    _, key = await enrolled(side)
    browser = Browser(side.client(), side.public)
    answer = await tap(browser, key, "/console/passkeys")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/passkeys")
    page = (await browser.open("/console/passkeys")).text
    assert "phone" in page
    assert "Add a passkey" in page
    kinds = [kind for kind in side.log.kinds if kind.startswith("approver.")]
    assert kinds == [
        "approver.linked",
        "approver.link_used",
        "approver.signed_in",
        "approver.passkey_added",
        "approver.signed_in",
    ]
    passkey = str(_data(side, "approver.passkey_added")["passkey"])
    assert _data(side, "approver.signed_in") == {"via": "passkey", "passkey": passkey}
    assert "alice" not in str([dict(record.data) for record in side.log.records])


async def test_a_link_is_opened_any_number_of_times_and_used_once(side: Side) -> None:
    """51, 52: GET and HEAD change nothing and hold no code; the second use is refused like an unknown one."""
    code = await code_for(side, "alice")
    before = len(side.log.records)
    async with side.client() as client:
        for method in ("GET", "HEAD", "GET"):
            page = await client.request(method, "/console/link", headers={"sec-purpose": "prefetch"})
            assert page.status_code == 200
            assert code not in page.text
    assert len(side.log.records) == before
    _, first = await by_code(side, code)
    _, second = await by_code(side, code)
    _, unknown = await by_code(side, "shl_" + "x" * 43)
    assert (first.status_code, first.headers["location"]) == (303, "/console/passkeys")
    assert second.status_code == unknown.status_code == 403
    assert second.text == unknown.text
    assert "set-cookie" not in second.headers
    assert _refusals(side) == ["link"]


async def test_a_link_ends_by_time_and_by_revocation_and_with_its_person(side: Side) -> None:
    """52, 61: whatever ended it, it signs nobody in."""
    late, revoked, removed = [await code_for(side, name) for name in ("alice", "alice", "bob")]
    async with side.client() as client:
        rows = (await client.get("/api/links", headers=ADMIN)).json()
        assert len(rows) == 3
        assert all(code not in str(rows) for code in (late, revoked, removed))
        gone = await client.delete(f"/api/links/{rows[1]['id']}", headers=ADMIN)
        assert gone.json()["status"] == "revoked"
        again = await client.delete(f"/api/links/{rows[1]['id']}", headers=ADMIN)
        assert (again.status_code, said(again)) == (404, "link_unknown")
        nobody = await client.post("/api/approvers/zoe/link", json={}, headers=ADMIN)
        assert (nobody.status_code, said(nobody)) == (404, "person_unknown")
    del side.doors.people["bob"]
    names = [rows[1]["name"], "bob"]
    assert names == ["alice", "bob"]
    assert [(await by_code(side, code))[1].status_code for code in (revoked, removed)].count(403) == 2
    side.clock.forward(3601)
    assert (await by_code(side, late))[1].status_code == 403


async def test_guessing_codes_is_throttled(side: Side) -> None:
    """57: 256 bits, and ten tries a minute."""
    answers = [(await by_code(side, f"shl_{number:043d}"))[1].status_code for number in range(12)]
    assert answers == [403] * 10 + [429] * 2


async def test_junk_at_one_way_to_sign_in_closes_no_other(side: Side) -> None:
    """On one machine an agent shares an approver's source: his passphrase is not throttled by its junk."""
    junk = [(await by_code(side, f"shl_{number:043d}"))[1].status_code for number in range(12)]
    assert junk[-1] == 429
    browser = Browser(side.client(), side.public)
    asked = [
        (await browser.client.post("/api/session/passkey", headers=browser.headers)).status_code for _ in range(12)
    ]
    assert asked == [200] * 10 + [429] * 2
    await side.signed_in("alice")


async def test_an_agents_token_signs_nobody_in(side: Side) -> None:
    """54: whatever else a request carries; a session that one opened does not exist."""
    code = await code_for(side, "alice")
    _, key = await enrolled(side, "bob")
    browser = Browser(side.client(headers={"x-api-key": AGENT_TOKEN}), side.public)
    linked = await browser.client.post("/console/link", data={"code": code}, headers=browser.headers)
    asked = await browser.client.post("/api/session/passkey", headers=browser.headers)
    clean = Browser(side.client(), side.public)
    options = (await clean.client.post("/api/session/passkey", headers=clean.headers)).json()
    tapped = await browser.client.post(
        "/console/sign-in/passkey", data={"credential": key.get(options)}, headers=browser.headers
    )
    for answer in (linked, asked, tapped):
        assert answer.status_code == 403
        assert "agent_token_refused" in answer.text
        assert "set-cookie" not in answer.headers
    assert (await by_code(side, code))[1].status_code == 303


@pytest.mark.parametrize("origin", ["http://evil.test", "null", "http://localhost:3000", None])
async def test_another_sites_form_signs_nobody_in(side: Side, origin: str | None) -> None:
    """51: nobody is signed in as somebody else by a page that he visits (login CSRF)."""
    code = await code_for(side, "alice")
    headers = {"origin": origin} if origin else {}
    async with side.client() as client:
        for path, data in (
            ("/console/link", {"code": code}),
            ("/api/session/passkey", {}),
            ("/console/sign-in/passkey", {}),
        ):
            answer = await client.post(path, data=data, headers=headers)
            assert answer.status_code == 403
            assert "origin_refused" in answer.text


async def test_a_challenge_is_of_one_browser_once_and_for_minutes(side: Side) -> None:
    """59: what was signed for one browser is worth nothing in another, twice, or later."""
    _, key = await enrolled(side)
    mine, other = Browser(side.client(), side.public), Browser(side.client(), side.public)
    options = (await mine.client.post("/api/session/passkey", headers=mine.headers)).json()
    await other.client.post("/api/session/passkey", headers=other.headers)
    stolen = {"credential": key.get(options)}
    refused = await other.client.post("/console/sign-in/passkey", data=stolen, headers=other.headers)
    burnt = await mine.client.post("/console/sign-in/passkey", data=stolen, headers=mine.headers)
    options = (await mine.client.post("/api/session/passkey", headers=mine.headers)).json()
    late = {"credential": key.get(options)}
    side.clock.now += LIFE_US
    too_late = await mine.client.post("/console/sign-in/passkey", data=late, headers=mine.headers)
    for answer in (refused, burnt, too_late):
        assert answer.status_code == 403
        assert "asked too long ago, or answered before" in answer.text
        assert not [one for one in answer.headers.get_list("set-cookie") if one.startswith("stayhand=")]
    assert _refusals(side) == ["passkey_challenge"] * 2  # one a minute
    good = await tap(mine, key)
    assert good.status_code == 303
    replayed = await mine.client.post("/console/sign-in/passkey", data=stolen, headers=mine.headers)
    assert replayed.status_code == 403


async def _late(side: Side, set_s: float, passed_us: int) -> tuple[int, str]:
    """Sign in with a challenge after the clock was set and time passed; return the answer's status and text."""
    _, key = await enrolled(side)
    browser = Browser(side.client(), side.public)
    options = (await browser.client.post("/api/session/passkey", headers=browser.headers)).json()
    side.clock.set_by(set_s)
    side.clock.now += passed_us
    data = {"credential": key.get(options)}
    answer = await browser.client.post("/console/sign-in/passkey", data=data, headers=browser.headers)
    return answer.status_code, answer.text


@pytest.mark.parametrize(("set_s", "passed_us"), [(-MONTH_S, LIFE_US), (MONTH_S, 0)])
async def test_no_setting_of_the_clock_keeps_a_challenge(side: Side, set_s: float, passed_us: int) -> None:
    """82: set back, it ends when its minutes have passed; set forward, at once."""
    status, text = await _late(side, set_s, passed_us)
    assert (status, "asked too long ago" in text) == (403, True)


async def test_a_challenge_outlives_a_clock_that_is_set_back(side: Side) -> None:
    """82: it does not end before its minutes have passed."""
    status, _ = await _late(side, -MONTH_S, LIFE_US - 1)
    assert status == 303


@pytest.mark.parametrize(("set_s", "passed_us"), [(-MONTH_S, FRESH_US + 1), (FRESH_US / 1e6 + 1, 0)])
async def test_no_setting_of_the_clock_keeps_a_sign_in_fresh(side: Side, set_s: float, passed_us: int) -> None:
    """82: a session that a passkey began longer ago adds none, whatever the clock says."""
    browser, _ = await enrolled(side)
    side.clock.set_by(set_s)
    side.clock.now += passed_us
    assert "Add a passkey" not in (await browser.open("/console/passkeys")).text
    refused = await add_passkey(browser, soft_key(side))
    assert (refused.status_code, said(refused)) == (403, "passkey_session_refused")


WRONG = [
    ("passkey_origin", {"client": {"origin": "http://localhost:3000"}}),
    ("passkey_origin", {"client": {"crossOrigin": True}}),
    ("passkey_unverified", {"flags": 0x01}),
    ("passkey_signature", {"rp_id": "evil.test"}),
    ("passkey_unknown", {"credential": b"y" * 32}),
    ("passkey_owner", {"handle": b"z" * 32}),
]


@pytest.mark.parametrize(("code", "changes"), WRONG, ids=[f"{row[0]} {next(iter(row[1]))}" for row in WRONG])
async def test_a_wrong_passkey_signs_nobody_in_and_its_code_is_recorded(
    side: Side, code: str, changes: dict[str, object]
) -> None:
    """Each failing branch says its own stable word in the log, and none begins a session."""
    _, key = await enrolled(side)
    for name, value in changes.items():
        setattr(key, name, value)
    browser = Browser(side.client(), side.public)
    answer = await tap(browser, key)
    assert answer.status_code == 403
    assert _refusals(side) == [code]
    assert "Passphrase" in (await browser.open("/console/")).text


async def test_a_copied_passkey_is_noticed_by_its_counter(side: Side) -> None:
    """The one that is behind is refused, and the log says why."""
    _, key = await enrolled(side, count=4)
    copy = soft_key(side, key=key.key, credential=key.credential, handle=key.handle, count=key.count)
    assert (await tap(Browser(side.client(), side.public), key)).status_code == 303
    assert (await tap(Browser(side.client(), side.public), copy)).status_code == 403
    assert _refusals(side) == ["passkey_counter"]


async def test_a_revoked_passkey_signs_nobody_in_and_ends_its_sessions(side: Side) -> None:
    """By its owner or by an admin; a session that began otherwise goes on; it never comes back."""
    first, key = await enrolled(side)
    tapped = Browser(side.client(), side.public)
    assert (await tap(tapped, key)).status_code == 303
    page = (await tapped.open("/console/passkeys")).text
    found = re.search(r'action="/console/passkeys/(pky_\w+)/revoke"', page)
    assert found
    done = await tapped.client.post(
        f"/console/passkeys/{found[1]}/revoke", data={"csrf": await tapped.csrf()}, headers=tapped.headers
    )
    assert (done.status_code, done.headers["location"]) == (303, "/console/")
    assert "Passphrase" in (await tapped.open("/console/")).text
    assert "Passphrase" not in (await first.open("/console/")).text
    assert (await tap(Browser(side.client(), side.public), key)).status_code == 403
    assert _refusals(side) == ["passkey_unknown"]
    assert _data(side, "approver.passkey_revoked") == {"passkey": found[1]}
    again = await add_passkey(first, key)
    assert (again.status_code, "passkey_exists" in again.text) == (403, True)


async def test_an_admin_sees_and_revokes_and_nobody_else_does(side: Side) -> None:
    """The list holds no key; another person's passkey is not there for who revokes his own."""
    await enrolled(side, "bob")
    alice, key = await enrolled(side, "alice")
    tapped = Browser(side.client(), side.public)
    await tap(tapped, key)
    async with side.client() as client:
        rows = (await client.get("/api/passkeys", headers=ADMIN)).json()
        assert [(row["name"], row["label"], bool(row["used_at"])) for row in rows] == [
            ("bob", "phone", False),
            ("alice", "phone", True),
        ]
        csrf = {"csrf": await alice.csrf()}
        foreign = await alice.client.post(
            f"/console/passkeys/{rows[0]['id']}/revoke", data=csrf, headers=alice.headers
        )
        assert (foreign.status_code, "passkey_unknown" in foreign.text) == (404, True)
        headers = {"authorization": f"Bearer {APPROVER_TOKEN}"}
        for method, path in (("GET", "/api/passkeys"), ("DELETE", f"/api/passkeys/{rows[0]['id']}")):
            assert (await client.request(method, path, headers=headers)).status_code == 403
        gone = await client.delete(f"/api/passkeys/{rows[1]['id']}", headers=ADMIN)
        assert gone.json() == {"id": rows[1]["id"], "name": "alice", "status": "revoked"}
        assert (await client.delete(f"/api/passkeys/{rows[1]['id']}", headers=ADMIN)).status_code == 404
    assert "Passphrase" in (await tapped.open("/console/")).text


async def test_a_passphrase_makes_no_passkey(side: Side) -> None:
    """Who learned a passphrase cannot turn it into what `auth=passkey` asks for; nor can an old session."""
    typed = await side.signed_in("alice")
    fresh, key = await enrolled(side)
    side.clock.now += FRESH_US + 1
    for browser in (typed, fresh):
        assert "Add a passkey" not in (await browser.open("/console/passkeys")).text
        refused = await add_passkey(browser, soft_key(side))
        assert (refused.status_code, said(refused)) == (403, "passkey_session_refused")
        csrf = {
            "csrf": await browser.csrf(),
            "credential": key.create({"user": {"id": "AAAA"}, "challenge": "AAAA"}),
        }
        posted = await browser.client.post("/console/passkeys", data=csrf, headers=browser.headers)
        assert (posted.status_code, "passkey_session_refused" in posted.text) == (403, True)
    assert side.log.kinds.count("approver.passkey_added") == 1


async def test_registering_needs_the_sessions_own_form_and_challenge(side: Side) -> None:
    """Without the CSRF token, with another session's challenge, or with one for signing in: nothing is kept."""
    alice, _ = await enrolled(side, "alice")
    bob, _ = await enrolled(side, "bob")
    csrf = await alice.csrf()
    bare = await alice.client.post("/api/passkeys/new", data={"csrf": "x"}, headers=alice.headers)
    assert (bare.status_code, said(bare)) == (403, "csrf_refused")
    options = await bob.client.post("/api/passkeys/new", data={"csrf": await bob.csrf()}, headers=bob.headers)
    key = soft_key(side)
    data = {"csrf": csrf, "credential": key.create(options.json())}
    foreign = await alice.client.post("/console/passkeys", data=data, headers=alice.headers)
    assert (foreign.status_code, "passkey_challenge" in foreign.text) == (403, True)
    signing = (await alice.client.post("/api/session/passkey", headers=alice.headers)).json()
    made = key.create({"challenge": signing["challenge"], "user": {"id": "AAAA"}})
    other = await alice.client.post(
        "/console/passkeys", data={"csrf": csrf, "credential": made}, headers=alice.headers
    )
    assert (other.status_code, "passkey_challenge" in other.text) == (403, True)
    assert side.log.kinds.count("approver.passkey_added") == 2


async def test_nobody_has_more_passkeys_than_a_person_uses(side: Side) -> None:
    """The one too many is refused with its code."""
    alice, _ = await enrolled(side)
    answers = [(await add_passkey(alice, soft_key(side), f"key {number}")).status_code for number in range(MOST)]
    assert answers == [303] * (MOST - 1) + [403]


async def test_a_label_is_shown_and_never_interpreted(side: Side) -> None:
    """55: markup and hidden characters in what somebody calls a passkey."""
    alice, _ = await enrolled(side)
    await add_passkey(alice, soft_key(side), "<script>alert(1)</script>\u202e\n" + "x" * 200)
    page = (await alice.open("/console/passkeys")).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "\u202e" not in page
    assert "x" * 61 not in page


async def test_the_script_runs_where_it_is_needed_and_nowhere_else(side: Side) -> None:
    """62: sign-in, links, passkeys and the queue allow one script of ours; an approval allows none."""
    approval = await side.approvals.open(wanted())
    alice, _ = await enrolled(side)
    async with side.client() as client:
        pages = [await client.get("/console/"), await client.get("/console/link")]
    pages.append(await alice.open("/console/passkeys"))
    for page in pages:
        policy = page.headers["content-security-policy"]
        assert "script-src 'self'; connect-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert (
            page.text.count("<script") == page.text.count('<script src="/console/passkey.js" defer></script>') == 1
        )
        for word in (" onclick", "style=", "http://www", "https://"):
            assert word not in page.text
    queue = (await alice.open("/console/")).text
    assert queue.count("<script") == queue.count('<script src="/console/waiting.js" defer></script>') == 1
    page = await alice.open(f"/approve/{approval.id}")
    assert "script-src" not in page.headers["content-security-policy"]
    assert "<script" not in page.text
    for name in ("passkey.js", "waiting.js"):
        script = await alice.open(f"/console/{name}")
        assert script.headers["content-type"].startswith("text/javascript")
        assert script.headers["x-content-type-options"] == "nosniff"
        for word in ("eval(", "innerHTML", "http://", "https://", "import("):
            assert word not in script.text
        assert COMMAND not in script.text


async def test_where_the_address_lets_no_passkey_work_there_is_none() -> None:
    """Nothing is offered that a browser would refuse; one-time addresses and passphrases still work."""
    side = control_side(public="https://10.0.0.7:8788")
    assert side.proving.passkeys is None
    async with side.client() as client:
        page = await client.get("/console/")
        assert "passkey" not in page.text
        assert "script-src" not in page.headers["content-security-policy"]
        for path in ("/api/session/passkey", "/console/sign-in/passkey", "/console/passkeys"):
            answer = await client.post(path, headers={"origin": side.public})
            assert answer.status_code in (404, 405)
        assert (await client.get("/api/passkeys", headers=ADMIN)).json() == []
        gone = await client.delete(f"/api/passkeys/pky_{'0' * 22}", headers=ADMIN)
        assert (gone.status_code, said(gone)) == (404, "passkey_unknown")
    _, answer = await by_code(side, await code_for(side, "alice"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/")


async def test_origin_and_relying_party_come_from_the_configuration(side: Side) -> None:
    """60: whatever name of ours a request came by, passkeys are asked for and verified at the public one."""
    _, key = await enrolled(side)
    async with side.client(headers={"host": "127.0.0.1:8788"}) as client:
        headers = {"origin": "http://127.0.0.1:8788", "x-forwarded-host": "evil.test"}
        options = (await client.post("/api/session/passkey", headers=headers)).json()
        assert options["rpId"] == "localhost"
        page = (await client.get("/console/")).text
        assert f'data-origin="{PUBLIC}"' in page
        key.origin = "http://127.0.0.1:8788"
        answer = await client.post(
            "/console/sign-in/passkey", data={"credential": key.get(options)}, headers=headers
        )
    assert answer.status_code == 403
    assert _refusals(side) == ["passkey_origin"]


async def test_the_log_failing_begins_no_session(side: Side) -> None:
    """Record, then act: a sign-in that cannot be recorded is none."""
    _, key = await enrolled(side)
    browser = Browser(side.client(), side.public)
    options = (await browser.client.post("/api/session/passkey", headers=browser.headers)).json()
    side.log.is_failing = True
    answer = await browser.client.post(
        "/console/sign-in/passkey", data={"credential": key.get(options)}, headers=browser.headers
    )
    assert answer.status_code == 503
    side.log.is_failing = False
    assert "Passphrase" in (await browser.open("/console/")).text
