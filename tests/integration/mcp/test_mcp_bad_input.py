"""What the MCP gate answers to what it cannot serve: clear errors with stable codes; nothing reaches a server."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.mcp_house import House, Open, mcp_house
from tests.support.mcp_posting import NOTES, Poster, posting, rough, until
from tests.support.mcp_unjudged import NoCalls, NothingShown, NoTools

CALL = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "echo", "_meta": NOTES}}
MODERN = {"mcp_protocol_version": "2026-07-28", "mcp_method": "tools/call", "mcp_name": "echo"}


class Bench:
    """A gate before one program, with somebody who posts to it."""

    def __init__(self, house: House, poster: Poster, opened: Open) -> None:
        self.house = house
        self.poster = poster
        self.opened = opened


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """Serve one program."""
    opened = Open()
    async with (
        mcp_house(tmp_path, rough(max_body_mib=1), calls=opened, shown=opened) as house,
        posting(house.at("rough"), await house.token()) as poster,
    ):
        yield Bench(house, poster, opened)


async def test_what_cannot_be_served_is_refused_before_anybody_is_asked(bench: Bench) -> None:
    """Each row: what is sent, status, number and word; no seam hears of it and no program is started."""
    call = json.dumps(CALL).encode()
    rows: list[tuple[bytes, dict[str, str], int, int, str]] = [
        (b"", {}, 400, -32700, "json_invalid"),
        (b"\x00\xff garbage", {}, 400, -32700, "json_invalid"),
        (
            b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\\udc00"}}',
            {},
            400,
            -32700,
            "json_invalid",
        ),
        (b"[" + call + b"]", {}, 400, -32600, "batch_refused"),
        (b"[" + call + b"]", {"mcp_protocol_version": "2025-03-26"}, 400, -32600, "batch_refused"),
        (call[:-1] + b',"id":8}', MODERN, 400, -32600, "json_duplicate_key"),
        (b'{"id":1}', {}, 400, -32600, "message_invalid"),
        (call[:-1] + b',"note":"x"}', MODERN, 400, -32600, "member_unknown"),
        (b'{"jsonrpc":"2.0","method":"notifications/x","Params":{}}', MODERN, 400, -32600, "member_unknown"),
        (b'{"jsonrpc":"2.0","id":1,"result":{},"also":1}', {}, 400, -32600, "member_unknown"),
        (b"1" * ((1 << 20) + 1), {}, 413, -31413, "body_too_large"),
        (call, {}, 400, -32020, "header_mismatch"),
        (call, MODERN | {"mcp_name": "die"}, 400, -32020, "header_mismatch"),
        (call, MODERN | {"mcp_method": "tools/list"}, 400, -32020, "header_mismatch"),
        (call, MODERN | {"mcp_protocol_version": "2025-11-25"}, 400, -32020, "header_mismatch"),
        (call, MODERN | {"mcp_param_x": "1"}, 400, -32020, "header_mismatch"),
        (
            call.replace(b"2026-07-28", b"2030-01-01"),
            MODERN | {"mcp_protocol_version": "2030-01-01"},
            400,
            -32022,
            "version_unsupported",
        ),
        (call.replace(b'"_meta"', b'"meta"'), MODERN, 400, -32602, "meta_missing"),
        (
            call.replace(b"tools/call", b"tools/drop"),
            MODERN | {"mcp_method": "tools/drop"},
            404,
            -32601,
            "method_unknown",
        ),
        (call.replace(b"tools/call", b"ping"), MODERN | {"mcp_method": "ping"}, 404, -32601, "method_unknown"),
        (
            b'{"jsonrpc":"2.0","id":1,"result":{}}',
            {"mcp_protocol_version": "2026-07-28"},
            400,
            -32600,
            "answer_refused",
        ),
        (call, MODERN | {"content_type": "text/plain"}, 415, -32600, "content_type_refused"),
        (call, MODERN | {"accept": "image/png"}, 406, -32600, "not_acceptable"),
        (call, MODERN | {"origin": "https://evil.example"}, 403, -31403, "origin_refused"),
        (call, MODERN | {"host": "evil.example"}, 403, -31403, "host_refused"),
    ]
    for body, fields, status, number, word in rows:
        said = await bench.poster.raw(body, **fields)
        assert (said.status, *said.code) == (status, number, word), (body[:80], fields, said)
    assert (bench.opened.calls, bench.house.lines.count) == ([], 0)
    served = await bench.poster.modern("tools/call", 7, name="echo", arguments={"a": 1})
    assert served.text == '{"a": 1}'


async def test_an_unknown_method_of_a_session_is_an_answer(bench: Bench) -> None:
    """Earlier clients take another status than 200 for a broken connection: they get the error as an answer."""
    session = await bench.poster.begin()
    said = await bench.poster.legacy("tools/drop", 3, session=session)
    assert (said.status, said.answer["id"], *said.code) == (200, 3, -32601, "method_unknown")
    assert (await bench.poster.legacy("ping", 4, session=session)).answer["result"] == {}


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (-32700, 400),
        (-32600, 400),
        (-32601, 404),
        (-32602, 400),
        (-32020, 400),
        (-32021, 400),
        (-32022, 400),
        (-32603, 200),
        (-32002, 200),
        (7, 200),
    ],
)
async def test_a_servers_own_errors_have_the_status_that_their_number_asks_for(
    bench: Bench, number: int, status: int
) -> None:
    """A client of 2026-07-28 hears it beside the error; one of a session takes any but 200 for a broken line."""
    said = await bench.poster.modern("tools/call", 7, name="fail", arguments={"number": number})
    assert (said.status, said.answer["error"]) == (status, {"code": number, "message": "no"})
    session = await bench.poster.begin()
    said = await bench.poster.legacy("tools/call", 8, session=session, name="fail", arguments={"number": number})
    assert (said.status, said.answer["error"]) == (200, {"code": number, "message": "no"})


async def test_a_token_is_needed_and_counts_for_its_own_servers(bench: Bench) -> None:
    """Without one 401 and how to authenticate; a server that the grant does not permit is not there."""
    without = await bench.poster.raw(b"{}", authorization="")
    assert (without.status, *without.code) == (401, -31401, "token_invalid")
    assert without.headers["www-authenticate"].startswith("Bearer")
    for wish in ({"environment": "production"}, {"tools": ("mcp__other__*",)}):
        async with posting(bench.house.at("rough"), await bench.house.token(**wish)) as other:  # type: ignore[arg-type]  # fields of a grant
            said = await other.modern("tools/call", name="echo")
            assert (said.status, *said.code) == (404, -31404, "server_unknown")
    for path in ("none", "rough/more", "%72ough"):
        async with posting(f"{bench.house.base}/mcp/{path}", bench.poster.token) as lost:
            assert (await lost.modern("tools/call", name="echo")).status in (400, 404)
    assert bench.opened.calls == []


async def test_only_posts_are_served(bench: Bench) -> None:
    """Without a session there is no stream to open with GET, and none to end."""
    for method in ("GET", "PUT", "DELETE", "HEAD", "OPTIONS"):
        said = await bench.poster.raw(b"", method=method)
        assert (said.status, said.headers["allow"]) == (405, "GET, POST, DELETE")


async def test_a_session_belongs_to_its_token_and_ends_once(bench: Bench) -> None:
    """Another token's session, one that never was and one that was ended are all the same 404."""
    session = await bench.poster.begin()
    other = Poster(bench.poster.http, bench.poster.url, await bench.house.token())
    everywhere = Poster(bench.poster.http, bench.house.at(), bench.poster.token)
    for poster, named in ((other, session), (everywhere, session), (bench.poster, "guessed")):
        said = await poster.legacy("tools/list", session=named)
        assert (said.status, *said.code) == (404, -31404, "session_unknown")
    assert (await bench.poster.raw(b"", method="DELETE", mcp_session_id=session)).status == 204
    assert (await bench.poster.legacy("tools/list", session=session)).status == 404
    assert (await bench.poster.raw(b"", method="DELETE", mcp_session_id=session)).status == 404


