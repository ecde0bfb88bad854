"""`stayhand hook AGENT`: asks the firewall about one call, and answers as that agent honours it.

An agent starts it for every call, so nothing is imported but what Python brings and what is needed.
FAIL-CLOSED: whatever happens (no server, a slow one, no token, no JSON, a signal, a mistake of ours), a denial in
the agent's own form stands on stdout before the agent's own patience ends.
"""

from __future__ import annotations

# `signal`, `socket` and `json` would double what an answer costs (20 ms): these are what they are made of.
import _signal as signal  # type: ignore[import-not-found]  # typeshed knows `signal` alone
import _socket as socket
import os

from firewall.codecs.hooks.shapes import allowed, deferred, denied, may_defer

TYPE_CHECKING = False  # `typing` costs milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    class Connection(Protocol):
        """What is asked of a socket, plain or wrapped."""

        def sendall(self, data: bytes, /) -> None:
            """Send all of it."""

        def recv(self, size: int, /) -> bytes:
            """Receive a piece."""


MAX_EVENT = 32 << 20
"""Bytes of an event."""
MAX_ANSWER = 1 << 20
DEADLINE_S = 10.0
"""From the start to the answer, at most; more is waited only for people, where `--wait` says so."""
MAX_WAIT_S = 300
DEFAULT_URL = "http://127.0.0.1:8787"
_TOKENS = (
    "STAYHAND_AGENT_TOKEN",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_API_KEY",
    "GEMINI_API_KEY",
    "OPENAI_API_KEY",
)
"""Where an agent that is pointed at us keeps its token."""
_ENDINGS = (signal.SIGALRM, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_OPTIONS = ("--url", "--token-file", "--deadline", "--wait", "--held")


_BRIEF = {b'{"verdict":"allow"}': "allow", b'{"verdict":"noted"}': "noted"}
"""Answers that are understood to the last byte."""


class NoAnswerError(Exception):
    """There is no answer that could let the call run; the text says why."""


def run(agent: str, options: Sequence[str], environ: Mapping[str, str] = os.environ) -> None:
    """Answer one event of `agent` on stdout, and end the process with 0. Never raises, never returns."""
    try:
        said = _answered(agent, options, environ)
    except NoAnswerError as error:
        said = denied(agent, f"[stayhand] The call was not run: {error}.")
    except BaseException as error:  # noqa: BLE001 - FAIL-CLOSED: whatever gave up, the answer is no
        said = denied(agent, f"[stayhand] The call was not run: the hook itself failed ({type(error).__name__}).")
    _say(said)


def _say(said: bytes) -> None:
    """Write the whole answer in one go and leave, without anything that could still fail."""
    try:
        for number in _ENDINGS:
            signal.signal(number, signal.SIG_IGN)
        view = memoryview(said)
        while view:
            view = view[os.write(1, view) :]
    except BaseException:  # noqa: BLE001 - nobody reads it: what is left is the exit code that every agent honours
        os._exit(2)
    os._exit(0)


def _answered(agent: str, options: Sequence[str], environ: Mapping[str, str]) -> bytes:
    given = _read_options(options)
    wait_s = _whole(given.get("--wait", "0"), "--wait")
    _limit(agent, _whole(given.get("--deadline", "10"), "--deadline") + wait_s)
    event = _stdin()
    token = token_of(given, environ)
    url = given.get("--url") or environ.get("STAYHAND_URL") or DEFAULT_URL
    answer = ask(url, f"/hooks/{agent}?brief=1&wait={wait_s}", token, event)
    match answer.get("verdict"):
        case "allow" | "noted":
            return allowed(agent)
        case _:
            message = answer.get("message")
            reason = message if isinstance(message, str) else ""
            is_put_off = given.get("--held") == "defer" and _is_pending(answer) and may_defer(agent, environ)
            return deferred(reason) if is_put_off else denied(agent, reason)


def _is_pending(answer: Mapping[str, object]) -> bool:
    """Tell whether people have been asked, and nobody has decided."""
    approval = answer.get("approval")
    return isinstance(approval, dict) and approval.get("status") == "pending"


def _read_options(options: Sequence[str]) -> dict[str, str]:
    """Return options and their values. Raises: NoAnswerError for what is not known."""
    if len(options) % 2:
        raise NoAnswerError("the hook was started with an option that has no value")
    given = dict(zip(options[::2], options[1::2], strict=True))
    if any(name not in _OPTIONS for name in given):
        raise NoAnswerError("the hook was started with an option that it does not know")
    return given


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= MAX_WAIT_S):
        raise NoAnswerError(f"{name} must be a number of seconds up to {MAX_WAIT_S}")
    return int(text)


