"""The table of docs/hooks.md: whatever fails, each of the eight agents gets a denial in a form that it honours."""

import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from firewall.cli.hook import program
from firewall.cli.hook_check import _is_denial
from firewall.cli.hook_reading import lines_in
from firewall.cli.hook_setup import installed_text, program_line
from firewall.codecs.hooks.shapes import AGENTS, allowed
from tests.support.installation import REPOSITORY

LIMIT_S = 60
NOBODY = "http://127.0.0.1:9"
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s"


def _whole(body: bytes) -> bytes:
    return _HEAD % (len(body), body)


ANSWERS: dict[str, bytes | None] = {
    "server silent": None,
    "server slow": _HEAD % (19, b'{"verdict":'),
    "server gone meanwhile": b"",
    "answer broken off": _HEAD % (20, b'{"verdict":"allow"}'),
    "answer no HTTP": b"allow",
    "answer no JSON": _whole(b'{"verdict":"allow"'),
    "answer of another form": _whole(b'["allow"]'),
    "answer of no known verdict": _whole(b'{"verdict":"ALLOW"}'),
    "answer an error": b"HTTP/1.1 500 No\r\n" + _whole(b'{"verdict":"allow"}').partition(b"\r\n")[2],
}
"""What a server does: it says this and closes; None: nothing, ever; `slow` neither goes on nor closes."""
STILL = ("server silent", "server slow")
PROGRAMS = {
    "hook missing": ("/nonexistent/python",),
    "hook crashed": ("/bin/sh", "-c", "exit 1"),
    "hook killed": ("/bin/sh", "-c", "kill -9 $$"),
    "hook mangled": (*program()[:3], "/nonexistent/hook_main.py"),
}
FAILURES = ("server down", *ANSWERS, *PROGRAMS, "no token")


@contextmanager
def answering(answer: bytes | None, *, closes: bool) -> Iterator[str]:
    """Serve one connection; yields the address."""
    ended = threading.Event()

    def serve() -> None:
        with suppress(OSError):
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer or b"")
                if not closes:
                    ended.wait(LIMIT_S)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            ended.set()
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            thread.join(LIMIT_S)
    assert not thread.is_alive()


def run(agent: str, url: str, *, how: str = "") -> "subprocess.CompletedProcess[bytes]":
    """Run the line that `install` writes, as it stands in the agent's file."""
    deadline = ("--deadline", "1" if how in STILL else "30")
    started = PROGRAMS.get(how, program())
    line = program_line(agent, started, ["--url", url, *deadline])
    assert lines_in(agent, installed_text(agent, "", line))[0] == line
    token = {} if how == "no token" else {"STAYHAND_AGENT_TOKEN": "shd_x"}
    variables = {"PATH": os.environ["PATH"], **token}
    return subprocess.run(
        ["/bin/sh", "-c", line], input=b"{}", env=variables, capture_output=True, timeout=LIMIT_S, check=False
    )


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("how", FAILURES)
def test_whatever_fails_is_a_denial_that_the_agent_honours(agent: str, how: str) -> None:
    """Nothing but a whole and plain allow is one: exit 0 with the agent's own denial, or exit 2 with a reason."""
    if how in ANSWERS:
        with answering(ANSWERS[how], closes=how not in STILL) as url:
            done = run(agent, url, how=how)
    else:
        done = run(agent, NOBODY, how=how)
    assert _is_denial(agent, done), done
    assert done.stdout != allowed(agent) or done.returncode == 2


@pytest.mark.parametrize("agent", AGENTS)
def test_a_plain_allow_is_one(agent: str) -> None:
    """The same lines let a call run where the server says so: the rows above are no hook that always denies."""
    with answering(_whole(b'{"verdict":"allow"}'), closes=True) as url:
        done = run(agent, url)
    assert (done.returncode, done.stdout, done.stderr) == (0, allowed(agent), b"")
    assert not _is_denial(agent, done)


def test_the_page_names_every_failure() -> None:
    """docs/hooks.md shows this table, row by row."""
    page = (REPOSITORY / "docs" / "hooks.md").read_text(encoding="utf-8")
    table = page.partition("### What fails\n")[2].partition("\n### ")[0]
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")][1:]
    named = [name.strip() for row in rows for name in row.split(";")]
    assert sorted(named) == sorted(FAILURES)
    assert json.loads(allowed("cline")) == {"cancel": False}
