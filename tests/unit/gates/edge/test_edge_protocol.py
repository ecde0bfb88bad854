"""A client's connection over time: how long it may rest, without a timer for each of its requests."""

import asyncio
from unittest.mock import Mock

from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from firewall.gates.edge.protocol import EdgeConfig, EdgeProtocol, Limits
from firewall.gates.edge.refusal import render_json
from firewall.gates.edge.send import send_whole

GET = b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
REST_S = 65


async def _ok(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send_whole(send, 200, [], b"{}")


class Client:
    """One connection, whose clock is the test's."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.now_s = 1000.0
        self.timers: list[tuple[float, Mock]] = []
        self.is_closed = False
        clock = Mock(wraps=loop)
        clock.time.side_effect = lambda: self.now_s
        clock.call_later.side_effect = self._timer
        config = EdgeConfig(_ok, limits=Limits(keep_alive_s=REST_S), render=render_json, drain_s=1)
        self.protocol = EdgeProtocol(config, ServerState(), {}, clock)
        self.transport = Mock(spec=asyncio.Transport)
        self.transport.get_extra_info.return_value = None
        self.transport.is_closing.side_effect = lambda: self.is_closed
        self.transport.close.side_effect = self._close
        self.protocol.connection_made(self.transport)
        self.timers.clear()  # that of the first head

    def _close(self) -> None:
        self.is_closed = True

    def _timer(self, delay_s: float, *_call: object) -> Mock:
        handle = Mock()
        self.timers.append((delay_s, handle))
        return handle

    async def asks(self, raw: bytes = GET) -> None:
        """Send a request, and let it be answered."""
        self.protocol.data_received(raw)
        for _ in range(4):
            await asyncio.sleep(0)


async def test_one_timer_serves_many_requests() -> None:
    """A connection in use has one timer for its rest, and is closed only after a whole rest."""
    client = Client()
    for _ in range(5):
        await client.asks()
        client.now_s += 10
    assert [delay for delay, _ in client.timers] == [REST_S]
    client.now_s += 20  # the timer is due; the last answer is 30 s old
    client.protocol.timeout_keep_alive_handler()
    assert not client.is_closed
    assert [delay for delay, _ in client.timers] == [REST_S, REST_S - 30]
    client.now_s += REST_S - 30
    client.protocol.timeout_keep_alive_handler()
    assert client.is_closed


async def test_a_request_under_way_is_no_rest() -> None:
    """Neither a head that is half here nor an answer that takes long is ended by the timer of the rest before."""
    client = Client()
    await client.asks()
    client.now_s += REST_S - 1
    client.protocol.data_received(GET[:20])
    client.now_s += 1
    client.protocol.timeout_keep_alive_handler()
    assert not client.is_closed
    await client.asks(GET[20:])
    assert client.timers[-1][0] == REST_S


async def test_a_closed_connection_leaves_no_timer() -> None:
    """Nothing keeps a connection in memory that is gone."""
    client = Client()
    await client.asks()
    client.protocol.connection_lost(None)
    assert client.timers[-1][1].cancel.call_count == 1
    assert client.protocol.timeout_keep_alive_task is None
