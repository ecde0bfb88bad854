"""Signing in at a real OpenID provider on loopback: the honest way, and whatever is wrong on it."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from firewall.app.openid import openid_of
from firewall.console.proving.oidc_pages import Known
from firewall.console.proving.openid import FAILED_US, LIFE_US, MOST_OF_ONE
from firewall.console.throttle import PER_SOURCE
from firewall.core.errors import ConfigError
from firewall.routing.upstream import HttpUpstream
from firewall.settings.settings import Settings
from tests.support.approving import StillClock
from tests.support.control_side import AGENT_TOKEN, PUBLIC, Browser, Side, control_side
from tests.support.openid import Provided, provided
from tests.support.signing import ec_signer, ed_signer, rsa_signer, signed, token

KNOWN = Known({"subject-of-bob": "bob", "subject-of-zoe": "zoe"}, {"alice@example.com": "alice"})


@dataclass(slots=True)
class House:
    """A control side and the provider that it trusts."""

    side: Side
    provider: Provided

    async def leave(self, browser: Browser, back: str = "/console/passkeys") -> str:
        """Begin a sign-in; return where the browser is sent."""
        answer = await browser.client.get("/console/oidc", params={"next": back})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def agree(self, address: str) -> str:
        """Let the provider send the browser back; return the query that it comes with."""
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(address)
        assert answer.status_code == 302, answer.text
        location = answer.headers["location"]
        assert location.startswith(f"{PUBLIC}/console/oidc/back?")
        return location.partition("?")[2]

    async def come_back(self, browser: Browser, query: str) -> httpx.Response:
        """Open the address that the provider sent the browser to, as a link from another site."""
        return await browser.client.get(f"/console/oidc/back?{query}", headers={"sec-fetch-site": "cross-site"})

    async def whole(self, browser: Browser) -> httpx.Response:
        """Do all of it."""
        return await self.come_back(browser, await self.agree(await self.leave(browser)))

    def browser(self) -> Browser:
        """Return a new browser."""
        return Browser(self.side.client(), PUBLIC)

    @property
    def refusals(self) -> list[object]:
        """What was refused, in the log."""
        return [record.data["what"] for record in self.side.log.records if record.kind == "approver.refused"]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """Both, on one clock."""
    clock, upstream = StillClock(), HttpUpstream()
    async with provided(clock) as provider:
        openid = provider.openid(PUBLIC, upstream)
        yield House(control_side(clock=clock, openid=openid, known=KNOWN), provider)
        await upstream.close()


async def test_a_person_of_the_company_signs_in(house: House) -> None:
    """By a verified address; the session says how it began, and leads back to the page that was asked for."""
    browser = house.browser()
    assert "Sign in with Acme" in (await browser.open("/console/")).text
    address = await house.leave(browser)
    asked = dict(parse_qsl(urlsplit(address).query))
    assert asked["redirect_uri"] == f"{PUBLIC}/console/oidc/back"
    assert {"state", "nonce", "code_challenge"} <= set(asked)
    answer = await house.come_back(browser, await house.agree(address))
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/passkeys")
    assert "Passphrase" not in (await browser.open("/console/")).text
    assert house.side.log.kinds == ["approver.signed_in"]
    assert house.side.log.records[0].data == {"via": "oidc"}
    assert house.side.log.records[0].person == "alice"


async def test_a_subject_stands_for_its_approver_alone(house: House) -> None:
    """Who has a subject is known by it, whatever address the provider says."""
    house.provider.subject, house.provider.email = "subject-of-bob", "bob@elsewhere.example"
    assert (await house.whole(house.browser())).status_code == 303
    assert house.side.log.records[-1].person == "bob"


UNKNOWN: list[tuple[str, dict[str, object]]] = [
    ("an address that nobody has", {"email": "eve@example.com"}),
    ("an address that is not verified", {"is_verified": False}),
    ("an address with letters that look alike", {"email": "alic\u0435@example.com"}),
    ("a subject whose person was not added", {"subject": "subject-of-zoe"}),
    ("no address", {"claims": {"email": None}}),
]


@pytest.mark.parametrize(("what", "changes"), UNKNOWN, ids=[row[0] for row in UNKNOWN])
async def test_who_is_nobody_here_is_refused_and_recorded(
    house: House, what: str, changes: dict[str, object]
) -> None:
    """The entry seals who came; no session begins."""
    assert what
    for name, value in changes.items():
        setattr(house.provider, name, value)
    browser = house.browser()
    answer = await house.whole(browser)
    assert (answer.status_code, "nobody here" in answer.text) == (403, True)
    assert house.refusals == ["oidc_unknown"]
    record = house.side.log.records[-1]
    assert record.private is not None
    assert record.private["subject"] == house.provider.subject
    assert house.provider.subject not in str(dict(record.data))
    assert "Passphrase" in (await browser.open("/console/")).text


async def test_who_was_removed_signs_in_no_more(house: House) -> None:
    """The provider knows him still; here he is nobody."""
    del house.side.doors.people["alice"]
    assert (await house.whole(house.browser())).status_code == 403
    assert house.refusals == ["oidc_unknown"]


WRONG: list[tuple[str, str, dict[str, object]]] = [
    ("another issuer in the token", "oidc_token", {"claims": {"iss": "https://evil.test"}}),
    ("another client", "oidc_token", {"claims": {"aud": "another"}}),
    ("another client as well", "oidc_token", {"claims": {"aud": ["stayhand", "another"]}}),
    ("another login", "oidc_token", {"claims": {"nonce": "replayed"}}),
    ("no nonce", "oidc_token", {"claims": {"nonce": None}}),
    ("expired", "oidc_token", {"claims": {"exp": 1}}),
    ("another key of the same name", "oidc_token", {"header": {"kid": "rsa-9"}}),
    ("an access token", "oidc_token", {"header": {"typ": "at+jwt"}}),
    ("no ID token", "oidc_unavailable", {"is_silent": True}),
    ("a code that is refused", "oidc_unavailable", {"refuses": 400}),
    ("an answer of another issuer", "oidc_refused", {"back": {"iss": "https://evil.test"}}),
    ("an answer of no issuer", "oidc_refused", {"back": {"iss": ""}}),
    ("no code", "oidc_refused", {"back": {"code": ""}}),
    ("a refusal", "oidc_refused", {"back": {"error": "access_denied"}}),
]


@pytest.mark.parametrize(("what", "code", "changes"), WRONG, ids=[row[0] for row in WRONG])
async def test_a_wrong_answer_begins_no_session(
    house: House, what: str, code: str, changes: dict[str, object]
) -> None:
    """Each failing branch has its stable code in the log; the page says no more than it must."""
    assert what
    for name, value in changes.items():
        setattr(house.provider, name, value)
    browser = house.browser()
    answer = await house.whole(browser)
    assert answer.status_code in (403, 502)
    assert house.refusals == [code]
    assert "evil.test" not in answer.text
    assert "Passphrase" in (await browser.open("/console/")).text


def _unsigned(said: dict[str, object]) -> str:
    head = json.dumps({"alg": "none", "typ": "JWT"}).encode()
    return signed(lambda _: b"x", head, json.dumps(said).encode())


def _by_the_public_key(said: dict[str, object]) -> str:
    """Sign as HS256 with what the provider publishes: the classic of a public key taken for a secret."""
    head = json.dumps({"alg": "HS256", "typ": "JWT", "kid": "rsa-1"}).encode()
    pem = rsa_signer().pem
    return signed(lambda data: hmac.new(pem, data, hashlib.sha256).digest(), head, json.dumps(said).encode())


FORGERIES: dict[str, Callable[[dict[str, object]], str]] = {
    "another key by the same name": lambda said: token(rsa_signer("rsa-1", 3072), said, typ="JWT"),
    "a key of another kind": lambda said: token(ec_signer("rsa-1"), said, typ="JWT"),
    "an algorithm that is not configured": lambda said: token(ed_signer("rsa-1"), said, typ="JWT"),
    "no signature": _unsigned,
    "the public key as a secret": _by_the_public_key,
    "no token": lambda said: str(said["nonce"]),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_token_that_the_provider_did_not_sign_is_refused(house: House, forgery: str) -> None:
    """Everything in it is right, but for whose word it is."""
    house.provider.forge = FORGERIES[forgery]
    answer = await house.whole(house.browser())
    assert (answer.status_code, house.refusals) == (403, ["oidc_token"])
    house.provider.forge = lambda said: token(house.provider.signer, said, typ="JWT")
    assert (await house.whole(house.browser())).status_code == 303


async def test_an_answer_counts_once_in_its_browser_and_for_minutes(house: House) -> None:
    """Login CSRF and replay: a stranger's answer, the same one again, a late one."""
    mine, other = house.browser(), house.browser()
    query = await house.agree(await house.leave(mine))
    await house.leave(other)
    stolen = await house.come_back(other, query)
    burnt = await house.come_back(mine, query)
    bare = await house.come_back(house.browser(), query)
    query = await house.agree(await house.leave(mine))
    house.side.clock.now += LIFE_US
    late = await house.come_back(mine, query)
    nothing = await house.come_back(mine, "")
    twice = await house.come_back(mine, "state=a&state=b&code=c")
    for answer in (stolen, burnt, bare, late, nothing, twice):
        assert answer.status_code == 403
        assert "begun too long ago, or in another browser" in answer.text
    good = await house.agree(await house.leave(mine))
    assert (await house.come_back(mine, good)).status_code == 303
    assert (await house.come_back(mine, good)).status_code == 403
    assert "approver.signed_in" in house.side.log.kinds


