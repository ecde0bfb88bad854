"""Attacks on approving (reference list, B and E): each row is one that must get nothing."""

from dataclasses import replace

import pytest

from firewall.core.approval import ApprovalStatus
from tests.support.approving import COMMAND, subject, view, wanted
from tests.support.control_side import (
    ADMIN_TOKEN,
    AGENT_TOKEN,
    APPROVER_TOKEN,
    PUBLIC,
    SECRET,
    Browser,
    Side,
    control_side,
)

UNKNOWN = "/approve/apr_" + "z" * 22
MOST_OF_A_PAGE = 200_000
"""Bytes of an approval's page, whatever the call is."""
FACTS = [COMMAND, "/srv/data", "Deletes", "claude-code", "olga", "staging", "destructive"]


@pytest.fixture
def side() -> Side:
    """A control side in memory."""
    return control_side()


def _pending(side: Side, approval_id: str) -> bool:
    return side.log.rows[approval_id].status is ApprovalStatus.PENDING


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "agent",
    ["Slackbot-LinkExpanding 1.0", "Mozilla/5.0 (compatible; SafeLinks)", "Twitterbot/1.0"],
)
async def test_opening_a_link_changes_nothing(side: Side, method: str, agent: str) -> None:
    """51: prefetchers, previews and HEAD neither decide nor leave an entry nor learn anything."""
    approval = await side.approvals.open(wanted())
    before = list(side.log.kinds)
    async with side.client() as client:
        answer = await client.request(
            method, f"/approve/{approval.id}", headers={"user-agent": agent, "sec-purpose": "prefetch"}
        )
    assert answer.status_code == 200
    assert side.log.kinds == before
    assert _pending(side, approval.id)
    assert not [fact for fact in FACTS if fact in answer.text]


async def test_a_signed_out_visitor_cannot_tell_whether_an_approval_exists(side: Side) -> None:
    """57: the sign-in page differs in nothing but the address it leads back to."""
    approval = await side.approvals.open(wanted())
    async with side.client() as client:
        real = await client.get(f"/approve/{approval.id}")
        unknown = await client.get(UNKNOWN)
        posted = await client.post(UNKNOWN, data={"decision": "approve"}, headers={"origin": PUBLIC})
        posted_real = await client.post(
            f"/approve/{approval.id}", data={"decision": "approve"}, headers={"origin": PUBLIC}
        )
    assert real.text.replace(approval.id, "X") == unknown.text.replace(UNKNOWN.rpartition("/")[2], "X")
    assert (real.status_code, dict(real.headers)) == (unknown.status_code, dict(unknown.headers))
    assert posted.status_code == posted_real.status_code == 401
    assert _pending(side, approval.id)


async def test_a_signed_in_get_only_records_the_view(side: Side) -> None:
    """51, 78: GET and HEAD of somebody signed in leave approval.viewed and nothing else."""
    approval = await side.approvals.open(wanted())
    browser = await side.signed_in()
    before = len(side.log.records)
    page = await browser.open(f"/approve/{approval.id}?decision=approve&csrf=x")
    await browser.client.head(f"/approve/{approval.id}")
    assert side.log.kinds[before:] == ["approval.viewed", "approval.viewed"]
    assert side.log.records[-1].approval == approval.id
    assert _pending(side, approval.id)
    assert "rm -rf /srv/data" in page.text


