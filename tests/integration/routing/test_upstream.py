"""The carrier against real sockets: what goes out, what comes back, and what must do neither."""

import asyncio
import gzip
import json
import logging
import socket
import traceback
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from firewall.core.errors import FirewallError, ProtocolError, UpstreamError, UpstreamFault
from firewall.core.secret import Secret
from firewall.routing.port import Credential, Endpoint, Timeouts, UpstreamRequest
from firewall.routing.upstream import HttpUpstream
from tests.support.provider import Behave, provider, says, whole

_KEY = "sk-canary-7f3a9b2c5d8e1f4a"
_OURS = Credential("authorization", Secret(_KEY), prefix="Bearer ")


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[HttpUpstream]:
    carrier = HttpUpstream()
    yield carrier
    await carrier.close()


def _endpoint(base_url: str, **seconds: float) -> Endpoint:
    return Endpoint("openai", base_url, private=True, timeouts=Timeouts(**seconds))


def _post(*fields: tuple[bytes, bytes], body: bytes = b"{}", path: str = "/v1/responses") -> UpstreamRequest:
    return UpstreamRequest("POST", path, fields=fields, body=body, credential=_OURS)


async def _get_all(upstream: HttpUpstream, behave: Behave, **seconds: float) -> tuple[int, bytes]:
    async with (
        provider(behave) as found,
        await upstream.open(_endpoint(found.base_url, **seconds), _post()) as got,
    ):
        return got.status, await got.read(1 << 20)


async def _fault_of(upstream: HttpUpstream, behave: Behave, **seconds: float) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await _get_all(upstream, behave, **seconds)
    return caught.value


async def test_a_request_goes_out_with_our_key_and_the_clients_bytes(upstream: HttpUpstream) -> None:
    """Method, path, query and body arrive verbatim; the key stands once, as the provider wants it."""
    async with provider(says(whole(b"{}"))) as found:
        request = UpstreamRequest(
            "POST", "/v1beta/models/m:generateContent", query="alt=sse", body=b'{"a": 1 }', credential=_OURS
        )
        async with await upstream.open(_endpoint(found.base_url + "/base"), request) as got:
            assert await got.read(10) == b"{}"
    sent = found.requests[0]
    assert sent.startswith(b"POST /base/v1beta/models/m:generateContent?alt=sse HTTP/1.1\r\n")
    assert sent.endswith(b'\r\n\r\n{"a": 1 }')
    assert sent.count(b"authorization: Bearer " + _KEY.encode()) == 1
    assert b"accept-encoding: identity\r\n" in sent


_CLIENT_FIELDS = (
    (b"host", b"evil.example"),
    (b"authorization", b"Bearer shd_staging_agent_x"),
    (b"x-api-key", b"shd_staging_agent_x"),
    (b"x-goog-api-key", b"shd_staging_agent_x"),
    (b"x-stayhand-token", b"shd_staging_agent_x"),
    (b"x-stayhand-tags", b"a=b"),
    (b"proxy-authorization", b"Basic shd_"),
    (b"cookie", b"shd_"),
    (b"x-forwarded-for", b"1.2.3.4"),
    (b"x-codex-auth-token", b"shd_"),
    (b"x-claude-code-session-id", b"kept-session"),
    (b"openai-organization", b"org-evil"),
    (b"openai-project", b"proj-evil"),
    (b"chatgpt-account-id", b"acc-evil"),
    (b"x-goog-user-project", b"proj-evil"),
    (b"api-base", b"http://evil.example"),
    (b"accept-encoding", b"br, zstd"),
    (b"connection", b"keep-alive, anthropic-version"),
    (b"transfer-encoding", b"chunked"),
    (b"content-length", b"99"),
    (b"te", b"trailers"),
    (b"upgrade", b"h2c"),
    (b"content-type", b"application/json"),
    (b"anthropic-beta", b"kept-beta"),
    (b"anthropic-version", b"2023-06-01"),
    (b"x-stainless-lang", b"kept-lang"),
    (b"user-agent", b"kept-agent"),
    (b"x-something", b"unknown"),
)


