"""A real redis-server on loopback, at a port of its own; ended by its process id."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.sockets import unused_port

_START_LIMIT_S = 30
_TRIES = 5


def needs_redis() -> None:
    """Skip without redis-server; fail where STAYHAND_REQUIRE holds `redis`."""
    if shutil.which("redis-server"):
        return
    if "redis" in os.environ.get("STAYHAND_REQUIRE", "").split(","):
        pytest.fail("STAYHAND_REQUIRE demands redis-server, and there is none")
    pytest.skip("there is no redis-server")


@dataclass(slots=True)
class RedisServer:
    """One server that keeps nothing on disk."""

    folder: Path
    password: str = ""
    certificate: Path | None = None
    """Certificate and key in one file: then it speaks TLS alone."""
    port: int = 0
    process: "subprocess.Popen[bytes] | None" = None
    _log: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Start it; a second time at the same port, with nothing in it."""
        for _ in range(_TRIES):
            port = self.port or unused_port()
            self.process = subprocess.Popen(
                self._command(port), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            if self._is_there():
                self.port = port
                return
        pytest.fail("redis-server does not start: " + "".join(self._log)[-2000:])

    def stop(self) -> None:
        """End it as a power cut would."""
        if self.process is None:
            return
        self.process.kill()
        self.process.wait(_START_LIMIT_S)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process = None

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Let it accept connections and answer nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def say(self, *words: str) -> str:
        """Send one command as redis-cli would, and return what it prints."""
        command = ["redis-cli", "-h", "127.0.0.1", "-p", str(self.port), "--no-auth-warning"]
        command += ["-a", self.password] if self.password else []
        command += ["--tls", "--cacert", str(self.certificate)] if self.certificate else []
        done = subprocess.run([*command, *words], capture_output=True, text=True, timeout=30, check=True)
        return done.stdout.strip()

    def _command(self, port: int) -> Sequence[str]:
        plain = ["--port", str(port)]
        if self.certificate is not None:
            file = str(self.certificate)
            plain = ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no"]
            plain += ["--tls-cert-file", file, "--tls-key-file", file, "--tls-ca-cert-file", file]
        keep = ["--save", "", "--appendonly", "no", "--dir", str(self.folder), "--maxmemory", "64mb"]
        login = ["--requirepass", self.password] if self.password else []
        return ["redis-server", "--bind", "127.0.0.1", *plain, *keep, *login]

    def _is_there(self) -> bool:
        """Wait until it takes connections; False: its port was taken meanwhile, and it ended."""
        assert self.process is not None
        assert self.process.stdout is not None
        until = time.monotonic() + _START_LIMIT_S
        for raw in self.process.stdout:
            self._log.append(raw.decode(errors="replace"))
            if b"Ready to accept connections" in raw:
                return True
            if time.monotonic() > until:
                break
        self.stop()
        return False


@contextmanager
def redis_server(folder: Path, *, password: str = "", certificate: Path | None = None) -> Iterator[RedisServer]:
    """Serve Redis on loopback."""
    needs_redis()
    server = RedisServer(folder, password, certificate)
    server.start()
    try:
        yield server
    finally:
        server.stop()