async def test_the_requesters_page_tells_its_own_user_and_decides_nothing(side: Side) -> None:
    """An owner sees how his agent's call stands; nobody else, and nobody signed out, learns that there is one."""
    approval = await side.approvals.open(wanted(subject=subject(owner="alice")))
    address = f"/status/{approval.id}"
    async with side.client() as client:
        signed_out = await client.get(address)
        nothing = await client.get(UNKNOWN.replace("/approve/", "/status/"))
    assert not [fact for fact in FACTS if fact in signed_out.text]
    assert signed_out.text.replace(approval.id, "X") == nothing.text.replace(UNKNOWN.rpartition("/")[2], "X")
    own, other = await side.signed_in("alice"), await side.signed_in("bob")
    page = await own.open(address)
    assert page.status_code == 200
    assert "Waiting for an answer" in page.text
    assert 'name="decision"' not in page.text
    assert (await other.open(address)).status_code == 404
    assert (await own.client.post(address, data={"decision": "approve"}, headers=own.headers)).status_code == 405
    assert _pending(side, approval.id)
    assert side.log.kinds.count("approval.viewed") == 1


async def test_without_the_log_nothing_is_shown(side: Side) -> None:
    """78: what cannot be recorded as seen is not shown."""
    approval = await side.approvals.open(wanted())
    browser = await side.signed_in()

    async def failing(*_: object, **__: object) -> None:
        side.log.is_failing = True
        await type(side.log).submit(side.log, None)  # type: ignore[arg-type]  # fails before it looks

    side.approvals.viewed = failing  # type: ignore[method-assign]  # the log fails between sign-in and view
    page = await browser.open(f"/approve/{approval.id}")
    assert page.status_code == 503
    assert not [fact for fact in FACTS if fact in page.text]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "https://evil.test"},
        {"origin": "http://localhost:8787"},
        {"origin": f"{PUBLIC}.evil.test"},
        {"origin": PUBLIC, "sec-fetch-site": "cross-site"},
        {"origin": PUBLIC, "sec-fetch-site": "same-site"},
        {"origin": "null", "sec-fetch-site": "same-origin"},
    ],
    ids=str,
)
async def test_a_post_from_elsewhere_decides_nothing(side: Side, headers: dict[str, str]) -> None:
    """51, CSRF: without our own Origin the session and even the right CSRF token are worth nothing."""
    approval = await side.approvals.open(wanted())
    browser = await side.signed_in()
    csrf = await browser.csrf()
    browser.headers = headers
    answer = await browser.client.post(
        f"/approve/{approval.id}", data={"csrf": csrf, "decision": "approve"}, headers=headers
    )
    assert answer.status_code == 403
    assert "origin_refused" in answer.text
    assert _pending(side, approval.id)


async def test_a_csrf_token_is_bound_to_its_session(side: Side) -> None:
    """51: none, a wrong one and another session's decide nothing."""
    approval = await side.approvals.open(wanted())
    alice, bob = await side.signed_in("alice"), await side.signed_in("bob")
    for csrf in ("", "x", await bob.csrf()):
        answer = await alice.answer(approval.id, "approve", csrf=csrf)
        assert answer.status_code == 403
        assert "csrf_refused" in answer.text
        form = {"form": "1", "csrf": csrf}
        run = await alice.client.post(f"/approve/{approval.id}", data=form, headers=alice.headers)
        assert (run.status_code, "csrf_refused" in run.text) == (403, True)
    assert _pending(side, approval.id)
    assert side.approvals.get(approval.id).runs == ()


@pytest.mark.parametrize("header", ["authorization", "x-api-key", "x-goog-api-key", "x-stayhand-token"])
@pytest.mark.parametrize("text", [AGENT_TOKEN, "shd_staging_agent_forged", "SHD_staging_AGENT_x"])
async def test_a_request_with_an_agents_token_is_refused_everywhere(side: Side, header: str, text: str) -> None:
    """54, 39: with a session, a CSRF token and the right Origin it still is an agent."""
    approval = await side.approvals.open(wanted())
    browser = await side.signed_in()
    csrf = await browser.csrf()
    value = f"Bearer {text}" if header == "authorization" else text
    for method, path in (
        ("POST", f"/approve/{approval.id}"),
        ("GET", f"/approve/{approval.id}"),
        ("POST", "/console/sign-in"),
        ("POST", f"/api/approvals/{approval.id}/decision"),
        ("GET", "/api/approvals"),
        ("GET", "/metrics"),
    ):
        answer = await browser.client.request(
            method, path, data={"csrf": csrf, "decision": "approve"}, headers=browser.headers | {header: value}
        )
        assert answer.status_code == 403
        assert "agent_token_refused" in answer.text
    assert _pending(side, approval.id)


