"""What a connection to a listener can and cannot do: bodies, trailers, slow clients, hidden second requests."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from starlette.types import Receive, Scope, Send

from firewall.core.errors import FirewallError, LimitError
from firewall.gates.edge.body import ClientGoneError, read_body, while_connected
from firewall.gates.edge.middleware import Access, Edge, trusted_networks
from firewall.gates.edge.protocol import Limits
from firewall.gates.edge.server import Listener, serving
from tests.cases.edge.rows import get, post
from tests.support.mcp_posting import until
from tests.support.wire import Witness, answer, answers, code_of, status_of, talk

_CLOSE = "Connection: close"
LIMIT_S = 30


async def _ask(app: Callable[[Scope, Receive, Send], Awaitable[None]], raw: bytes, **access: object) -> bytes:
    edge = Edge(app, max_body_bytes=1000, access=Access(**access), foreign_prefixes=("/infra/",))  # type: ignore[arg-type]  # each test names real fields
    async with serving([Listener(edge, "127.0.0.1", 0)]) as running:
        return await talk(running.ports[0], raw)


def _names(app: Witness) -> set[bytes]:
    return {name for name, _ in app.scopes[0]["headers"]}


async def test_internal_headers_of_clients_are_dropped() -> None:
    """Only the four headers of ours that a client may send arrive, and nobody's routing or method headers."""
    app = Witness()
    sent = ("token", "tags", "cache", "phase", "env", "entry", "model")
    fields = [f"x-stayhand-{name}: v" for name in sent]
    others = ("x-litellm-model", "x-portkey-config", "x-forwarded-for", "x-forwarded-host", "forwarded")
    others += ("x-http-method-override", "x-original-url", "x-rewrite-url", "odd_name", "x-real-ip")
    got = await _ask(app, get("/v1/models", *fields, *(f"{name}: v" for name in others), "anthropic-beta: b"))
    assert status_of(got) == 200
    assert _names(app) == {
        b"host",
        b"connection",
        b"anthropic-beta",
        *(b"x-stayhand-" + name for name in (b"token", b"tags", b"cache", b"phase")),
    }


async def test_connection_cannot_name_our_headers_away() -> None:
    """A header named in Connection still arrives: hop-by-hop removal is nobody's way around a check."""
    app = Witness()
    raw = post("Authorization: Bearer t", "Content-Length: 0", "Connection: close, authorization")
    assert status_of(await _ask(app, raw)) == 200
    assert b"authorization" in _names(app)


async def test_method_overrides_are_ignored() -> None:
    """A POST stays a POST, whatever header or query says."""
    app = Witness()
    raw = post("X-HTTP-Method-Override: DELETE", "Content-Length: 0", _CLOSE, path="/v1/messages?_method=DELETE")
    assert status_of(await _ask(app, raw)) == 200
    assert app.scopes[0]["method"] == "POST"


async def test_trailers_never_become_headers() -> None:
    """A field sent behind a chunked body is not read as a header of the request."""
    app = Witness()
    body = b"5\r\nhello\r\n0\r\nAuthorization: Bearer stolen\r\nx-stayhand-token: t\r\n\r\n"
    got = await _ask(app, post("Transfer-Encoding: chunked", _CLOSE, body=body))
    assert status_of(got) == 200
    assert app.bodies == [b"hello"]
    assert _names(app) == {b"host", b"transfer-encoding", b"connection"}


@pytest.mark.parametrize("size", [1000, 1001])
async def test_chunked_bodies_are_bounded_too(size: int) -> None:
    """A body without a declared length ends at the limit: the last byte that fits is taken, one more is 413."""
    app = Witness(limit=10_000)
    body = b"%x\r\n" % size + b"a" * size + b"\r\n0\r\n\r\n"
    got = await _ask(app, post("Transfer-Encoding: chunked", _CLOSE, body=body))
    assert status_of(got) == (200 if size == 1000 else 413)
    assert [len(found) for found in app.bodies] == ([1000] if size == 1000 else [])