async def test_only_listed_fields_go_out(upstream: HttpUpstream) -> None:
    """Credentials, accounts, proxies' and our own fields stay; what agents need arrives."""
    async with (
        provider(says(whole(b"{}"))) as found,
        await upstream.open(_endpoint(found.base_url), _post(*_CLIENT_FIELDS)) as got,
    ):
        await got.read(10)
    head = found.requests[0].partition(b"\r\n\r\n")[0].lower()
    names = sorted(line.partition(b":")[0] for line in head.split(b"\r\n")[1:])
    assert names == [
        b"accept-encoding",
        b"anthropic-beta",
        b"authorization",
        b"content-length",
        b"content-type",
        b"host",
        b"user-agent",
        b"x-claude-code-session-id",
        b"x-stainless-lang",
    ]
    assert b"shd_" not in head
    assert b"evil" not in head


async def test_an_own_login_brings_its_account(upstream: HttpUpstream) -> None:
    """Beside the client's own login the fields that name its account go along."""
    own = Credential("authorization", Secret("own-login"), prefix="Bearer ", of_client=True)
    request = UpstreamRequest("POST", "/v1/responses", fields=_CLIENT_FIELDS, body=b"{}", credential=own)
    async with (
        provider(says(whole(b"{}"))) as found,
        await upstream.open(_endpoint(found.base_url), request) as got,
    ):
        await got.read(10)
    assert b"chatgpt-account-id: acc-evil" in found.requests[0].lower()
    assert b"bearer own-login" in found.requests[0].lower()


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 Temporary", "308 Permanent"])
async def test_redirects_are_not_followed(upstream: HttpUpstream, status: str) -> None:
    """A redirect ends the exchange: nobody else is asked, and the key goes to nobody else."""
    async with provider(says(whole(b"{}"))) as other:
        location = f"Location: {other.base_url}/steal"
        error = await _fault_of(upstream, says(whole(b"", location, status=status)))
    assert error.fault is UpstreamFault.REJECTED
    assert other.requests == []


async def test_the_environment_is_not_read(
    upstream: HttpUpstream, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    """Proxy variables, netrc and certificate variables change nothing."""
    async with provider(says(whole(b"proxied"))) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.base_url)
        monkeypatch.setenv("SSL_CERT_FILE", f"{tmp_path}/nothing.pem")
        monkeypatch.setenv("SSLKEYLOGFILE", f"{tmp_path}/keys.log")
        monkeypatch.setenv("NETRC", f"{tmp_path}/netrc")
        with open(f"{tmp_path}/netrc", "w", encoding="ascii") as file:  # noqa: ASYNC230, PTH123 - a test's own file
            file.write("default login thief password thief\n")
        assert await _get_all(upstream, says(whole(b"direct"))) == (200, b"direct")
        assert HttpUpstream()._tls.keylog_filename is None
    assert proxy.requests == []


class Names:
    """A name server that answers what it is told, one answer after another."""

    def __init__(self, *answers: str | OSError) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> list[str]:
        """Give the next answer, the last one for ever."""
        del host, port
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if isinstance(answer, OSError):
            raise answer
        return answer.split()


@pytest.mark.parametrize(
    "answer",
    [
        "127.0.0.1",
        "10.0.0.7",
        "169.254.169.254",
        "100.64.0.1",
        "8.8.8.8 192.168.1.1",
        "::ffff:127.0.0.1",
        "0.1.2.3",
    ],
)
async def test_public_providers_cannot_lead_inside(answer: str) -> None:
    """A public name that resolves to a private address is refused, also when only one address is private."""
    carrier = HttpUpstream(lookup=Names(answer))
    with pytest.raises(UpstreamError, match="not allowed") as caught:
        await carrier.open(Endpoint("openai", "https://api.example.com"), _post())
    await carrier.close()
    assert caught.value.fault is UpstreamFault.REJECTED