async def test_an_agents_token_in_the_query_is_one_too(side: Side) -> None:
    """54: `?key=` is a place for tokens as well."""
    async with side.client() as client:
        answer = await client.get(f"/api/approvals?key={AGENT_TOKEN}")
    assert answer.status_code == 403


async def test_the_owner_cannot_answer_for_his_own_agent(side: Side) -> None:
    """54: the page says so instead of offering buttons, and a POST is refused; denying counts as answering."""
    approval = await side.approvals.open(wanted())
    olga = await side.signed_in("olga")
    page = await olga.open(f"/approve/{approval.id}")
    assert 'name="decision"' not in page.text
    assert "your own agent" in page.text
    for decision in ("approve", "deny"):
        answer = await olga.answer(approval.id, decision)
        assert answer.status_code == 403
    assert _pending(side, approval.id)


async def test_a_double_click_decides_once_and_stays_friendly(side: Side) -> None:
    """53: the second click, the opposite click and another person's find what was decided."""
    approval = await side.approvals.open(wanted())
    alice, bob = await side.signed_in("alice"), await side.signed_in("bob")
    first = await alice.answer(approval.id, "approve")
    assert (first.status_code, first.headers["location"]) == (303, f"/approve/{approval.id}")
    for browser, decision in ((alice, "approve"), (alice, "deny"), (bob, "deny")):
        again = await browser.answer(approval.id, decision)
        assert again.status_code == 409
        assert "already" in again.text
        assert "Approved" in again.text
    assert side.log.kinds.count("approval.voted") == 1


async def test_after_revocation_expiry_or_use_nothing_can_be_approved(side: Side) -> None:
    """59, 61: settled approvals show their state and take no decision."""
    cancelled = await side.approvals.open(wanted())
    await side.approvals.cancel_of_token("tok_1")
    expired = await side.approvals.open(replace(wanted(), digest="e" * 64))
    alice = await side.signed_in()
    side.clock.forward(1800)
    for approval, title in ((cancelled, "Withdrawn"), (expired, "Expired")):
        answer = await alice.answer(approval.id, "approve")
        assert answer.status_code == 409
        assert title in answer.text
        assert 'name="decision"' not in answer.text
    assert side.log.kinds.count("approval.voted") == 0


HOSTILE = [
    "<script>alert(1)</script>",
    "'\"><img src=x onerror=alert(1)>",
    "\u202egnihton seteled\u202c",
    "safe\u200b\u2066path\u2069",
    "\x1b[2K\x1b[1;32mSAFE\x1b[0m",
    "[approved](https://evil.test) **bold**",
    "{{ 7 * 7 }}{% include 'x' %}",
    "a\r\nSet-Cookie: x=y",
    "\U000e0041\U000e0042 tags",
]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
async def test_hostile_text_is_escaped_and_made_visible_everywhere(side: Side, text: str) -> None:
    """55: in arguments, resource, summary, row, agent, session and the agent's own words alike."""
    hostile = view(
        text=text, evidence=((0, 3, text),), summary=text, resource=text, operation=text, unseen=(text,)
    )
    approval = await side.approvals.open(
        replace(
            wanted(),
            session=text,
            subject=subject(
                tool=text,
                arguments=text + "x",
                actions=(hostile, view()),
                agent=text,
                row=text,
                said=text,
                workspace=text,
            ),
        )
    )
    alice = await side.signed_in()
    for path in (f"/approve/{approval.id}", "/console/"):
        page = (await alice.open(path)).text.replace('<script src="/console/waiting.js" defer></script>', "")
        for raw in ("<script", "<img", "\u202e", "\u200b", "\u2066", "\x1b", "\r", "\U000e0041", ">49<"):
            assert raw not in page
        assert "https://evil.test" not in page or '<a href="https://evil' not in page


