"""`stayhand mcp login`: an admin's browser goes to an authorization server, and its answer to the firewall.

What comes back is a code that only the firewall can redeem; no token passes through here.
"""

import hashlib
import http.server
import sys
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit

import click

from firewall.cli.client import CommandError, control_client, row_of, segment, show_json, talk
from firewall.cli.options import json_option
from firewall.codecs.oauth.places import complaint

_ANSWER_S = 60.0
_MOST_CHARS = 16_384
_PAGE = b"<!doctype html><title>Stayhand</title><p>The answer has arrived. You can close this window."


@click.command("login")
@click.argument("server")
@click.option(
    "--scope", "scopes", multiple=True, help="Ask for this scope, in place of those that are configured."
)
@click.option(
    "--port",
    default=0,
    type=click.IntRange(0, 65535),
    help="Wait on this port; 0: on the same one each time, or on a free one.",
)
@click.option("--no-browser", is_flag=True, help="Print the address alone.")
@click.option("--paste", is_flag=True, help="Read the address where the browser ended from standard input.")
@click.option("--wait", "wait_s", default=300, type=click.IntRange(5, 590), help="Seconds for the login.")
@json_option
@click.pass_context
def login(
    ctx: click.Context,
    /,
    *,
    server: str,
    scopes: tuple[str, ...],
    port: int,
    no_browser: bool,
    paste: bool,
    wait_s: int,
    as_json: bool,
) -> None:
    """Log the firewall in at an MCP server's authorization server; its tokens are kept in the vault.

    Example: stayhand mcp login linear
    """
    with control_client(ctx) as control, _waiting(port, server) as waiting:
        # a name that no server has is refused with those that are
        control.get("/api/mcp", params={"server": server})
        begun = row_of(
            control.post(
                f"/api/mcp/{segment(server)}/login",
                {"redirect": waiting.address, "scopes": list(scopes)},
                timeout_s=_ANSWER_S,
            )
        )
        address = _checked(str(begun["address"]))
        talk(f"log in at {begun['issuer']}, as who the agents are to be there:\n{address}")
        if not no_browser:
            webbrowser.open(address)
        query = _pasted() if paste else waiting.query(wait_s)
        body = {"id": str(begun["id"]), "answer": query}
        done = row_of(control.post(f"/api/mcp/{segment(server)}/login/finish", body, timeout_s=_ANSWER_S))
    if as_json:
        show_json(done)
        return
    talk(f"logged in at {server}; {_until(done)}")


class _Waiting:
    """A loopback address that hears one answer."""

    def __init__(self, port: int) -> None:
        heard = self._heard = threading.Event()
        found: list[str] = []
        self._found = found

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path[:_MOST_CHARS])
                is_answer = parts.path == "/callback" and bool(parts.query)
                self.send_response(200 if is_answer else 404)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.send_header("referrer-policy", "no-referrer")
                self.send_header("cache-control", "no-store")
                self.end_headers()
                self.wfile.write(_PAGE if is_answer else b"")
                if is_answer and not found:
                    found.append(parts.query)
                    heard.set()

            def log_message(self, *_: object) -> None:
                """Say nothing: what would be written holds the code."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)

    @property
    def address(self) -> str:
        """Where browsers are sent back to."""
        return f"http://127.0.0.1:{self.server.server_address[1]}/callback"

    def query(self, wait_s: float) -> str:
        """Wait for the answer. Raises: CommandError where none comes in time."""
        if not self._heard.wait(wait_s):
            raise CommandError("nobody logged in in time", hint="run the command again, or give it longer: --wait")
        return self._found[0]


def usual_port(server: str) -> int:
    """Return the port on which logins at a server wait where it is free: issuers know us by the whole address."""
    return 20_000 + int.from_bytes(hashlib.sha256(server.encode()).digest()[:4], "big") % 10_000


@contextmanager
def _waiting(port: int, server: str) -> Iterator[_Waiting]:
    try:
        try:
            waiting = _Waiting(port or usual_port(server))
        except OSError:
            if port:
                raise
            waiting = _Waiting(0)
    except OSError as error:
        raise CommandError(f"port {port} cannot be listened on: {error.strerror}", hint="--port 0") from error
    thread = threading.Thread(target=waiting.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield waiting
    finally:
        waiting.server.shutdown()
        waiting.server.server_close()
        thread.join(5)


def _checked(address: str) -> str:
    """Return an address that a browser may be sent to. Raises: CommandError."""
    why = complaint(address, loopback=True)
    if why:
        raise CommandError(f"the address of the login {why}")
    return address


def _pasted() -> str:
    text = sys.stdin.readline(_MOST_CHARS).strip()
    query = urlsplit(text).query if "?" in text else text
    if not query:
        raise CommandError("no answer came on standard input", hint="paste the whole address of the last page")
    return query


def _until(done: dict[str, object]) -> str:
    if done.get("renews"):
        return "its tokens are renewed by themselves"
    expires = done.get("expires_s")
    if not isinstance(expires, int) or not expires:
        return "nobody said when that ends"
    return f"without renewal, until {datetime.fromtimestamp(expires, UTC):%Y-%m-%d %H:%M} UTC"
