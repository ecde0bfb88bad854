"""The MCP gate as a resource server, with a real issuer and real sockets (RFC 9728, RFC 9068, MCP 2026-07-28)."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from firewall.gates.edge.server import Listener, serving
from firewall.settings.mcp import McpServer
from firewall.settings.oauth import OAuthIssuer
from tests.support.issuing import Issuing, issuing
from tests.support.mcp_house import House, mcp_house
from tests.support.mcp_posting import Said, posting, rough
from tests.support.signing import RESOURCE, ec_signer

WELL_KNOWN = "/.well-known/oauth-protected-resource"
ALL = f"{RESOURCE}/mcp"


def issuer_of(one: Issuing, **more: object) -> OAuthIssuer:
    """Return the configuration of an issuer: two environments, by scope."""
    rows = [
        {"scopes": ["mcp:use"], "owner": "olga", "agent": "coder", "environment": "staging"},
        {"scopes": ["mcp:use", "mcp:prod"], "owner": "olga", "agent": "coder", "environment": "production"},
    ]
    return OAuthIssuer.model_validate({"issuer": one.issuer, "grant": rows, **more})


@asynccontextmanager
async def guarded(
    tmp_path: Path, *servers: McpServer, **more: object
) -> AsyncIterator[tuple[Issuing, House, httpx.AsyncClient]]:
    """Serve an issuer and the gate."""
    chosen = servers or (rough(), rough(name="live", environment="production"))
    async with (
        issuing() as one,
        mcp_house(tmp_path, *chosen, issuers=(issuer_of(one, **more),)) as house,
        httpx.AsyncClient(trust_env=False, timeout=30) as http,
    ):
        yield one, house, http


async def ask(house: House, name: str, text: str, method: str = "tools/list") -> Said:
    """Ask with an access token, as a client of 2026-07-28."""
    async with posting(house.at(name), text) as poster:
        return await poster.modern(method)


async def test_strangers_are_told_where_tokens_are_had(tmp_path: Path) -> None:
    """401 names the metadata of the place and the scope; the metadata names resource and issuer."""
    async with guarded(tmp_path) as (one, house, http):
        for name, place in (("", "/mcp"), ("rough", "/mcp/rough")):
            said = await http.post(house.at(name), json={})
            assert said.status_code == 401
            challenge = said.headers["www-authenticate"]
            assert challenge.startswith("Bearer ")
            assert f'resource_metadata="{RESOURCE}{WELL_KNOWN}{place}"' in challenge
            assert 'scope="mcp:use"' in challenge
            assert "error=" not in challenge
            document = (await http.get(f"{house.base}{WELL_KNOWN}{place}")).json()
            assert document["resource"] == f"{RESOURCE}{place}"
            assert document["authorization_servers"] == [one.issuer]
            assert document["scopes_supported"] == ["mcp:use", "mcp:prod"]
        assert (await http.get(f"{house.base}{WELL_KNOWN}")).json()["resource"] == ALL
        assert one.asked == []


async def test_metadata_tells_nobody_which_servers_there_are(tmp_path: Path) -> None:
    """A name that no server has looks like one that a server has; what is no name is not there."""
    async with guarded(tmp_path) as (_, house, http):
        there = await http.get(f"{house.base}{WELL_KNOWN}/mcp/rough")
        absent = await http.get(f"{house.base}{WELL_KNOWN}/mcp/ghost")
        assert there.text.replace("rough", "ghost") == absent.text
        challenges = [
            (await http.post(house.at(name), json={})).headers["www-authenticate"] for name in ("rough", "ghost")
        ]
        assert challenges[0].replace("rough", "ghost") == challenges[1]
        for place in ("/mcp/a_b", "/other", "/mcp/rough/x", "/mcp/%22"):
            assert (await http.get(f"{house.base}{WELL_KNOWN}{place}")).status_code == 404
        assert (await http.post(f"{house.base}{WELL_KNOWN}")).status_code == 405


@pytest.mark.parametrize("name", ["", "rough"])
async def test_an_access_token_opens_what_it_was_issued_for(tmp_path: Path, name: str) -> None:
    """A token for a server opens it; one for all of them opens each."""
    async with guarded(tmp_path) as (one, house, _):
        own = one.token(f"{ALL}/{name}" if name else ALL)
        said = await ask(house, name, own)
        assert "result" in said.answer, said
        assert (await ask(house, "rough", one.token(ALL))).status == 200
        minted = house.kept.kinds().index("token.minted")
        body = json.dumps(house.kept.body(minted))
        assert "oauth" in body
        assert "user-1" not in body


async def test_a_token_for_one_server_opens_no_other(tmp_path: Path) -> None:
    """The audience is the place, letter by letter; a refused token is named as such."""
    async with guarded(tmp_path, rough(), rough(name="other")) as (one, house, _):
        text = one.token(f"{ALL}/rough")
        for name in ("", "other"):
            said = await ask(house, name, text)
            assert said.status == 401
            assert said.code == (-31401, "token_invalid")
            assert 'error="invalid_token"' in said.headers["www-authenticate"]


async def test_missing_scopes_are_named(tmp_path: Path) -> None:
    """403 insufficient_scope with all that the place needs; with them it opens, and stays one principal."""
    async with guarded(tmp_path) as (one, house, _):
        said = await ask(house, "live", one.token(ALL))
        assert (said.status, said.code) == (403, (-31403, "insufficient_scope"))
        challenge = said.headers["www-authenticate"]
        assert 'error="insufficient_scope"' in challenge
        assert 'scope="mcp:use mcp:prod"' in challenge
        assert "resource_metadata=" in challenge
        assert "result" in (await ask(house, "live", one.token(ALL, scope="mcp:prod mcp:use"))).answer


async def test_a_token_without_a_scope_cannot_tell_servers_apart(tmp_path: Path) -> None:
    """The same answer at another row's server, at one that no row reaches and at none; with all scopes 404."""
    servers = (rough(), rough(name="live", environment="production"), rough(name="lab", environment="qa"))
    async with guarded(tmp_path, *servers) as (one, house, _):
        said = {name: await ask(house, name, one.token(ALL)) for name in ("live", "lab", "ghost")}
        for name, found in said.items():
            assert (found.status, found.code) == (403, (-31403, "insufficient_scope"))
            assert found.answer == said["ghost"].answer
            assert (
                found.headers["www-authenticate"].replace(name, "ghost")
                == (said["ghost"].headers["www-authenticate"])
            )
        full = one.token(ALL, scope="mcp:use mcp:prod")
        for name in ("lab", "ghost"):
            found = await ask(house, name, full)
            assert (found.status, found.code) == (404, (-31404, "server_unknown"))
            assert "www-authenticate" not in found.headers