async def test_names_are_pinned_and_rebinding_is_refused() -> None:
    """The first good answer serves until it expires; a later private answer is refused, not followed."""
    names = Names("127.0.0.1", "169.254.169.254")
    behave = says(whole(b"{}", "Connection: close"))
    async with provider(behave) as found:
        endpoint = _endpoint(f"http://ollama.internal:{found.port}")
        pinned, rebound = HttpUpstream(lookup=names), HttpUpstream(lookup=names, dns_ttl_s=0.0)
        for _ in range(3):
            async with await pinned.open(endpoint, _post()) as got:
                await got.read(10)
        assert names.asked == 1
        with pytest.raises(UpstreamError) as caught:
            await rebound.open(endpoint, _post())
        await pinned.close()
        await rebound.close()
    assert caught.value.fault is UpstreamFault.REJECTED
    assert len(found.requests) == 3


@pytest.mark.parametrize("cut", [1, 7, 1000])
async def test_compressed_answers_are_decoded_before_anybody_judges(upstream: HttpUpstream, cut: int) -> None:
    """A provider that compresses in spite of `identity` is understood, wherever its bytes are cut."""
    plain = b'data: {"type":"x"}\n\n' * 20
    packed = gzip.compress(plain[:100]) + gzip.compress(plain[100:])
    answer = whole(packed, "Content-Encoding: gzip")
    pieces = [answer[at : at + cut] for at in range(0, len(answer), cut)]
    assert await _get_all(upstream, says(*pieces)) == (200, plain)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("br", b"x"),
        ("zstd", b"x"),
        ("gzip", b"not gzip"),
        ("gzip", gzip.compress(b"a" * 100, mtime=0)[:-4]),
        ("gzip, gzip", b"x"),
    ],
)
async def test_answers_that_cannot_be_decoded_are_malformed(
    upstream: HttpUpstream, coding: str, body: bytes
) -> None:
    """An unknown, broken or cut encoding is an error, never passed on unread."""
    error = await _fault_of(upstream, says(whole(body, f"Content-Encoding: {coding}")))
    assert error.fault is UpstreamFault.MALFORMED


async def test_bombs_are_bounded(upstream: HttpUpstream) -> None:
    """A small answer that unpacks into a large one ends at the reader's limit."""
    error = await _fault_of(upstream, says(whole(gzip.compress(b"a" * (8 << 20)), "Content-Encoding: gzip")))
    assert error.fault is UpstreamFault.MALFORMED


@pytest.mark.parametrize(
    "body",
    [gzip.compress(b"") * 1000 + gzip.compress(b"{}"), gzip.compress(b"a" * (80 << 20))],
    ids=["many members", "one large"],
)
async def test_what_costs_more_to_unpack_than_to_send_is_refused(upstream: HttpUpstream, body: bytes) -> None:
    """Thousands of empty members, or more than any answer may have, keep the loop from everybody else."""
    async with (
        provider(says(whole(body, "Content-Encoding: gzip"))) as found,
        await upstream.open(_endpoint(found.base_url), _post()) as got,
    ):
        with pytest.raises(UpstreamError) as caught:
            await got.read(1 << 30)
    assert caught.value.fault is UpstreamFault.MALFORMED


async def test_the_key_never_comes_back(upstream: HttpUpstream, caplog: pytest.LogCaptureFixture) -> None:
    """A provider that echoes the key in an error body, in fields, or cut into pieces gives the client a mask."""
    caplog.set_level(logging.DEBUG)
    body = json.dumps({"error": {"message": f"Incorrect API key provided: {_KEY}. Bearer {_KEY}"}}).encode()
    fields = (
        f"x-request-id: {_KEY}",
        "Set-Cookie: a=b",
        "Server: x",
        f"www-authenticate: {_KEY}",
        "retry-after: 3",
    )
    answer = whole(body, *fields, "content-type: application/json", status="401 Unauthorized")
    pieces = [answer[at : at + 5] for at in range(0, len(answer), 5)]
    async with provider(says(*pieces)) as found, await upstream.open(_endpoint(found.base_url), _post()) as got:
        assert got.status == 401
        assert got.fields == [(b"retry-after", b"3"), (b"content-type", b"application/json")]
        text = await got.read(10_000)
    assert text == body.replace(_KEY.encode(), b"[redacted]")
    assert _KEY not in caplog.text