async def test_the_deciding_words_come_before_padding(side: Side) -> None:
    """55: in a megabyte of harmless text the deciding line comes first, then parts; the whole is a file."""
    padding = "echo preparing the next harmless step\n" * 14_000
    text = f"{padding}rm -rf /srv/data\n{padding}"
    hit = view(text=text, evidence=((len(padding), len(padding) + 16, "removes everything"),))
    approval = await side.approvals.open(replace(wanted(), subject=subject(actions=(hit,), arguments=text)))
    page = (await (await side.signed_in()).open(f"/approve/{approval.id}")).text
    first = page.index("<mark")
    assert first < page.index("echo preparing")
    assert first < page.index('name="decision"')
    assert "28001 more lines" in page
    assert len(page.encode()) < MOST_OF_A_PAGE
    assert page.index("bytes of this call are not on this page") < page.index('value="approve"')
    assert "are not shown whole" not in page, "its deciding words stand there"
    file = await (await side.signed_in()).open(f"/approve/{approval.id}/whole/1")
    assert file.text == text


async def test_a_call_of_megabytes_is_a_small_page_and_a_file_that_is_read_by_name(side: Side) -> None:
    """83: what decides and has no room is said before the button; the file is exact, and its reading an entry."""
    parts = [f"{at}\u202e\x00<b>\n" * 10_000 for at in range(16)]
    hits = tuple(view(text=part, evidence=((100, 60_000, "removes"),), operation=part[:9]) for part in parts)
    asked = replace(wanted(), subject=subject(actions=hits, arguments="{" + "a" * 250_000))
    approval = await side.approvals.open(asked)
    alice = await side.signed_in()
    page = (await alice.open(f"/approve/{approval.id}")).text
    assert len(page.encode()) < MOST_OF_A_PAGE
    said = page.index("Deciding words in 16 places are not shown whole")
    assert said < page.index('value="approve"')
    assert page.count("Download the whole text") == 18
    before = side.log.kinds.count("approval.viewed")
    for part, text in ((0, "{" + "a" * 250_000), *enumerate(sorted(parts), 1)):
        file = await alice.open(f"/approve/{approval.id}/whole/{part}")
        assert file.status_code == 200
        assert file.headers["content-disposition"] == f'attachment; filename="{approval.id}-{part}.txt"'
        assert file.headers["content-type"] == "text/plain; charset=utf-8"
        assert file.headers["x-content-type-options"] == "nosniff"
        assert part != 0 or file.content == text.encode()
        assert part == 0 or file.content.decode() in parts
    assert side.log.kinds.count("approval.viewed") == before + 17
    for name in ("17", "-1", "x", "1e1", "٣", "0000"):
        gone = await alice.open(f"/approve/{approval.id}/whole/{name}")
        assert (gone.status_code, "text_unknown" in gone.text) == (404, True)
    assert side.log.kinds.count("approval.viewed") == before + 17
    async with side.client() as stranger:
        form = await stranger.get(f"/approve/{approval.id}/whole/0")
        assert "Passphrase" in form.text
        assert "aaaa" not in form.text