async def test_who_is_meant_by_no_row_stays_out(tmp_path: Path) -> None:
    """A good token of somebody else is 403, without a challenge: another login would not help."""
    rows = [{"subjects": ["somebody"], "owner": "olga", "agent": "coder", "environment": "staging"}]
    async with guarded(tmp_path, grant=rows) as (one, house, _):
        said = await ask(house, "rough", one.token(ALL))
        assert (said.status, said.code) == (403, (-31403, "principal_unknown"))
        assert "www-authenticate" not in said.headers


async def test_revoked_subjects_stay_out(tmp_path: Path) -> None:
    """Revoking the id of a subject ends its sessions, and no new token opens anything again."""
    async with guarded(tmp_path) as (one, house, _):
        assert (await ask(house, "rough", one.token(ALL))).status == 200
        rows = house.tokens.listing()
        (subject,) = [row.id for row in rows if not row.parent]
        (agent,) = [row for row in rows if row.parent == subject]
        await house.tokens.revoke(agent.id, by="alice")
        said = await ask(house, "rough", one.token(ALL, jti="2"))
        assert (said.status, said.code) == (401, (-31401, "token_invalid"))
        assert (await ask(house, "rough", one.token(ALL, sub="user-2"))).status == 200


async def test_two_rows_are_two(tmp_path: Path) -> None:
    """A token that may write and one that may read have ids of their own, though both are one subject's."""
    who = {"owner": "olga", "agent": "coder", "environment": "staging"}
    rows = [{"scopes": ["write"], **who}, {"scopes": ["read"], "verbs": ["read"], **who}]
    async with guarded(tmp_path, grant=rows) as (one, house, _):
        for scope in ("write", "read", "write"):
            assert (await ask(house, "rough", one.token(ALL, scope=scope))).status == 200
        listing = house.tokens.listing()
        assert len({row.id for row in listing} - {row.parent for row in listing}) == 2
        assert len([row for row in listing if not row.parent]) == 1