async def test_a_body_that_turns_bad_ends_the_request() -> None:
    """A broken chunk behind a good one gives one 400; the application never gets a whole body."""
    app = Witness()
    got = await _ask(app, post("Transfer-Encoding: chunked", body=b"5\r\nhello\r\nzz\r\n"))
    assert (status_of(got), answers(got)) == (400, 1)
    assert app.bodies == []


async def test_nothing_follows_an_answer_on_its_way() -> None:
    """When a running request is followed by garbage, no second answer is written into the first."""
    entered = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        await read_body(receive, 10)
        entered.set()
        await asyncio.sleep(0.05)
        await answer(send, b"first")

    got = await _ask(slow, get("/v1/models").replace(b"Connection: close\r\n", b"") + b"\x00garbage\r\n\r\n")
    assert answers(got) <= 1
    assert b"http_malformed" not in got
    assert entered.is_set() or got == b""


async def test_two_good_requests_on_one_connection_get_two_answers() -> None:
    """Keep-alive and pipelining of well-formed requests work, each answer in order."""
    app = Witness()
    got = await _ask(app, post("Content-Length: 3", body=b"abc") + post("Content-Length: 1", _CLOSE, body=b"a"))
    assert answers(got) == 2
    assert app.bodies == [b"abc", b"a"]


@pytest.mark.parametrize(
    "pieces",
    [
        (b"",),
        (b"\r\n",) * 6,
        (b"G", b"E", b"T", b" ", b"/", b"v"),
        (b"GET / HTTP/1.1\r\n", b"Host: a\r\n", b"A: b\r\n", b"C: d\r\n", b"E: f\r\n", b"G: h\r\n"),
    ],
    ids=["silence", "blank lines", "letters", "headers"],
)
async def test_slow_heads_are_cut_off(pieces: tuple[bytes, ...]) -> None:
    """A client that drips a head, or says nothing, is told 408 and cut off; no drip extends the time."""
    app = Witness()
    limits = Limits(head_s=0.2, linger_s=0.1)
    async with serving([Listener(app, "127.0.0.1", 0)], limits=limits) as running:
        got = await talk(running.ports[0], *pieces, pause_s=0.1)
    assert (status_of(got), code_of(got)) == (408, "head_timeout")
    assert app.scopes == []


@pytest.mark.parametrize(("keep_alive_s", "second"), [(5, True), (0, False)])
async def test_a_connection_answered_early_stays_usable_and_ends(keep_alive_s: int, *, second: bool) -> None:
    """A body that comes behind its refusal is dropped; the connection serves on, and idles no longer than any."""
    app = Witness(limit=1000)
    limits = Limits(head_s=1, keep_alive_s=keep_alive_s)
    edge = Edge(app, max_body_bytes=10)
    async with serving([Listener(edge, "127.0.0.1", 0)], limits=limits) as running:
        raw = post("Content-Length: 20")
        late = get("/v1/models") if second else b""
        got = await talk(running.ports[0], raw, b"a" * 20, b"", late, pause_s=0.55)
    assert (status_of(got), answers(got)) == (413, 2 if second else 1)
    assert len(app.scopes) == (1 if second else 0)


async def test_slow_bodies_are_cut_off() -> None:
    """A body that never ends is answered 408 by whoever reads it."""

    async def reader(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, send
        await read_body(receive, 100, timeout_s=0.1)

    got = await _ask(reader, post("Content-Length: 50", _CLOSE, body=b"abc"))
    assert (status_of(got), code_of(got)) == (408, "body_timeout")


@pytest.mark.parametrize(
    "tail",
    [b"0\r\nX-A: " + b"a" * 300_000, b"5;" + b"a" * 300_000, b"0\r\n" + b"X-A: aaaaaaaaaa\r\n" * 20_000],
    ids=["long trailer", "long chunk extension", "many trailers"],
)
async def test_endless_framing_is_refused(tail: bytes) -> None:
    """Bytes that are neither head nor body cannot pile up without end."""
    app = Witness()
    got = await _ask(app, post("Transfer-Encoding: chunked", body=tail))
    assert (status_of(got), answers(got)) == (431, 1)
    assert app.bodies == []


async def test_a_giant_head_is_refused_while_it_arrives() -> None:
    """An endless header value is cut off near the limit, not when it ends."""
    app = Witness()
    async with serving([Listener(app, "127.0.0.1", 0)]) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.ports[0])
        writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ")
        for _ in range(10):
            writer.write(b"a" * 65536)
        async with asyncio.timeout(30):
            got = await reader.read()
        writer.close()
    assert (status_of(got), code_of(got)) == (431, "head_too_large")


