"""Logging in at an MCP server's authorization server, and its tokens afterwards: real servers, vault and log."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from firewall.app.logins import lacks_of
from firewall.core.errors import FirewallError, UpstreamError
from firewall.core.secret import Secret
from firewall.gates.mcp.oauth.held import Held
from firewall.gates.mcp.oauth.keeping import Keeping
from firewall.gates.mcp.oauth.logins import LIFE_S, Logins
from firewall.gates.mcp.oauth.machine import Machine
from firewall.gates.mcp.oauth.renewing import PAUSE_S, ServerLogin
from firewall.routing.documents import Documents
from firewall.routing.upstream import HttpUpstream
from firewall.settings.mcp import McpServer
from firewall.tokens.vault import key as vault_key
from firewall.tokens.vault.errors import VaultError, Wrong
from firewall.tokens.vault.sealing import Purpose
from firewall.tokens.vault.store import Vault
from tests.support.authorizing import SECRET, Authorizing, authorizing
from tests.support.guarding import Kept, keeping
from tests.support.mcp_posting import until

REDIRECT = "http://127.0.0.1:9/callback"


@dataclass
class World:
    """A server that wants tokens, and who logs in there."""

    far: Authorizing
    kept: Kept
    keeping: Keeping
    documents: Documents
    one: McpServer
    vault: Vault

    @property
    def logins(self) -> Logins:
        """The desk; each use is another process."""
        return Logins({self.one.name: self.one}, self.keeping, self.documents, secret_of=lambda _: Secret(""))

    def login(self, machine: Machine | None = None) -> ServerLogin:
        """What authenticates there."""
        return ServerLogin(self.one, self.keeping, self.documents, machine)

    @property
    def held(self) -> Held:
        """What is kept."""
        found = self.keeping.read(self.one.name)
        assert found is not None
        return found


@asynccontextmanager
async def world(folder: Path, **oauth: object) -> AsyncIterator[World]:
    """Serve everything."""
    async with authorizing() as far, keeping(folder) as kept:
        key = folder / "vault.key"
        vault = Vault(folder / "vault.db", vault_key.from_file(key), make_key=partial(vault_key.make, key))
        upstream = HttpUpstream()
        fields = {"name": "far", "environment": "staging", "url": far.url, "oauth": oauth}
        try:
            keeper = Keeping(vault, kept.installation.writer, kept.clock)
            yield World(far, kept, keeper, Documents(upstream), McpServer.model_validate(fields), vault)
        finally:
            await upstream.close()


@pytest.mark.parametrize("by_machine", [False, True])
async def test_scopes_that_a_server_names_are_for_the_log_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, by_machine: bool
) -> None:
    """With what to do about it; words that a shell would read are left out, and other refusals say nothing."""
    async with world(tmp_path) as found:
        login = found.login(Machine("machine", lambda: Secret(SECRET)) if by_machine else None)
        assert login.lacking({}) is login.lacking({"error": "invalid_token", "scope": "a"}) is None
        challenge = {"error": "insufficient_scope", "scope": "repo:admin $(reboot) `x` repo:admin a" + " b" * 30}
        error = login.lacking(challenge)
    assert error is not None
    assert (error.code, "repo" in error.public, error.detail) == ("upstream_scope_needed", False, "")
    (line,) = [one.getMessage() for one in caplog.records if "upstream_scope_needed" in one.getMessage()]
    asks = (
        "scopes = ['repo:admin', 'a', 'b']" if by_machine else "login far --scope repo:admin --scope a --scope b`"
    )
    assert asks in line
    assert "reboot" not in line


async def browsed(address: object) -> str:
    """Go where a browser would go, and return the query that it is sent back with."""
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(str(address))
    assert answer.status_code == 302, answer.text
    assert answer.headers["location"].startswith(REDIRECT)
    return urlsplit(answer.headers["location"]).query


async def logged_in(one: World) -> ServerLogin:
    """Log in as alice."""
    logins = one.logins
    begun = await logins.begin("far", REDIRECT, (), by="alice")
    await logins.finish(str(begun["id"]), await browsed(begun["address"]), by="alice")
    return one.login()


async def test_a_login_ends_in_the_vault(tmp_path: Path) -> None:
    """Found by metadata, registered, with PKCE and the resource; tokens sealed, recorded without a value."""
    async with world(tmp_path) as one:
        logins = one.logins
        begun = await logins.begin("far", REDIRECT, (), by="alice")
        asked = {name: values[0] for name, values in parse_qs(urlsplit(str(begun["address"])).query).items()}
        assert (asked["resource"], asked["client_id"], asked["scope"]) == (
            one.far.url,
            "registered",
            "read offline_access",
        )
        done = await logins.finish(str(begun["id"]), await browsed(begun["address"]), by="alice")
        assert (done["renews"], done["issuer"]) == (True, one.far.issuer)
        found = await one.login().credential()
        assert found.secret.reveal() in one.far.good
        assert one.kept.kinds() == ["credential.added"]
        written = (tmp_path / "vault.db").read_bytes() + json.dumps(one.kept.body(0)).encode()
        assert found.secret.reveal().encode() not in written


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": ""},
        {"iss": "https://evil.example"},
        {"state": "another"},
        {"state": ""},
        {"code": ""},
        {"code": "guessed"},
        {"error": "access_denied", "code": ""},
        {"error": "access_denied", "iss": "https://evil.example"},
    ],
)
async def test_an_answer_that_is_not_this_logins_ends_nothing(tmp_path: Path, changes: dict[str, str]) -> None:
    """Another state or issuer, none, a guessed code, a refusal: no token is asked for in vain, nothing is kept."""
    async with world(tmp_path) as one:
        one.far.answer_changes = changes
        logins = one.logins
        begun = await logins.begin("far", REDIRECT, (), by="alice")
        query = await browsed(begun["address"])
        with pytest.raises(FirewallError) as caught:
            await logins.finish(str(begun["id"]), query, by="alice")
        assert caught.value.code == "login_refused"
        assert ("access_denied" in caught.value.public) is ("error" in changes and "iss" not in changes)
        assert bool(one.far.asked) is (changes == {"code": "guessed"})
        assert one.keeping.read("far") is None


async def test_a_registered_client_is_used_again(tmp_path: Path) -> None:
    """For the same issuer and redirect, also by another process; for another address of ours it registers anew."""
    async with world(tmp_path) as one:
        await logged_in(one)
        assert one.held.registered_for == REDIRECT
        login = await logged_in(one)
        one.kept.clock.forward(3600)
        assert (await login.credential()).secret.reveal() in one.far.good
        assert one.far.registrations == [[REDIRECT]]
        other = REDIRECT.replace(":9/", ":10/")
        await one.logins.begin("far", other, (), by="alice")
        assert one.far.registrations == [[REDIRECT], [other]]
        one.vault.rotate("mcp-oauth.far", replace(one.held, issuer="https://old.example").dump(), now_us=1)
        await logged_in(one)
        assert one.far.registrations == [[REDIRECT], [other], [REDIRECT]]
        one.vault.rotate("mcp-oauth.far", Secret("{}"), now_us=2)
        await logged_in(one)
        assert len(one.far.registrations) == 4


async def test_what_a_login_lacks_is_known_until_the_next(tmp_path: Path) -> None:
    """Also after its token was renewed; of scopes that nobody could type none is shown."""
    async with world(tmp_path) as one:
        login = await logged_in(one)
        assert login.lacks is None
        challenge = {"error": "insufficient_scope", "scope": "repo:admin $(reboot)"}
        assert login.lacking(challenge) is not None
        assert login.lacks == ("repo:admin",)
        one.far.good.clear()
        await login.refused(await login.credential())
        assert login.lacks == ("repo:admin",)
        assert lacks_of({"far": login, "near": one.login()}) == "`far` (repo:admin)"
        login.lacking({"error": "insufficient_scope"})
        assert lacks_of({"far": login}) == "`far` (it does not say which)"
        await logged_in(one)
        assert (login.lacks, lacks_of({"far": login})) == (None, "")


async def test_a_client_that_brings_no_token_is_registered_anew(tmp_path: Path) -> None:
    """An issuer that has forgotten it refuses the code, or shows its error to the browser alone."""
    async with world(tmp_path) as one:
        await logged_in(one)
        logins = one.logins
        begun = await logins.begin("far", REDIRECT, (), by="alice")
        query = await browsed(begun["address"])
        one.far.refuses = 401
        with pytest.raises(FirewallError) as caught:
            await logins.finish(str(begun["id"]), query, by="alice")
        assert caught.value.code == "login_refused"
        one.far.refuses = 0
        assert len(one.far.registrations) == 1
        begun = await logins.begin("far", REDIRECT, (), by="alice")
        assert len(one.far.registrations) == 2
        await logins.finish(str(begun["id"]), await browsed(begun["address"]), by="alice")
        await logins.begin("far", REDIRECT, (), by="alice")
        assert len(one.far.registrations) == 2
        await logins.begin("far", REDIRECT, (), by="alice")  # the one before has not ended
        assert len(one.far.registrations) == 3


async def test_a_login_is_its_admins_and_counts_once(tmp_path: Path) -> None:
    """Somebody else's, a finished and a late one are not there any more."""
    async with world(tmp_path) as one:
        logins = one.logins
        begun = await logins.begin("far", REDIRECT, (), by="alice")
        query = await browsed(begun["address"])
        for by, late in (("mallory", 0), ("alice", LIFE_S)):
            one.kept.clock.forward(late)
            with pytest.raises(FirewallError) as caught:
                await logins.finish(str(begun["id"]), query, by=by)
            assert caught.value.status == 404
        again = await logins.begin("far", REDIRECT, (), by="alice")
        query = await browsed(again["address"])
        await logins.finish(str(again["id"]), query, by="alice")
        with pytest.raises(FirewallError):
            await logins.finish(str(again["id"]), query, by="alice")


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://evil.example"},
        {"code_challenge_methods_supported": None},
        {"code_challenge_methods_supported": ["plain"]},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "file:///etc/passwd"},
        {"authorization_endpoint": "http://login.example.com/authorize"},
        {"authorization_endpoint": "https://a.example/$(id) "},
        {"token_endpoint": "http://169.254.169.254/token"},
        {"token_endpoint": None},
        {"registration_endpoint": None},
        {"registration_endpoint": "http://10.0.0.1/register"},
    ],
)
async def test_hostile_metadata_begins_no_login(tmp_path: Path, changes: dict[str, object]) -> None:
    """Another issuer, no PKCE, addresses that no browser or client may be sent to (CVE-2025-6514)."""
    async with world(tmp_path) as one:
        one.far.changes = changes
        with pytest.raises(FirewallError):
            await one.logins.begin("far", REDIRECT, (), by="alice")


