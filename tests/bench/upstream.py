"""A mock model provider for measurements: one process, raw sockets, answers without looking closely.

    python -m tests.bench.upstream [--pause SECONDS] [--failing]

A body with `"stream":true` is answered with 60 events, `--pause` apart or back to back, everything else with one
completion of 1.2 KB; `--failing`: with status 500. Prints the port it took.
"""

import argparse
import asyncio
import sys
from functools import partial

import uvloop

from tests.bench.raw import Answering

EVENTS = 60
_WORDS = "The quick brown fox jumps over the lazy dog. " * 15
_WHOLE = (
    b'{"id":"chatcmpl-bench","object":"chat.completion","created":1760000000,"model":"bench","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"%s","refusal":null},"logprobs":null,"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":412,"completion_tokens":160,"total_tokens":572}}' % _WORDS.encode()
)
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
    len(_WHOLE),
    _WHOLE,
)
_WRONG = b'{"error":{"message":"the model is not there","type":"server_error","code":null}}'
FAILURE = (
    b"HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
    % (
        len(_WRONG),
        _WRONG,
    )
)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def _event(number: int) -> bytes:
    finish = b'"stop"' if number == EVENTS - 1 else b"null"
    data = (
        b'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1760000000,"model":"bench",'
        b'"choices":[{"index":0,"delta":{"role":"assistant","content":"word%d "},"logprobs":null,'
        b'"finish_reason":%s}]}\n\n' % (number, finish)
    )
    return b"%x\r\n%s\r\n" % (len(data), data)


STREAM = [_event(number) for number in range(EVENTS)] + [b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"]


class Provider(Answering):
    """One connection."""

    def __init__(self, pause_s: float, whole: bytes = ANSWER) -> None:
        """`whole`: the answer to what is not streamed."""
        super().__init__()
        self._pause_s = pause_s
        self._whole = whole

    def answer(self, body: bytes) -> None:
        """Answer without looking closely."""
        self._answer(streamed=b'"stream":true' in body)

    def _answer(self, *, streamed: bool) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        if not streamed:
            self.transport.write(self._whole)
        elif self._pause_s:
            self.transport.write(HEAD)
            self._next(0)
        else:
            self.transport.write(HEAD)
            for piece in STREAM:
                self.transport.write(piece)

    def _next(self, number: int) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        self.transport.write(STREAM[number])
        if number < EVENTS:
            asyncio.get_running_loop().call_later(self._pause_s, self._next, number + 1)


async def main(pause_s: float, whole: bytes) -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(partial(Provider, pause_s, whole), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asking = argparse.ArgumentParser()
    asking.add_argument("--pause", type=float, default=0.0)
    asking.add_argument("--failing", action="store_true")
    asked = asking.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(asked.pause, FAILURE if asked.failing else ANSWER))