async def test_too_many_connections_are_told_so() -> None:
    """Beyond the limit a connection gets 503 and is closed, while the open ones go on."""
    app = Witness()
    async with serving([Listener(app, "127.0.0.1", 0)], limits=Limits(connections=1)) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.ports[0])
        writer.write(get("/v1/models").replace(b"Connection: close\r\n", b""))
        assert await reader.readuntil(b"\r\n\r\n")
        refused = await talk(running.ports[0])
        writer.close()
    assert (status_of(refused), code_of(refused)) == (503, "overloaded")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8787", "localhost", "LOCALHOST:1", "[::1]:8787", "fw.lan"]
)
async def test_own_names_are_served(host: str) -> None:
    """Loopback names and configured hosts are served, with or without a port."""
    app = Witness()
    raw = post("Content-Length: 0", _CLOSE, host=f"Host: {host}")
    assert status_of(await _ask(app, raw, hosts=frozenset({"fw.lan"}))) == 200


async def test_named_origins_are_served() -> None:
    """A page that was allowed by name may call; another still may not."""
    app = Witness()
    allowed = frozenset({"vscode-file://vscode-app"})
    good = await _ask(app, get("/v1/models", "Origin: vscode-file://vscode-app"), origins=allowed)
    bad = await _ask(app, get("/v1/models", "Origin: https://vscode-app"), origins=allowed)
    assert (status_of(good), status_of(bad)) == (200, 403)


@pytest.mark.parametrize(
    ("host", "fields", "status"),
    [
        ("127.0.0.1:8787", ("Origin: http://127.0.0.1:8787",), 200),
        ("localhost:8787", ("Origin: http://localhost:8787",), 200),
        ("[::1]:8787", ("Origin: http://[::1]:8787", "Sec-Fetch-Site: same-origin"), 200),
        ("127.0.0.1:8787", ("Origin: http://127.0.0.1:3000",), 403),
        ("127.0.0.1:8787", ("Origin: https://127.0.0.1:8787",), 403),
        ("127.0.0.1:8787", ("Origin: null",), 403),
        ("127.0.0.1:8787", ("Origin: http://127.0.0.1:8787", "Sec-Fetch-Site: cross-site"), 403),
        ("fw.lan:8787", ("Origin: http://fw.lan:8787",), 403),
        ("evil.example", ("Origin: http://evil.example",), 403),
    ],
)
async def test_only_the_own_loopback_origin_is_served(host: str, fields: tuple[str, ...], status: int) -> None:
    """An origin that is the very loopback address that was called is ours; every other one is a strange page."""
    raw = post("Content-Length: 0", _CLOSE, *fields, host=f"Host: {host}")
    assert status_of(await _ask(Witness(), raw, hosts=frozenset({"fw.lan"}))) == status


async def test_the_console_judges_origins_itself() -> None:
    """With origins None the application sees the Origin header and decides."""
    app = Witness()
    assert status_of(await _ask(app, get("/approve/x", "Origin: https://a.example"), origins=None)) == 200
    assert b"origin" in _names(app)


async def test_forwarded_addresses_count_from_trusted_proxies_alone() -> None:
    """The right-most address that is not a trusted proxy is the client; from strangers nothing is believed."""
    raw = get("/v1/models", "X-Forwarded-For: 6.6.6.6, 9.9.9.9, 127.0.0.2", "X-Forwarded-Proto: https")
    app, stranger = Witness(), Witness()
    await _ask(app, raw, trusted_proxies=trusted_networks(["127.0.0.0/8"]))
    await _ask(stranger, raw)
    assert (app.scopes[0]["client"][0], app.scopes[0]["scheme"]) == ("9.9.9.9", "https")
    assert (stranger.scopes[0]["client"][0], stranger.scopes[0]["scheme"]) == ("127.0.0.1", "http")