@pytest.mark.parametrize(
    "changes",
    [
        {"resource": "https://evil.example/mcp"},
        {"authorization_servers": []},
        {"authorization_servers": ["http://169.254.169.254/"]},
        {"authorization_servers": ["http://10.0.0.1/as"]},
        {"authorization_servers": ["https://a.example", "https://b.example"]},
    ],
)
async def test_a_server_that_names_others_begins_no_login(tmp_path: Path, changes: dict[str, object]) -> None:
    """Metadata of another resource, no issuer, a choice that nobody made, addresses inside."""
    async with world(tmp_path) as one:
        one.far.resource_changes = changes
        with pytest.raises(FirewallError):
            await one.logins.begin("far", REDIRECT, (), by="alice")


@pytest.mark.parametrize(
    "redirect",
    [
        "http://evil.example:80/callback",
        "https://127.0.0.1:9/callback",
        "http://127.0.0.1/callback",
        "http://127.0.0.1:9/x",
    ],
)
async def test_a_login_ends_on_this_machine(tmp_path: Path, redirect: str) -> None:
    """A code goes to a loopback address of a port, and nowhere else."""
    async with world(tmp_path) as one:
        with pytest.raises(FirewallError) as caught:
            await one.logins.begin("far", redirect, (), by="alice")
        assert one.far.paths == []
        assert caught.value.code == "login_refused"