@pytest.mark.parametrize(("set_s", "passed_us"), [(-30 * 24 * 3600, LIFE_US), (30 * 24 * 3600, 0)])
async def test_no_setting_of_the_clock_keeps_a_sign_in_under_way(
    house: House, set_s: float, passed_us: int
) -> None:
    """82: set back, it ends when its minutes have passed; set forward, at once."""
    browser = house.browser()
    query = await house.agree(await house.leave(browser))
    house.side.clock.set_by(set_s)
    house.side.clock.now += passed_us
    late = await house.come_back(browser, query)
    assert (late.status_code, "begun too long ago" in late.text) == (403, True)


async def test_an_agents_token_begins_and_ends_no_sign_in(house: House) -> None:
    """54: a request that carries one gets nothing, at either end."""
    browser = house.browser()
    query = await house.agree(await house.leave(browser))
    carrying = {"authorization": f"Bearer {AGENT_TOKEN}"}
    for path in ("/console/oidc", f"/console/oidc/back?{query}", f"/console/oidc/back?{query}&x={AGENT_TOKEN}"):
        headers = {} if AGENT_TOKEN in path else carrying
        answer = await browser.client.get(path, headers=headers)
        assert (answer.status_code, "agent_token_refused" in answer.text) == (403, True)
    assert (await house.come_back(browser, query)).status_code == 303