async def test_an_id_that_is_in_use_is_refused_and_the_first_goes_on(bench: Bench) -> None:
    """Two answers under one id could be taken for each other; cancelling ends the one that waits."""
    session = await bench.poster.begin()
    first = asyncio.create_task(bench.poster.legacy("tools/call", "one", session=session, name="silent"))
    await until(lambda: bool(bench.opened.calls))
    said = await bench.poster.legacy("tools/call", "one", session=session, name="echo")
    assert said.code == (-32600, "id_in_use")
    other = await bench.poster.legacy("tools/call", "two", session=session, name="echo")
    assert other.text == "{}"
    cancelled = await bench.poster.note("notifications/cancelled", session=session, requestId="one")
    assert (cancelled.status, cancelled.messages) == (202, [])
    assert (await first).code == (-31499, "request_cancelled")


async def test_answers_to_nothing_are_refused(bench: Bench) -> None:
    """A client answers what a server asked it, nothing else."""
    session = await bench.poster.begin()
    body = b'{"jsonrpc":"2.0","id":"stayhand-1","result":{}}'
    for named in (session, ""):
        said = await bench.poster.raw(body, mcp_protocol_version="2025-06-18", mcp_session_id=named)
        assert (said.status, *said.code) == (400, -32600, "answer_refused")