async def test_tokens_are_renewed_before_they_end(tmp_path: Path) -> None:
    """Once for all who come at the same time; the new refresh token is kept, the old one is gone."""
    async with world(tmp_path) as one:
        login = await logged_in(one)
        old = one.held
        one.kept.clock.forward(3600 - 60)
        found = await asyncio.gather(*(login.credential() for _ in range(5)))
        assert len({each.secret.reveal() for each in found}) == 1
        assert [kind for kind, _ in one.far.asked] == ["authorization_code", "refresh_token"]
        assert one.held.refresh != old.refresh
        assert list(one.far.refreshes) == [one.held.refresh.reveal()]
        assert one.kept.kinds() == ["credential.added", "credential.rotated"]
        assert (await one.login().credential()).secret == found[0].secret


async def test_whoever_goes_away_loses_no_token(tmp_path: Path) -> None:
    """A client that is gone while its server's token is renewed leaves the renewal to end."""
    async with world(tmp_path) as one:
        login = await logged_in(one)
        one.kept.clock.forward(3600)
        one.far.held.clear()
        gone = asyncio.create_task(login.credential())
        await until(lambda: len(one.far.asked) == 2)
        stays = asyncio.create_task(login.credential())
        await asyncio.sleep(0)
        gone.cancel()
        one.far.held.set()
        assert (await stays).secret.reveal() in one.far.good
        assert list(one.far.refreshes) == [one.held.refresh.reveal()]