_FAULTS = [
    ("closes at once", says(b""), UpstreamFault.UNAVAILABLE),
    ("no HTTP", says(b"SSH-2.0-x\r\n\r\n"), UpstreamFault.MALFORMED),
    ("bad header", says(b"HTTP/1.1 200 OK\r\nA\x01: " + _KEY.encode() + b"\r\n\r\n"), UpstreamFault.MALFORMED),
    ("huge header", says(b"HTTP/1.1 200 OK\r\nA: " + b"a" * 100_000 + b"\r\n\r\n"), UpstreamFault.MALFORMED),
    ("cut body", says(whole(b"a" * 50)[:-10]), UpstreamFault.UNAVAILABLE),
    (
        "broken chunk",
        says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"),
        UpstreamFault.MALFORMED,
    ),
    (
        "two lengths",
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc"),
        UpstreamFault.MALFORMED,
    ),
    ("over the limit", says(whole(b"a" * (2 << 20))), UpstreamFault.MALFORMED),
]


@pytest.mark.parametrize(("behave", "fault"), [row[1:] for row in _FAULTS], ids=[row[0] for row in _FAULTS])
async def test_faults_are_named_and_hold_no_key(
    upstream: HttpUpstream, behave: Behave, fault: UpstreamFault
) -> None:
    """Every way to fail becomes one error with its fault; neither it nor what it carries along holds the key."""
    error = await _fault_of(upstream, behave)
    assert error.fault is fault
    assert error.__cause__ is None
    assert error.__context__ is None
    assert _KEY not in "".join(traceback.format_exception(error)) + error.public + error.detail + repr(error.args)