async def test_requests_draw_from_the_token(bench: Bench) -> None:
    """A token with a rate is answered with the limit once it is used up, and with when to ask again."""
    slow = Poster(bench.poster.http, bench.poster.url, await bench.house.token(requests_per_minute=1))
    assert (await slow.modern("tools/list")).status == 200
    said = await slow.modern("tools/list")
    assert said.code == (-31429, "rate_limited")
    error = said.answer["error"]
    assert isinstance(error, dict)
    assert error["data"]["retryAfterSeconds"] > 0
    assert len(bench.opened.looked_at) == 1


async def test_a_revoked_token_ends_what_is_under_way(bench: Bench) -> None:
    """Within a moment, and its sessions and lines with it."""
    ident, token = await bench.house.minted()
    mine = Poster(bench.poster.http, bench.poster.url, token)
    session = await mine.begin()
    waiting = asyncio.create_task(mine.legacy("tools/call", session=session, name="silent"))
    await until(lambda: bool(bench.opened.calls))
    await bench.house.tokens.revoke(ident, by="alice")
    said = await waiting
    assert said.code[1] == "token_revoked"
    assert (await mine.legacy("tools/list", session=session)).status == 401


async def test_what_no_seam_has_seen_is_refused(tmp_path: Path) -> None:
    """Before anybody judges calls and looks at answers, nothing passes: neither lists nor calls nor greetings."""
    async with (
        mcp_house(tmp_path, rough(), calls=NoCalls(), shown=NothingShown()) as house,
        posting(house.at("rough"), await house.token()) as poster,
    ):
        for method in ("tools/list", "server/discover", "resources/list"):
            assert (await poster.modern(method)).code[1] == "mcp_not_judged"
        assert (await poster.modern("tools/call", name="echo")).code == (-31501, "mcp_not_judged")
        refused = await poster.legacy("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo={})
        assert refused.code == (-31501, "mcp_not_judged")
        everywhere = Poster(poster.http, house.at(), poster.token)
        listed = await everywhere.modern("tools/list")
        assert listed.answer["result"] == {
            "tools": [],
            "resultType": "complete",
            "ttlMs": 0,
            "cacheScope": "private",
        }
    shown = NothingShown()
    assert await shown.asked_back(None, None, None) is None  # type: ignore[arg-type]  # it looks at nothing
    assert await NoTools().tool(None, None, "x", upstream=None, seen=None) is None  # type: ignore[arg-type]  # the same