async def test_a_newer_login_stays_whatever_was_being_renewed(tmp_path: Path) -> None:
    """Who logs in while the old token is renewed decides who the agents are from then on."""
    async with world(tmp_path) as one:
        login = await logged_in(one)
        one.kept.clock.forward(3600)
        one.far.held.clear()
        waits = asyncio.create_task(login.credential())
        await until(lambda: len(one.far.asked) == 2)
        newer = replace(one.held, access=Secret("newer"), refresh=Secret("newer too"), renew_s=0, expires_s=0)
        await one.keeping.write("far", newer, by="alice")
        one.far.held.set()
        assert (await waits).secret == newer.access
        assert one.held == newer
        assert one.kept.kinds() == ["credential.added", "credential.rotated"]
        assert (await login.credential()).secret == newer.access


async def test_a_logout_stays_whatever_was_being_renewed(tmp_path: Path) -> None:
    """Who is logged out while the token is renewed is not logged in again by that."""
    async with world(tmp_path) as one:
        login = await logged_in(one)
        one.kept.clock.forward(3600)
        one.far.held.clear()
        waits = asyncio.create_task(login.credential())
        await until(lambda: len(one.far.asked) == 2)
        one.vault.remove("mcp-oauth.far")
        one.far.held.set()
        with pytest.raises(UpstreamError) as caught:
            await waits
        assert caught.value.code == "upstream_login_needed"
        assert one.keeping.read("far") is None


async def test_a_version_that_is_gone_is_replaced_by_nothing(tmp_path: Path) -> None:
    """The vault compares and writes in one: a renewal of a version that another replaced changes nothing."""
    async with world(tmp_path) as one:
        await logged_in(one)
        one.vault.rotate("mcp-oauth.far", one.held.dump(), now_us=1, version=1)
        with pytest.raises(VaultError):
            one.vault.rotate("mcp-oauth.far", Secret("late"), now_us=2, version=1)
        assert one.vault.stored("mcp-oauth.far").version == 2
        assert not await one.keeping.renew("far", replace(one.held, access=Secret("x")), one.held)
        assert not await one.keeping.renew("far", None, one.held)