async def test_no_link_is_shaped_by_the_request(side: Side) -> None:
    """60: a strange Host is refused, and addresses come from public_url alone."""
    approval = await side.approvals.open(wanted())
    async with side.client() as client:
        for host in ("evil.test", "localhost", "localhost:80", "localhost:8788.evil.test", "", "127.0.0.1:8787"):
            answer = await client.get("/api/approvals", headers={"host": host})
            assert answer.status_code == 421
            assert answer.json()["error"]["code"] == "host_refused"
        headers = {
            "authorization": f"Bearer {APPROVER_TOKEN}",
            "host": "127.0.0.1:8788",
            "x-forwarded-host": "evil.test",
            "forwarded": "host=evil.test",
        }
        rows = (await client.get("/api/approvals", headers=headers)).json()
    assert rows[0]["address"] == f"{PUBLIC}/approve/{approval.id}"


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.test/",
        "//evil.test",
        "/\\evil.test",
        "/approve/../../evil",
        "javascript:alert(1)",
        "/approve/apr_x\r\nSet-Cookie: a=b",
        "/api/session",
        "",
    ],
)
async def test_signing_in_leads_to_our_own_pages_only(side: Side, back: str) -> None:
    """60: no open redirect."""
    async with side.client() as client:
        answer = await Browser(client, PUBLIC).sign_in("alice", back=back)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/")


async def test_signing_in_leads_back_to_the_approval(side: Side) -> None:
    """The page that was asked for is the page that follows."""
    async with side.client() as client:
        answer = await Browser(client, PUBLIC).sign_in("alice", back=UNKNOWN)
    assert answer.headers["location"] == UNKNOWN


async def test_every_answer_forbids_framing_caching_and_strange_content(side: Side) -> None:
    """62, 56: pages, errors and JSON alike carry the headers; only the stylesheet may be kept."""
    approval = await side.approvals.open(wanted())
    alice = await side.signed_in()
    paths = ["/", "/console/", f"/approve/{approval.id}", UNKNOWN, "/api/approvals", "/nothing", "/healthz"]
    for path in [*paths, "/console/console.css"]:
        headers = (await alice.open(path)).headers
        policy = headers["content-security-policy"]
        for part in ("default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"):
            assert part in policy
        assert "unsafe" not in policy
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert "noindex" in headers["x-robots-tag"]
        if path != "/console/console.css":
            assert headers["cache-control"] == "no-store"


async def test_pages_carry_no_script_no_inline_style_and_no_foreign_asset(side: Side) -> None:
    """62: what the CSP forbids is not there either."""
    approval = await side.approvals.open(wanted())
    page = (await (await side.signed_in()).open(f"/approve/{approval.id}")).text
    for word in ("<script", "style=", " onclick", "http://", "https://", "<img", "<iframe"):
        assert word not in page


async def test_a_planted_session_is_never_adopted(side: Side) -> None:
    """24: signing in always issues a new id and ends the one that the request came with."""
    first = await side.signed_in()
    planted = first.client.cookies["stayhand"]
    victim = Browser(side.client(cookies={"stayhand": planted}), PUBLIC)
    answer = await victim.sign_in("bob")
    assert answer.status_code == 303
    assert answer.headers["set-cookie"].startswith("stayhand=")
    assert planted not in answer.headers["set-cookie"]
    assert "Sign in" in (await first.open("/console/")).text


@pytest.mark.parametrize("value", ["", "x", "x.y", "AAAA.BBBB", "0" * 5000])
async def test_a_forged_cookie_is_nobody(side: Side, value: str) -> None:
    """24: only what we signed and still know is a session."""
    async with side.client(cookies={"stayhand": value}) as client:
        assert "Passphrase" in (await client.get("/console/")).text
        assert (await client.get("/api/approvals")).status_code == 401