def _limit(agent: str, seconds: int) -> None:
    """Have this process deny after so many seconds, wherever it is then, and when it is told to end."""

    def late(*_: object) -> None:
        _say(denied(agent, "[stayhand] The call was not run: the firewall did not answer in time."))

    for number in _ENDINGS:
        signal.signal(number, late)
    signal.setitimer(signal.ITIMER_REAL, max(1, seconds))


def _stdin() -> bytes:
    pieces, size = [], 0
    while piece := os.read(0, 1 << 16):
        size += len(piece)
        if size > MAX_EVENT:
            raise NoAnswerError("the event is too large to be judged")
        pieces.append(piece)
    return b"".join(pieces)


def token_of(given: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """Return the agent's token. Raises: NoAnswerError where there is none."""
    path = given.get("--token-file", "")
    if path:
        try:
            with open(path, encoding="ascii") as file:  # noqa: PTH123 - pathlib costs milliseconds
                found = file.read(512).strip()
        except (OSError, UnicodeDecodeError):
            found = ""
    else:
        values = [environ.get(name, "").strip() for name in _TOKENS]
        values += [environ.get("ANTHROPIC_CUSTOM_HEADERS", "").partition("x-stayhand-token:")[2].strip()]
        found = next((value for value in values if value.startswith("shd_")), "")
    if not (found.isascii() and found.isprintable() and found and " " not in found):
        raise NoAnswerError("the hook found no token of the firewall (STAYHAND_AGENT_TOKEN, or --token-file)")
    return found


def ask(url: str, target: str, token: str, body: bytes, *, method: str = "POST") -> dict[str, object]:
    """Ask the firewall and return its answer. Raises: NoAnswerError where there is none, OSError."""
    scheme, _, rest = url.rstrip("/").partition("://")
    host, _, port = rest.rpartition(":")
    if scheme not in ("http", "https") or not host or not port.isdigit():
        raise NoAnswerError("the firewall's address must read http://HOST:PORT")
    connection = _connected(host.strip("[]"), int(port), is_secret=scheme == "https")
    head = (
        f"{method} {target} HTTP/1.1\r\nhost: {rest}\r\nauthorization: Bearer {token}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    connection.sendall(head.encode("latin-1") + body)
    return _parsed(_received(connection))


def _connected(host: str, port: int, *, is_secret: bool) -> Connection:
    """Connect to the first address that takes it. Raises: NoAnswerError, OSError."""
    if is_secret:
        import socket as whole
        import ssl  # 20 ms that plain loopback does not need

        with_time = whole.create_connection((host, port), timeout=DEADLINE_S)
        with_time.settimeout(MAX_WAIT_S + DEADLINE_S)
        return ssl.create_default_context().wrap_socket(with_time, server_hostname=host)
    name = host.encode("ascii" if host.isascii() else "idna")  # a text would load `idna`: 6 ms
    try:
        addresses = socket.getaddrinfo(name, port, 0, socket.SOCK_STREAM)
    except OSError:
        addresses = []
    for family, kind, number, _, address in addresses:
        connection = socket.socket(family, kind, number)
        connection.settimeout(DEADLINE_S)
        try:
            connection.connect(address)
        except OSError:
            connection.close()
            continue
        connection.settimeout(MAX_WAIT_S + DEADLINE_S)
        return connection
    raise NoAnswerError("the firewall cannot be reached")


def _received(connection: Connection) -> bytes:
    pieces, size = [], 0
    while piece := connection.recv(1 << 16):
        size += len(piece)
        if size > MAX_ANSWER:
            raise NoAnswerError("the firewall's answer is too long")
        pieces.append(piece)
    return b"".join(pieces)


def _parsed(raw: bytes) -> dict[str, object]:
    """Return the document of a whole answer. Raises: NoAnswerError for anything but a complete 200."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    fields = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:])
    }
    if fields.get(b"content-length") != b"%d" % len(body):
        raise NoAnswerError("the firewall's answer broke off")
    if lines[0].startswith(b"HTTP/1.1 200 ") and body in _BRIEF:
        return {"verdict": _BRIEF[body]}
    import json  # costs as much as all the rest

    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise NoAnswerError("the firewall's answer is not understood")
    if lines[0].startswith(b"HTTP/1.1 401 "):
        raise NoAnswerError(
            "the firewall does not accept the agent's token; have a person start the agent with `stayhand run`, "
            "or put a new token (`stayhand token mint`) where the hook looks for it"
        )
    if not lines[0].startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 200\r")):
        detail = str(document.get("detail", "") or document.get("code", ""))[:300]
        raise NoAnswerError(f"the firewall refused the question ({detail or 'no reason given'})")
    return document
