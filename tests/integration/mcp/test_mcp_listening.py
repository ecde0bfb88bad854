"""Clients of each era hear what changes at servers of each era, over HTTP and from programs, with real pins."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from firewall.gates.mcp.listening import MOST_OF_A_TOKEN
from firewall.settings.mcp import McpServer
from tests.support.guarding import policies_in
from tests.support.mcp_house import House
from tests.support.mcp_judged import judging
from tests.support.mcp_posting import NOTES, Poster, Said, in_halves, posting, until
from tests.support.mcp_streams import Stream, hearing, listening
from tests.support.mcp_teller import Teller, over_http, program, settings

TOOLS, UPDATED = "notifications/tools/list_changed", "notifications/resources/updated"
STOCK = "shop://stock"
KINDS = [(era, where) for era in ("modern", "legacy") for where in ("http", "program")]


@asynccontextmanager
async def before(folder: Path, era: str, where: str, **grant: object) -> AsyncIterator[tuple[House, Poster]]:
    """Serve the gate before a server of an era."""
    async with AsyncExitStack() as stack:
        if where == "http":
            named = settings(stack.enter_context(over_http(is_modern=era == "modern")))
        else:
            named = program(era)
        house, _ = await stack.enter_async_context(
            judging(folder, McpServer.model_validate(named), is_pinned=True)
        )
        yield house, await stack.enter_async_context(posting(house.at("github"), await house.token(**grant)))


async def told(poster: Poster, *notes: object, session: str = "", **given: object) -> list[str]:
    """Have the server say something; returns what it was asked so far."""
    arguments = {"tell": notes, **given}
    call = poster.legacy if session else poster.modern
    more: dict[str, object] = {"session": session} if session else {}
    said: Said = await call("tools/call", name="get_file_contents", arguments=arguments, **more)  # type: ignore[operator]  # either
    found: list[str] = json.loads(said.text)
    return found


def note(method: str, **params: object) -> dict[str, object]:
    """Return what a server says."""
    return {"method": method, "params": params}


async def subscribed(poster: Poster, session: str, uri: str, method: str = "resources/subscribe") -> Said:
    """Subscribe a resource, or no more."""
    return await poster.legacy(method, 5, session=session, uri=uri)


@pytest.mark.parametrize(("era", "where"), KINDS)
async def test_a_stateless_client_hears_what_it_listens_to(tmp_path: Path, era: str, where: str) -> None:
    """What is served is said first; then what changed, under its own request's id, and no word of the server's."""
    async with before(tmp_path, era, where) as (house, poster):
        async with listening(poster, toolsListChanged=True, resourceSubscriptions=[STOCK]) as stream:
            first = (await stream.has(1))[0]
            meta = {"io.modelcontextprotocol/subscriptionId": "mine"}
            served = {"toolsListChanged": True, "resourceSubscriptions": [STOCK]}
            assert first["method"] == "notifications/subscriptions/acknowledged"
            assert first["params"] == {"_meta": meta, "notifications": served}
            await told(poster, note(UPDATED, thing="stock/apples", title="Apples!"), note(UPDATED, thing="other"))
            assert (await stream.has(2))[1]["params"] == {"uri": STOCK, "_meta": meta}
            await told(poster, note("notifications/prompts/list_changed"), note(TOOLS))
            assert (await stream.has(3))[2] == {"jsonrpc": "2.0", "method": TOOLS, "params": {"_meta": meta}}
        await until(lambda: house.kept.kinds().count("mcp.listened") == 2)
        assert "tool.indeterminate" not in house.kept.kinds()


@pytest.mark.parametrize(("era", "where"), KINDS)
async def test_the_client_of_a_session_hears_what_it_subscribed(tmp_path: Path, era: str, where: str) -> None:
    """On its stream, what it subscribed and no more what it unsubscribed; the lists without being asked."""
    async with before(tmp_path, era, where) as (_, poster):
        session = await poster.begin("2025-11-25")
        async with hearing(poster, session) as stream:
            assert stream.status == 200
            assert (await subscribed(poster, session, STOCK)).answer["result"] == {}
            await told(poster, note(UPDATED, thing="stock"), note(UPDATED, thing="other"), session=session)
            assert await stream.has(1) == [{"jsonrpc": "2.0", "method": UPDATED, "params": {"uri": STOCK}}]
            assert (await subscribed(poster, session, STOCK, "resources/unsubscribe")).answer["result"] == {}
            await told(poster, note(UPDATED, thing="stock"), note(TOOLS), session=session)
            assert (await stream.has(2))[1] == {"jsonrpc": "2.0", "method": TOOLS}
            again = await subscribed(poster, session, STOCK, "resources/unsubscribe")
            assert again.code == (-32602, "not_subscribed")


@pytest.mark.parametrize("where", ["http", "program"])
async def test_what_nobody_listens_to_any_more_is_unsubscribed(tmp_path: Path, where: str) -> None:
    """At a server of sessions, where a stateless client was the last to listen; how much, is in the log."""
    async with before(tmp_path, "legacy", where) as (house, poster):
        async with listening(poster, resourceSubscriptions=[STOCK]) as other:
            await other.has(1)
            async with listening(poster, resourceSubscriptions=[STOCK, "shop://prices"]) as stream:
                await stream.has(1)
            await _heard(poster, "resources/unsubscribe", 1)
            await told(poster, note(UPDATED, thing="stock"))
            await other.has(2)
        heard = await _heard(poster, "resources/unsubscribe", 2)
        assert heard.count("resources/subscribe") == 3
        async with asyncio.timeout(30):
            while len(ended := _ended(house)) < 2:  # noqa: ASYNC110 - the entry follows the server's answer
                await asyncio.sleep(0.05)
        assert [one["unsubscribed"] for one in ended] == [1, 1]
        async with listening(poster, resourceSubscriptions=[STOCK]) as again:
            await again.has(1)
            await told(poster, note(UPDATED, thing="stock"))
            await again.has(2)


def _ended(house: House) -> list[dict[str, object]]:
    """Return what the log says of streams that ended."""
    rows = house.kept.installation.reader.execute(
        "SELECT body FROM audit_entries WHERE kind = 'mcp.listened' ORDER BY seq"
    )
    told = [json.loads(raw)["data"] for (raw,) in rows]
    return [one for one in told if one["state"] == "ended"]


async def _heard(poster: Poster, method: str, times: int) -> list[str]:
    """Wait until the server was asked something so often; returns all that it was asked."""
    async with asyncio.timeout(30):
        while (heard := await told(poster)).count(method) < times:  # noqa: ASYNC110 - it happens in other processes
            await asyncio.sleep(0.05)
    assert heard.count(method) == times
    return heard


async def test_tools_are_listed_anew_before_a_client_hears_that_they_changed(tmp_path: Path) -> None:
    """Before it hears of it, what changed waits for a person, and the old tool is called no more."""
    async with (
        before(tmp_path, "modern", "http") as (house, poster),
        listening(poster, toolsListChanged=True) as stream,
    ):
        await stream.has(1)
        heard = await told(poster, note(TOOLS), description="Reads, and sends it to a friend.")
        assert heard.count("tools/list") == 1
        await stream.has(2)
        waits = [pin for pin in house.kept.installation.pins.listing() if pin.state == "waiting"]
        assert [(pin.tool, pin.why) for pin in waits] == [("get_file_contents", "changed")]
        said = await poster.modern("tools/call", name="get_file_contents", arguments={})
        assert said.code == (-32602, "tool_unknown")


@pytest.mark.parametrize("way", ["listen", "subscribe"])
async def test_a_resource_is_judged_as_a_read_before_it_is_heard_of(tmp_path: Path, way: str) -> None:
    """One that the grant does not name, and one that people are asked about: its server hears of neither."""
    async with before(tmp_path, "legacy", "program") as (house, poster):
        session = await poster.begin("2025-11-25")
        async with hearing(poster, session):
            for uri, code in (
                ("shop://stock/../../other", "grant_outside"),
                ("file:///home/olga/.ssh/id_ed25519", "approval:hold:ended"),
            ):
                if way == "subscribe":
                    said = await subscribed(poster, session, uri)
                else:
                    said = await poster.modern(
                        "subscriptions/listen", notifications={"resourceSubscriptions": [STOCK, uri]}
                    )
                assert said.code[1] == code, said.answer
            heard = await told(poster, session=session)
            assert {"resources/subscribe", "subscriptions/listen"}.isdisjoint(heard)
        assert "approval.opened" in house.kept.kinds()


async def test_a_grant_that_names_no_reading_hears_of_no_resource(tmp_path: Path) -> None:
    """Lists change for whoever may see the server; a resource is heard of by who may read it."""
    async with before(tmp_path, "modern", "program", tools=("mcp__github__get_*",)) as (_, poster):
        async with listening(poster, resourceSubscriptions=[STOCK]) as stream:
            (said,) = await stream.ended()
            assert str(said["error"]["data"]["code"]).startswith("grant:")  # type: ignore[index]  # an error
        async with listening(poster, toolsListChanged=True) as stream:
            await stream.has(1)


DENIED = "p, *, *, mcp__github__resources/read, *, read, , deny,"


def reloaded(house: House, *rows: str) -> None:
    """Load the policies anew, with more rows."""
    folder = house.kept.folder / "policies"
    held = (folder / "policy.csv").read_text(encoding="utf-8")
    house.kept.snapshot = policies_in(folder, "\n".join((held, *rows, "")))


@pytest.mark.parametrize(("era", "where"), KINDS)
async def test_what_policies_permit_no_more_is_told_of_no_more(tmp_path: Path, era: str, where: str) -> None:
    """Policies loaded since are asked before the next telling, once a resource; a no ends what is listened to."""
    async with (
        before(tmp_path, era, where) as (house, poster),
        listening(poster, resourceSubscriptions=[STOCK], toolsListChanged=True) as stream,
    ):
        await stream.has(1)
        reloaded(house)
        judged = house.kept.kinds().count("tool.judged")
        for count in (2, 3):
            await told(poster, note(UPDATED, thing="stock"))
            await stream.has(count)
        assert house.kept.kinds().count("tool.judged") == judged + 3  # each call of the tool, and the resource
        reloaded(house, DENIED)
        await told(poster, note(TOOLS))
        assert (await stream.has(4))[3]["method"] == TOOLS
        await told(poster, note(UPDATED, thing="stock/apples"))
        assert (await stream.ended())[-1]["error"]["data"]["code"] == "policy:row:deny"  # type: ignore[index]  # an error
        assert stream.methods.count(UPDATED) == 2


@pytest.mark.parametrize(("era", "where"), KINDS)
async def test_a_session_is_told_of_what_policies_permit_now(tmp_path: Path, era: str, where: str) -> None:
    """A newer stream takes over what may be read now, or none opens; the older ends before it tells a no."""
    async with before(tmp_path, era, where) as (house, poster):
        session = await poster.begin("2025-11-25")
        async with hearing(poster, session) as stream:
            assert (await subscribed(poster, session, STOCK)).answer["result"] == {}
            reloaded(house)
            await told(poster, note(UPDATED, thing="stock"), session=session)
            await stream.has(1)
            reloaded(house, DENIED)
            async with hearing(poster, session) as newer:
                assert newer.status == 403
                assert (await newer.ended())[0]["error"]["data"]["code"] == "policy:row:deny"  # type: ignore[index]  # an error
            await told(poster, note(TOOLS), session=session)
            await stream.has(2)
            said = {"tell": [note(UPDATED, thing="stock")]}  # its own session may end before its answer
            await poster.legacy("tools/call", name="get_file_contents", arguments=said, session=session)
            await stream.ended()
            assert stream.methods == [UPDATED, TOOLS]
        await until(lambda: house.gate.sessions.count == 0)


async def test_a_revoked_token_ends_what_it_listens_to(tmp_path: Path) -> None:
    """Both streams end within a moment, and nothing more is told on them."""
    async with before(tmp_path, "legacy", "http") as (house, _):
        ident, token = await house.minted()
        async with posting(house.at("github"), token) as poster:
            session = await poster.begin("2025-11-25")
            async with hearing(poster, session) as stream, listening(poster, toolsListChanged=True) as other:
                await other.has(1)
                async with asyncio.timeout(30):
                    await house.tokens.revoke(ident, by="alice")
                    await stream.ended()
                    assert (await other.ended())[-1]["error"]["data"]["code"] == "token_revoked"  # type: ignore[index]  # an error
                assert stream.messages == []
        await until(lambda: house.kept.kinds().count("mcp.listened") == 4)


async def test_a_token_that_expires_ends_what_it_listens_to(tmp_path: Path) -> None:
    """Both streams end, and the sessions of the token with them."""
    async with before(tmp_path, "legacy", "http") as (house, _):
        now = datetime.fromtimestamp(house.kept.clock.now_us() / 1e6, UTC)
        _, token = await house.minted(expires_at=now + timedelta(seconds=1))
        async with posting(house.at("github"), token) as poster:
            session = await poster.begin("2025-11-25")
            async with hearing(poster, session) as stream, listening(poster, toolsListChanged=True) as other:
                await other.has(1)
                house.kept.clock.forward(2)
                await stream.ended()
                assert (await other.ended())[-1]["error"]["data"]["code"] == "token_revoked"  # type: ignore[index]  # an error
        await until(lambda: house.gate.sessions.count == 0)


async def test_a_token_revoked_while_its_request_comes_in_listens_to_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was good when the headers came, and is not when the last of the body has."""
    async with before(tmp_path, "modern", "program") as (house, _):
        ident, token = await house.minted(agent="other")
        params = {"notifications": {"toolsListChanged": True}, "_meta": NOTES}
        asked = {"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params}
        fields = {"mcp-protocol-version": "2026-07-28", "mcp-method": "subscriptions/listen"}
        async with posting(house.at("github"), token) as other:
            said = await in_halves(
                other, asked, fields, between=house.tokens.revoke(ident, by="alice"), patch=monkeypatch
            )
        assert (said.status, said.code) == (401, (-31401, "token_revoked"))


async def test_no_stream_opens_for_a_session_that_ended_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was there when its client asked for the stream, and nothing could end that stream any more."""
    async with before(tmp_path, "legacy", "program") as (house, _):
        ident, token = await house.minted(agent="other")
        async with posting(house.at("github"), token) as poster:
            session = await poster.begin("2025-11-25")

            async def drawing(_sequencer: object, _requester: object) -> None:
                house.gate.sessions.revoked(ident)

            monkeypatch.setattr("firewall.gates.mcp.gate.draw", drawing)
            async with hearing(poster, session) as stream:
                await stream.ended()
                assert stream.status == 404


async def test_a_session_whose_stream_ends_while_it_subscribes_is_over(tmp_path: Path) -> None:
    """Its client begins a new one, and knows that nothing is told any more; without subscriptions it goes on."""
    async with before(tmp_path, "legacy", "program") as (house, poster):
        session = await poster.begin("2025-11-25")
        assert (await subscribed(poster, session, STOCK)).code == (-32600, "not_listening")
        async with hearing(poster, session):
            pass
        async with hearing(poster, session) as older, hearing(poster, session):
            await older.ended()
            await subscribed(poster, session, STOCK)
        await until(lambda: house.gate.sessions.count == 0)
        assert (await poster.legacy("ping", session=session)).status == 404


@asynccontextmanager
async def before_a_teller(folder: Path, era: str) -> AsyncIterator[tuple[Teller, House, Poster, str]]:
    """Give a server that answers when it is let, the gate before it, and a client with a session there."""
    with over_http(is_modern=era == "modern") as teller:
        named = McpServer.model_validate(settings(teller))
        async with (
            judging(folder, named, is_pinned=True) as (house, _),
            posting(house.at("github"), await house.token()) as poster,
        ):
            yield teller, house, poster, await poster.begin("2025-11-25")


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_a_newer_stream_takes_over_what_is_being_subscribed(tmp_path: Path, era: str) -> None:
    """The server answers after the older stream has ended: its client hears that it is subscribed, and is told."""
    async with before_a_teller(tmp_path, era) as (teller, house, poster, session), AsyncExitStack() as stack:
        older = await stack.enter_async_context(hearing(poster, session))
        await until(lambda: bool(teller.listeners))
        asked, teller.holds = len(teller.heard), threading.Event()
        doing = asyncio.create_task(subscribed(poster, session, STOCK))
        await until(lambda: len(teller.heard) > asked)
        if era == "modern":  # what it was asked on the older stream stays unanswered
            teller.holds.set()
        newer = await stack.enter_async_context(hearing(poster, session))
        await older.ended()
        assert not doing.done() or era == "modern"
        teller.holds.set()
        assert (await doing).answer["result"] == {}
        judged = house.kept.kinds().count("tool.judged")
        await told(poster, note(UPDATED, thing="stock"), session=session)
        assert await newer.has(1) == [{"jsonrpc": "2.0", "method": UPDATED, "params": {"uri": STOCK}}]
        assert house.kept.kinds().count("tool.judged") == judged + 1  # the call of the tool alone


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_nothing_is_subscribed_on_a_stream_that_ended_meanwhile(tmp_path: Path, era: str) -> None:
    """Its client hears so, and the session goes on without."""
    async with before_a_teller(tmp_path, era) as (teller, house, poster, session):
        async with hearing(poster, session):
            await until(lambda: bool(teller.listeners))
            asked, teller.holds = len(teller.heard), threading.Event()
            doing = asyncio.create_task(subscribed(poster, session, STOCK))
            await until(lambda: len(teller.heard) > asked)
        await until(lambda: "ended" in [one["state"] for one in _ended(house)])
        teller.holds.set()
        assert (await doing).code == (-32600, "not_listening")
        assert (await poster.legacy("ping", session=session)).answer["result"] == {}


async def test_streams_are_bounded(tmp_path: Path) -> None:
    """So many of one token at one server; the next is refused, and another token is none the worse for it."""
    async with (
        before(
            tmp_path,
            "legacy",
            "program",
        ) as (house, poster),
        AsyncExitStack() as stack,
    ):
        for _ in range(MOST_OF_A_TOKEN):
            stream = await stack.enter_async_context(listening(poster, toolsListChanged=True))
            await stream.has(1)
        async with listening(poster, toolsListChanged=True) as more:
            assert (await more.ended())[0]["error"]["data"]["code"] == "too_many_streams"  # type: ignore[index]  # an error
        async with (
            posting(house.at("github"), await house.token(agent="other")) as other,
            listening(other, toolsListChanged=True) as stream,
        ):
            await stream.has(1)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"everything": True}, "param_unknown"),
        ({"toolsListChanged": 1}, "param_invalid"),
        ({"resourceSubscriptions": "shop://stock"}, "param_invalid"),
        ({"resourceSubscriptions": [7]}, "param_invalid"),
        ({"resourceSubscriptions": [f"shop://{n}" for n in range(33)]}, "too_many_resources"),
    ],
)
async def test_a_wish_that_cannot_be_read_is_refused(tmp_path: Path, wanted: dict[str, object], code: str) -> None:
    """By name, before anything is judged, and no server hears of it."""
    async with before(tmp_path, "modern", "program") as (house, poster), listening(poster, **wanted) as stream:
        (said,) = await stream.ended()
        assert said["error"]["data"]["code"] == code  # type: ignore[index]  # an error
        assert "tool.judged" not in house.kept.kinds()


async def test_where_nothing_is_told(tmp_path: Path) -> None:
    """To a client that takes no events, at one server's address and at that of all."""
    async with (
        before(tmp_path, "modern", "program") as (house, poster),
        posting(house.at(), poster.token) as all_,
    ):
        headers = {"accept": "application/json"}
        for who in (poster, all_):
            said = await who.modern("subscriptions/listen", notifications={}, headers=headers)
            assert said.code[1] == "not_acceptable"
            session = await who.begin("2025-11-25")
            said = await who.raw(b"", method="GET", mcp_session_id=session, accept="application/json")
            assert (said.status, said.code[1]) == (405, "method_refused")


@pytest.mark.parametrize("where", ["http", "program"])
async def test_what_a_server_ends_ends_for_its_client(tmp_path: Path, where: str) -> None:
    """With the result that says so, or with an error: a client listens anew then."""
    async with AsyncExitStack() as stack:
        teller = stack.enter_context(over_http(is_modern=True))
        named = settings(teller) if where == "http" else program("modern")
        house, _ = await stack.enter_async_context(
            judging(tmp_path, McpServer.model_validate(named), is_pinned=True)
        )
        poster = await stack.enter_async_context(posting(house.at("github"), await house.token()))
        stream: Stream = await stack.enter_async_context(listening(poster, toolsListChanged=True))
        await stream.has(1)
        if where == "http":
            ((id_, (_, say)),) = teller.listeners.items()
            say({"jsonrpc": "2.0", "id": id_, "result": {"resultType": "complete"}})
            last = (await stream.ended())[-1]
            meta = {"io.modelcontextprotocol/subscriptionId": "mine"}
            assert last["result"] == {"resultType": "complete", "_meta": meta}
        else:
            cancelled = {"requestId": 2, "reason": "no more"}
            await told(poster, note("notifications/cancelled", **cancelled))
            assert (await stream.ended())[-1]["error"]["data"]["code"] == "upstream_unavailable"  # type: ignore[index]  # an error