@pytest.mark.parametrize("name", ["stayhand", "stayhand-strict", "stayhand-try", "else"])
async def test_a_quoted_cookie_is_not_unquoted(side: Side, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """CVE-2024-7592: what undoes quotes takes the square of their length; a stranger's head never reaches it."""

    def unquoted(_value: str) -> str:
        raise AssertionError("a cookie was unquoted")

    monkeypatch.setattr("http.cookies._unquote", unquoted)
    cookie = f'{name}="' + '\\"' * 20 + '"'
    approval = await side.approvals.open(wanted())
    headers = {"cookie": cookie, "origin": PUBLIC}
    async with side.client() as client:
        for row in side.console.rows:
            path = row.path.replace("{id}", approval.id)
            answer = await client.request(row.method, path, headers=headers)
            assert answer.status_code != 500, (row.method, path)


async def test_signing_out_and_removal_end_a_session_on_the_server(side: Side) -> None:
    """24: the kept cookie of an ended session opens nothing."""
    alice = await side.signed_in("alice")
    cookie = alice.client.cookies["stayhand"]
    answer = await alice.client.post("/console/sign-out", data={"csrf": await alice.csrf()}, headers=alice.headers)
    assert answer.status_code == 303
    bob = await side.signed_in("bob")
    del side.doors.people["bob"]
    for kept in (cookie, bob.client.cookies["stayhand"]):
        async with side.client(cookies={"stayhand": kept}) as client:
            assert "Passphrase" in (await client.get("/console/")).text


async def test_who_is_added_again_finds_no_session_of_before(side: Side) -> None:
    """24: removal ends sessions at once, not when the browser comes next."""
    bob = await side.signed_in("bob")
    async with side.client(headers={"authorization": f"Bearer {ADMIN_TOKEN}"}) as client:
        assert (await client.delete("/api/approvers/bob")).status_code == 200
    async with side.client(cookies={"stayhand": bob.client.cookies["stayhand"]}) as client:
        assert "Passphrase" in (await client.get("/console/")).text


async def test_a_new_passphrase_ends_what_the_old_one_began(side: Side) -> None:
    """24: whoever learned a passphrase keeps no session once its owner has another one; others keep theirs."""
    bob, alice = await side.signed_in("bob"), await side.signed_in("alice")
    async with side.client(headers={"authorization": f"Bearer {ADMIN_TOKEN}"}) as client:
        assert (await client.post("/api/approvers", json={"name": "bob"})).status_code == 201
    assert "Passphrase" in (await bob.open("/console/")).text
    assert "Passphrase" not in (await alice.open("/console/")).text


async def test_the_cookie_that_shows_decides_nothing(side: Side) -> None:
    """51: a browser that another site sent here brings the Lax cookie alone, and that only reads."""
    approval = await side.approvals.open(wanted())
    alice, bob = await side.signed_in("alice"), await side.signed_in("bob")
    csrf = await alice.csrf()
    shows = alice.client.cookies["stayhand"]
    foreign = bob.client.cookies["stayhand-strict"]
    for cookies in ({"stayhand": shows}, {"stayhand": shows, "stayhand-strict": foreign}):
        async with side.client(cookies=cookies) as client:
            assert "rm -rf" in (await client.get(f"/approve/{approval.id}")).text
            posted = await client.post(
                f"/approve/{approval.id}", data={"csrf": csrf, "decision": "approve"}, headers=alice.headers
            )
            called = await client.post(
                f"/api/approvals/{approval.id}/decision",
                json={"decision": "approve"},
                headers=alice.headers | {"x-csrf-token": csrf},
            )
        assert (posted.status_code, called.status_code) == (403, 403)
        assert "strict_cookie_missing" in posted.text
    assert _pending(side, approval.id)


async def test_a_session_ends_by_time(side: Side) -> None:
    """24: idle for two hours, or twelve hours old, it is over."""
    alice = await side.signed_in()
    for _ in range(11):
        side.clock.forward(3600)
        assert "Passphrase" not in (await alice.open("/console/")).text
    side.clock.forward(3601)
    assert "Passphrase" in (await alice.open("/console/")).text
    bob = await side.signed_in("bob")
    side.clock.forward(7201)
    assert "Passphrase" in (await bob.open("/console/")).text


async def test_cookies_are_bound_to_host_and_https_where_there_is_https() -> None:
    """56: over https the cookie is `__Host-` and Secure, everywhere HttpOnly and SameSite."""
    side = control_side(public="https://stayhand.example")
    async with side.client() as client:
        secure = (await Browser(client, side.public).sign_in("alice")).headers.get_list("set-cookie")
    plain_side = control_side()
    async with plain_side.client() as client:
        plain = (await Browser(client, PUBLIC).sign_in("alice")).headers.get_list("set-cookie")
    assert [cookie.partition("=")[0] for cookie in secure] == ["__Host-stayhand", "__Host-stayhand-strict"]
    assert all("; Secure" in cookie for cookie in secure)
    for cookies in (secure, plain):
        assert "SameSite=Lax" in cookies[0]
        assert "SameSite=Strict" in cookies[1]
    for cookie in (*secure, *plain):
        assert "HttpOnly" in cookie
        assert "Path=/" in cookie
        assert "Domain" not in cookie


async def test_guessing_passphrases_is_throttled_and_counted(side: Side) -> None:
    """27, 57: after five tries at a name the passphrase is not even looked at; one entry a source and minute."""
    browser = Browser(side.client(), PUBLIC)
    statuses = [(await browser.sign_in("alice", "wrong")).status_code for _ in range(8)]
    assert statuses == [401] * 5 + [429] * 3
    assert len(side.doors.tried) == 5
    refused = await browser.sign_in("alice")
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    entries = [record for record in side.log.records if record.kind == "approver.refused"]
    assert sorted(str(record.data["what"]) for record in entries) == ["passphrase", "throttled"]
    assert "198.51.100.7" not in str([dict(record.data) for record in entries])
    side.clock.forward(61)
    await side.console._refusals.flush()
    counts = [int(str(record.data["count"])) for record in side.log.records if record.kind == "approver.refused"]
    assert sum(counts) == 9
    assert (await browser.sign_in("alice")).status_code == 303


async def test_one_source_cannot_try_many_names(side: Side) -> None:
    """27: names share their source's bucket, and an unknown name is checked like a known one."""
    browser = Browser(side.client(), PUBLIC)
    answers = [await browser.sign_in(f"name{number}", SECRET) for number in range(14)]
    assert [one.status_code for one in answers] == [401] * 10 + [429] * 4
    assert len({one.text for one in answers[:10]}) == 1
    assert side.doors.tried == [f"name{number}" for number in range(10)]


async def test_bad_tokens_are_counted_once_a_minute(side: Side) -> None:
    """15, 27, 78, 83: no, malformed and unknown tokens look alike and a flood of them is one entry."""
    texts = ["", "x", "shd_control_admin_" + "z" * 36, "' OR 1=1 --"]
    async with side.client() as client:
        answers = [
            await client.get("/api/approvals", headers={"authorization": f"Bearer {text}"}) for text in texts * 5
        ]
        answers.append(await client.get("/api/approvals"))
    assert {one.status_code for one in answers} == {401}
    assert len({one.text for one in answers}) == 1
    assert side.log.kinds.count("approver.refused") == 1


@pytest.mark.parametrize(
    "body",
    [
        b"decision=approve&decision=deny",
        b"decision=approve&csrf=%ff",
        b"&".join(b"a%d=b" % number for number in range(30)),
        b"decision",
    ],
)
async def test_an_ambiguous_form_decides_nothing(side: Side, body: bytes) -> None:
    """A form that two readers could read differently is refused."""
    approval = await side.approvals.open(wanted())
    alice = await side.signed_in()
    headers = alice.headers | {"content-type": "application/x-www-form-urlencoded"}
    answer = await alice.client.post(f"/approve/{approval.id}", content=body, headers=headers)
    assert answer.status_code == 400
    assert _pending(side, approval.id)


async def test_a_large_body_is_refused(side: Side) -> None:
    """12: no route reads more than it needs."""
    alice = await side.signed_in()
    answer = await alice.client.post(UNKNOWN, data={"reason": "x" * 100_000}, headers=alice.headers)
    assert answer.status_code == 413