async def test_rates_are_the_subjects(tmp_path: Path) -> None:
    """A new access token is no new bucket."""
    rows = [
        {"clients": ["claude"], "owner": "o", "agent": "a", "environment": "staging", "max_requests_per_minute": 2}
    ]
    async with guarded(tmp_path, grant=rows) as (one, house, _):
        codes = [await ask(house, "rough", one.token(ALL, jti=str(turn))) for turn in range(4)]
        assert [said.status for said in codes[:2]] == [200, 200]
        assert codes[-1].code == (-31429, "rate_limited")


async def test_keys_that_cannot_be_had_are_the_issuers_fault(tmp_path: Path) -> None:
    """502, not 401: a client does not throw away a good token, and nothing is served."""
    async with guarded(tmp_path) as (one, house, _):
        one.is_away = True
        said = await ask(house, "rough", one.token(ALL))
        assert (said.status, said.code) == (502, (-31502, "upstream_rejected"))
        assert "www-authenticate" not in said.headers


async def test_forged_tokens_are_guesses_and_expired_ones_are_not(tmp_path: Path) -> None:
    """Who guesses is slowed down; a client whose token is over is told so however often."""
    async with guarded(tmp_path) as (one, house, _):
        for _ in range(12):
            assert (await ask(house, "rough", one.token(ALL, exp=1, iat=1))).status == 401
        found = [(await ask(house, "rough", one.token(ALL, signer=ec_signer()))).status for _ in range(11)]
        assert found[:10] == [401] * 10
        assert found[10] == 429
        assert "token.refused" in house.kept.kinds()


async def test_nothing_of_the_token_reaches_a_server(tmp_path: Path) -> None:
    """The server hears its own credential or none, never the client's token."""
    heard: list[list[tuple[bytes, bytes]]] = []
    async with issuing() as one:
        text = one.token(ALL)

        async def server(scope: Scope, receive: Receive, send: Send) -> None:
            heard.append(list(scope["headers"]))
            message = await receive()
            heard.append([(b"body", message["body"])])
            await send({"type": "http.response.start", "status": 500, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        async with serving([Listener(server, "127.0.0.1", 0)], drain_s=1) as served:
            url = f"http://127.0.0.1:{served.ports[0]}/mcp"
            plain = McpServer.model_validate({"name": "plain", "environment": "staging", "url": url})
            async with mcp_house(tmp_path, plain, issuers=(issuer_of(one),)) as house:
                await ask(house, "plain", text)
    assert heard
    signature = text.rsplit(".", 1)[1].encode()
    assert all(signature not in value for fields in heard for _, value in fields)
    assert all(name != b"authorization" for fields in heard for name, _ in fields)


async def test_our_own_tokens_stay(tmp_path: Path) -> None:
    """A token of ours opens as before, also where an access token stands beside it."""
    async with guarded(tmp_path) as (one, house, http):
        own = await house.token()
        assert (await ask(house, "rough", own)).status == 200
        async with posting(house.at("rough"), one.token(ALL)) as poster:
            said = await poster.modern("tools/list", headers={"x_stayhand_token": own})
        assert said.status == 200
        assert one.asked == []
        del http