async def test_a_reset_in_the_middle_is_unavailable(upstream: HttpUpstream) -> None:
    """RST behind the first event: what came is delivered, then the error."""
    arrived = asyncio.Event()

    async def reset(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await writer.drain()
        await arrived.wait()  # a reset throws away what was not read yet
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        writer.transport.abort()

    got: list[bytes] = []
    async with provider(reset) as found, await upstream.open(_endpoint(found.base_url), _post()) as answer:
        chunks = answer.chunks()
        got.append(await anext(chunks))
        arrived.set()
        with pytest.raises(UpstreamError) as caught:
            await anext(chunks)
    assert (got, caught.value.fault) == ([b"hello"], UpstreamFault.UNAVAILABLE)


@pytest.mark.parametrize(
    ("behave", "seconds"),
    [
        (says(then_hang=True), {"first_byte_s": 0.1}),
        (
            says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", then_hang=True),
            {"idle_s": 0.1, "first_byte_s": 0.2},
        ),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", *[b"a"] * 20, pause_s=0.05), {"total_s": 0.2}),
    ],
    ids=["first byte", "idle", "total"],
)
async def test_slow_providers_are_given_up(
    upstream: HttpUpstream, behave: Behave, seconds: dict[str, float]
) -> None:
    """Each of the limits ends a slow exchange as a time-out (504)."""
    error = await _fault_of(upstream, behave, **seconds)
    assert (error.fault, error.status) == (UpstreamFault.TIMEOUT, 504)


async def test_whole_answers_may_take_their_time(upstream: HttpUpstream) -> None:
    """An answer that is not streamed begins when it is finished: only the total limit holds."""
    async with provider(says(b"", whole(b"{}"), pause_s=0.3)) as found:
        request = UpstreamRequest("POST", "/v1/x", body=b"{}", credential=_OURS, streamed=False)
        async with await upstream.open(_endpoint(found.base_url, first_byte_s=0.1), request) as got:
            assert await got.read(10) == b"{}"
        short = _endpoint(found.base_url, first_byte_s=0.1, total_s=0.1)
        with pytest.raises(UpstreamError) as caught:
            await upstream.open(short, request)
    assert caught.value.fault is UpstreamFault.TIMEOUT


async def test_nobody_listening_is_unavailable(upstream: HttpUpstream) -> None:
    """A refused connection is named as such."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # and never listens
        with pytest.raises(UpstreamError) as caught:
            await upstream.open(_endpoint(f"http://127.0.0.1:{deaf.getsockname()[1]}"), _post())
    assert caught.value.fault is UpstreamFault.UNAVAILABLE


@pytest.mark.parametrize("pieces", [(), (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",)])
async def test_cancelling_closes_the_connection(upstream: HttpUpstream, pieces: tuple[bytes, ...]) -> None:
    """A cancelled caller ends the exchange at the provider at once, before the head and amid a stream."""
    async with provider(says(*pieces, then_hang=True)) as found:

        async def caller() -> None:
            async with await upstream.open(_endpoint(found.base_url), _post()) as got:
                async for _ in got.chunks():
                    pass

        task = asyncio.ensure_future(caller())
        await found.asked.wait()
        await asyncio.sleep(0.05)  # into the middle of the stream, where there is one
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(30):
            await found.gone.wait()


async def test_a_slow_reader_slows_the_provider(upstream: HttpUpstream) -> None:
    """What nobody reads is not piled up: the provider cannot send on."""
    sent = 0

    async def flood(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        del reader
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
        while True:
            writer.write(b"a" * 65536)
            await writer.drain()
            sent += 65536

    async with provider(flood) as found, await upstream.open(_endpoint(found.base_url), _post()):
        seen = -1
        async with asyncio.timeout(20):
            while sent != seen:
                seen = sent
                await asyncio.sleep(0.2)
        assert sent < 64 << 20


async def test_large_bodies_go_out_whole(upstream: HttpUpstream) -> None:
    """A request of several MiB arrives byte for byte with its length."""
    body = bytes(range(256)) * 12_000
    async with (
        provider(says(whole(b"{}"))) as found,
        await upstream.open(_endpoint(found.base_url), _post(body=body)) as got,
    ):
        await got.read(10)
    assert found.requests[0].partition(b"\r\n\r\n")[2] == body


@pytest.mark.parametrize(
    "request_",
    [
        _post(path="/v1/../admin"),
        _post(path="/v1/%2e%2E/admin"),
        _post(path="v1"),
        _post(path="/v1//x"),
        _post(path="/v1/x?y"),
        _post(path="/v1/x#y"),
        _post(path="/@evil.example"[1:]),
        _post(path="/v1/x y"),
        _post(path="/v1/x\r\nA: b"),
        UpstreamRequest("POST", "/v1/x", query="a=b\r\nA: b"),
        UpstreamRequest("POST", "/v1/x", query="a#b"),
        _post((b"user-agent", b"a\r\nx-evil: b")),
        _post((b"user-agent", b"a\0b")),
    ],
)
async def test_nothing_can_break_out_of_its_place(upstream: HttpUpstream, request_: UpstreamRequest) -> None:
    """Paths, queries and field values that could become something else are refused before anything is sent."""
    async with provider(says(whole(b"{}"))) as found:
        with pytest.raises(ProtocolError):
            await upstream.open(_endpoint(found.base_url), request_)
    assert found.requests == []


@pytest.mark.parametrize("value", ["sk\r\nx: y", "sk\0", "ключ", ""])
async def test_a_key_that_no_header_can_carry_is_named_without_it(upstream: HttpUpstream, value: str) -> None:
    """A malformed key fails without being shown; an empty one is sent as nothing but its prefix."""
    request = UpstreamRequest("POST", "/v1/x", body=b"{}", credential=Credential("x-api-key", Secret(value)))
    async with provider(says(whole(b"{}"))) as found:
        if value:
            with pytest.raises(FirewallError) as caught:
                await upstream.open(_endpoint(found.base_url), request)
            assert value not in caught.value.public + caught.value.detail
            assert found.requests == []
        else:
            async with await upstream.open(_endpoint(found.base_url), request) as got:
                assert got.status == 200


async def test_two_hundred_streams_flow_at_once(upstream: HttpUpstream) -> None:
    """The pool carries 200 concurrent streams to their end."""
    events = [b"data: %d\n\n" % number for number in range(10)]
    stream = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    async with provider(says(stream, *events, pause_s=0.005)) as found:
        endpoint = _endpoint(found.base_url)

        async def one() -> bytes:
            async with await upstream.open(endpoint, _post()) as got:
                return await got.read(10_000)

        bodies = await asyncio.gather(*(one() for _ in range(200)))
    assert set(bodies) == {b"".join(events)}