async def test_what_could_not_be_kept_is_not_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the vault was read anew meanwhile: a refresh token that was used once is never shown again."""

    def fails(*_: object, **__: object) -> None:
        raise VaultError(Wrong.UNREADABLE, "the disk is full")

    async with world(tmp_path) as one:
        login = await logged_in(one)
        one.kept.clock.forward(3600)
        with monkeypatch.context() as patch:
            patch.setattr(one.vault, "rotate", fails)
            for number in range(3):
                with pytest.raises(FirewallError):
                    await login.credential()
                one.vault.add(f"other-{number}", Purpose.PROVIDER, Secret("value-of-another"), now_us=1)
                one.kept.clock.forward(PAUSE_S if number else 1)
        one.kept.clock.forward(PAUSE_S)
        assert (await login.credential()).secret.reveal() in one.far.good
        assert [kind for kind, _ in one.far.asked] == ["authorization_code", "refresh_token"]


async def test_a_token_that_is_refused_is_renewed_once(tmp_path: Path) -> None:
    """Whatever its time says; one that was renewed meanwhile is returned, and nobody hammers."""
    async with world(tmp_path) as one:
        login = await logged_in(one)
        used = await login.credential()
        found = await asyncio.gather(login.refused(used), login.refused(used))
        assert found[0].secret == found[1].secret != used.secret
        assert (await login.refused(used)).secret == found[0].secret
        with pytest.raises(UpstreamError) as caught:
            await login.refused(found[0])
        assert caught.value.code == "upstream_login_needed"
        assert [kind for kind, _ in one.far.asked] == ["authorization_code", "refresh_token"]


@pytest.mark.parametrize("gives_refresh", [True, False])
async def test_a_login_that_is_over_needs_a_person(tmp_path: Path, *, gives_refresh: bool) -> None:
    """A refusal, or no refresh token: one clear error, one question in a while, and a new login mends it."""
    async with world(tmp_path) as one:
        one.far.gives_refresh = gives_refresh
        login = await logged_in(one)
        one.kept.clock.forward(3600)
        one.far.refuses = 400
        for _ in range(3):
            with pytest.raises(UpstreamError) as caught:
                await login.credential()
            assert caught.value.code == "upstream_login_needed"
            assert "stayhand mcp login far" in caught.value.public
        assert len(one.far.asked) == 1 + gives_refresh
        one.far.refuses = 0
        await logged_in(one)
        assert (await login.credential()).secret.reveal() in one.far.good


async def test_an_issuer_that_is_away_is_asked_again(tmp_path: Path) -> None:
    """While the token is good it is used; afterwards the error says that the issuer fails."""
    async with world(tmp_path) as one:
        login = await logged_in(one)
        one.far.refuses = 503
        one.kept.clock.forward(3600 - 60)
        assert (await login.credential()).secret.reveal() in one.far.good
        one.kept.clock.forward(60)
        with pytest.raises(UpstreamError) as caught:
            await login.credential()
        assert caught.value.code == "upstream_unavailable"
        one.far.refuses = 0
        one.kept.clock.forward(PAUSE_S)
        assert (await login.credential()).secret.reveal() in one.far.good


async def test_a_login_for_another_server_is_not_used(tmp_path: Path) -> None:
    """When the configured address or issuer is another one, what was kept goes nowhere."""
    async with world(tmp_path) as one:
        await logged_in(one)
        for changes in ({"url": "http://127.0.0.1:9/mcp"}, {"oauth": {"issuer": "https://other.example"}}):
            moved = McpServer.model_validate(one.one.model_dump(exclude_none=True) | changes)
            with pytest.raises(UpstreamError) as caught:
                await ServerLogin(moved, one.keeping, one.documents, None).credential()
            assert caught.value.code == "upstream_login_needed"


async def test_machines_log_in_by_themselves(tmp_path: Path) -> None:
    """With a client's secret, in its header and nowhere else; renewed the same way, also after a restart."""
    oauth = {"flow": "machine", "client_id": "machine", "client_secret": {"env": "UNREAD"}}
    async with world(tmp_path, **oauth) as one:
        machine = Machine("machine", lambda: Secret(SECRET))
        login = one.login(machine)
        first = await login.credential()
        assert first.secret.reveal() in one.far.good
        assert (await one.login(machine).credential()).secret == first.secret
        assert not one.held.client_secret
        one.kept.clock.forward(3600)
        assert (await login.credential()).secret.reveal() in one.far.good
        assert [kind for kind, _ in one.far.asked] == ["client_credentials"] * 2
        assert all(SECRET not in value for _, form in one.far.asked for value in form.values())
        with pytest.raises(FirewallError):
            await one.logins.begin("far", REDIRECT, (), by="alice")