async def test_foreign_paths_are_left_to_their_gate() -> None:
    """Below a foreign prefix the raw path arrives untouched; the prefix itself cannot be disguised."""
    app = Witness()
    assert status_of(await _ask(app, get("/infra/github/repos/a%2Fb;v=1"))) == 200
    assert app.scopes[0]["raw_path"] == b"/infra/github/repos/a%2Fb;v=1"
    assert status_of(await _ask(app, get("/inf%72a/github/a%2Fb"))) == 400


async def test_errors_have_codes_and_no_insides() -> None:
    """Our errors come out with their code and headers; unforeseen ones say nothing of what happened."""

    async def limit(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive, send
        raise LimitError("slow down", retry_after_s=7)

    async def crash(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive, send
        raise ValueError("shd_secret_value")

    limited = await _ask(limit, get("/v1/models"))
    crashed = await _ask(crash, get("/v1/models"))
    assert (status_of(limited), code_of(limited)) == (429, "rate_limited")
    assert b"retry-after: 7\r\n" in limited
    assert (status_of(crashed), code_of(crashed)) == (500, "internal_error")
    assert b"secret" not in crashed
    assert b"ValueError" not in crashed


async def test_an_error_behind_a_started_answer_cuts_it() -> None:
    """Once an answer has begun, an error cannot add a second one: the connection ends without the last chunk."""

    async def half(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise FirewallError("broken")

    got = await _ask(half, get("/v1/models"))
    assert (status_of(got), answers(got)) == (200, 1)
    assert not got.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("count", [1, 200], ids=["one long answer", "many short ones"])
async def test_who_takes_nothing_of_an_answer_keeps_no_connection(count: int) -> None:
    """A client that never reads is let go: its answer would hold a connection, and what it holds, for good."""
    size = 32 << 20

    async def writer(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await answer(send, b"a" * (size // count))

    async with serving([Listener(writer, "127.0.0.1", 0)], limits=Limits(stall_s=0.2)) as running:
        reader, client = await asyncio.open_connection("127.0.0.1", running.ports[0], limit=1)
        client.write(get("/").replace(b"Connection: close\r\n", b"") * count)
        (server,) = running._servers
        async with asyncio.timeout(LIMIT_S):
            await until(lambda: len(server.server_state.connections) == 1)
            await until(lambda: not server.server_state.connections)
            with suppress(ConnectionError):
                assert len(await reader.read(-1)) < size
        client.close()


async def test_who_reads_slowly_is_waited_for() -> None:
    """A client that takes a little at a time has its whole answer."""
    size = 8 << 20

    async def writer(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await answer(send, b"a" * size)

    async with serving([Listener(writer, "127.0.0.1", 0)]) as running:
        reader, client = await asyncio.open_connection("127.0.0.1", running.ports[0], limit=1 << 14)
        client.write(get("/"))
        taken = 0
        async with asyncio.timeout(LIMIT_S):
            while piece := await reader.read(1 << 14):
                taken += len(piece)
        client.close()
    assert taken > size


async def test_work_ends_when_its_client_leaves() -> None:
    """A client that goes away cancels what is done for it, and the block learns why."""
    begun, left = asyncio.Event(), asyncio.Event()

    async def long(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, send
        await read_body(receive, 10)
        try:
            async with while_connected(receive):
                begun.set()
                await asyncio.Event().wait()
        except ClientGoneError:
            left.set()
            raise

    async with serving([Listener(Edge(long, max_body_bytes=10), "127.0.0.1", 0)]) as running:
        _, writer = await asyncio.open_connection("127.0.0.1", running.ports[0])
        writer.write(get("/v1/models"))
        await writer.drain()
        async with asyncio.timeout(60):
            await begun.wait()
            writer.close()
            await left.wait()


async def test_no_server_name_is_told() -> None:
    """Answers carry a date and no server header."""
    got = await _ask(Witness(), get("/v1/models"))
    assert b"server:" not in got.lower()