@pytest.mark.parametrize("back", ["https://evil.test/", "//evil.test", "/api/session", "/console/oidc/back"])
async def test_the_way_back_is_one_of_our_own_pages(house: House, back: str) -> None:
    """60: no open redirect through the provider."""
    browser = house.browser()
    answer = await house.come_back(browser, await house.agree(await house.leave(browser, back)))
    assert answer.headers["location"] == "/console/"


async def test_a_flood_of_beginnings_ends_nobodys(house: House) -> None:
    """On one machine an agent shares an approver's source: it is throttled, and his sign-ins go on."""
    browser = house.browser()
    first = await house.agree(await house.leave(browser))
    answers = [await house.browser().client.get("/console/oidc") for _ in range(40)]
    assert [answer.status_code for answer in answers] == [303] * 9 + [429] * 31
    assert int(answers[-1].headers["retry-after"]) > 0
    assert (await house.side.signed_in("bob")).client.cookies
    assert (await house.come_back(browser, first)).status_code == 303


def test_a_source_cannot_begin_more_than_are_kept() -> None:
    """What the throttle lets through within the life of a login ends none of the same source."""
    assert PER_SOURCE.burst + PER_SOURCE.limit * LIFE_US // PER_SOURCE.window_us <= MOST_OF_ONE


async def test_a_provider_that_failed_is_not_asked_again_at_once(house: House) -> None:
    """Nobody makes us call out as often as he likes; ten seconds later it is asked again."""
    house.provider.metadata = {"jwks_uri": None}
    assert (await house.browser().client.get("/console/oidc")).status_code == 502
    house.provider.metadata = {}
    house.side.clock.now += FAILED_US - 1
    assert (await house.browser().client.get("/console/oidc")).status_code == 502
    house.side.clock.now += 1
    assert (await house.whole(house.browser())).status_code == 303


async def test_a_provider_that_is_away_or_unsafe_is_said_so(house: House) -> None:
    """Without PKCE, with addresses that are not https, or for another issuer: nobody is sent there."""
    for changes in (
        {"code_challenge_methods_supported": ["plain"]},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"token_endpoint": "http://login.example.com/token"},
        {"issuer": "https://evil.test"},
        {"jwks_uri": None},
    ):
        house.provider.metadata = changes
        answer = await house.browser().client.get("/console/oidc")
        assert (answer.status_code, "cannot be asked now" in answer.text) == (502, True)
        house.side.clock.now += FAILED_US
    house.provider.metadata = {}
    assert (await house.whole(house.browser())).status_code == 303


def _settings(**changes: object) -> Settings:
    oidc = {"issuer": "https://login.example.com/acme", "client_id": "stayhand"} | changes
    return Settings.model_validate({"oidc": oidc})


def test_what_is_configured_is_checked_at_start() -> None:
    """An address that is no https, a secret that is not there, and no `openid`: each is said with its name."""
    clock, upstream = StillClock(), HttpUpstream()
    assert openid_of(Settings(), clock, upstream) is None
    found = openid_of(_settings(name="Acme"), clock, upstream)
    assert found is not None
    assert found.provider.name == "Acme"
    with pytest.raises(ConfigError):
        openid_of(_settings(client_secret={"env": "STAYHAND_NOT_SET_ANYWHERE"}), clock, upstream)
    for wrong in (
        {"issuer": "http://login.example.com"},
        {"scopes": ["email"]},
        {"client_secret": {"vault": "oidc"}},
        {"algorithms": ["none"]},
        {"algorithms": ["HS256"]},
    ):
        with pytest.raises(ValueError, match="oidc"):
            _settings(**wrong)


@pytest.mark.parametrize("field", ["name", "email", "subject"])
def test_two_approvers_are_never_one_person(field: str) -> None:
    """Whoever the provider names is one of them, whatever the case of the letters."""
    rows = [{"name": "alice", field: "Same@example.com"}, {"name": "bob", field: "same@Example.com"}]
    with pytest.raises(ValueError, match=f"the {field} "):
        Settings.model_validate({"approver": rows})
