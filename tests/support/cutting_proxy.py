"""A loopback TCP relay whose connections a test can cut, as a flaky network would."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class CuttingProxy:
    """Relays to one address; `cut` drops every connection that is open."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._withholds = False
        self._lock = threading.Lock()
        self.accepted = 0
        """Connections accepted so far."""

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def run(self) -> None:
        """Accept until closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                upstream = socket.create_connection(self._target)
                with self._lock:
                    self.accepted += 1
                    self._open |= {client, upstream}
                for source, sink, is_answer in ((client, upstream, False), (upstream, client, True)):
                    threading.Thread(
                        target=self._relay, args=(source, sink), kwargs={"is_answer": is_answer}, daemon=True
                    ).start()

    def withhold(self) -> None:
        """Pass no answers on until the next cut: to the client the request looks as if it had never been heard."""
        self._withholds = True

    def cut(self) -> None:
        """Drop every open connection."""
        with self._lock:
            self._withholds = False
            dropped, self._open = self._open, set()
        for one in dropped:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def close(self) -> None:
        """Stop accepting and drop everything."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _relay(self, source: socket.socket, sink: socket.socket, *, is_answer: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if not (is_answer and self._withholds):
                    sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextmanager
def cutting_proxy(target: str) -> Iterator[CuttingProxy]:
    """Relay to `target` for as long as the block lasts."""
    proxy = CuttingProxy(target)
    thread = threading.Thread(target=proxy.run, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join(10)
