"""Whatever an agent writes to its hook, and whatever answers there: the agent's own form, never a traceback."""

import json
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.cli import hook_client
from firewall.codecs.hooks.agents import READERS
from firewall.codecs.hooks.event import EventKind
from firewall.codecs.hooks.shapes import AGENTS, allowed, denied
from firewall.core.errors import ProtocolError

LIMIT_S = 30
_NAMES = st.sampled_from(
    ["PreToolUse", "BeforeTool", "preToolUse", "SessionStart", "tool.execute.before", "x", ""]
)
_KEYS = st.sampled_from(
    [
        "hook_event_name",
        "hookName",
        "event",
        "tool_name",
        "toolName",
        "tool",
        "tool_input",
        "toolArgs",
        "session_id",
    ]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | _NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS | st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
_NEARLY = st.sampled_from(
    [b'{"verdict":"allow"}', b'{"verdict":"noted"}', b'{"verdict":"allow"} ', b'{"verdict":"allow"']
)
_EVENTS = st.dictionaries(_KEYS, _VALUES | _NAMES, max_size=6)


class Ended(BaseException):
    """Stands for the end of the process."""


@contextmanager
def process(event: bytes) -> Iterator[int]:
    """Give this process `event` as its standard input, and return where it reads its output."""
    read, write = os.pipe()
    feeder = threading.Thread(target=_fed, args=(write, event))
    feeder.start()
    try:
        yield read
    finally:
        os.close(read)
        feeder.join(LIMIT_S)


def _fed(write: int, event: bytes) -> None:
    with os.fdopen(write, "wb") as pipe:
        pipe.write(event)


def said(agent: str, event: bytes, environ: Mapping[str, str]) -> tuple[bytes, int]:
    """Return what the hook says and its exit code, its input, output, signals and end replaced."""
    written: list[bytes] = []
    codes: list[int] = []

    def end(code: int) -> None:
        codes.append(code)
        raise Ended

    with process(event) as stdin, pytest.MonkeyPatch.context() as patch:
        read = os.read
        patch.setattr(hook_client.os, "read", lambda _, size: read(stdin, size))
        patch.setattr(hook_client.os, "write", lambda _, data: written.append(bytes(data)) or len(data))
        patch.setattr(hook_client.os, "_exit", end)
        patch.setattr(hook_client.signal, "signal", lambda *_: None)
        patch.setattr(hook_client.signal, "setitimer", lambda *_: None)
        with pytest.raises(Ended):
            hook_client.run(agent, ["--url", "http://127.0.0.1:1"], environ)
    return b"".join(written), codes[0]


def is_denial(agent: str, answer: bytes) -> bool:
    """Tell whether an answer is a denial with a reason in the agent's own form, and nothing else."""
    reasons = [text for text in _texts(json.loads(answer)) if text.startswith("[stayhand]")]
    return bool(reasons) and answer == denied(agent, reasons[0])


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for one in value.values() if isinstance(value, dict) else ():
        yield from _texts(one)


@pytest.mark.parametrize("agent", AGENTS)
@given(event=st.binary(max_size=200), token=st.text(max_size=20))
def test_any_input_without_a_server_is_a_denial(agent: str, event: bytes, token: str) -> None:
    """Any bytes, any token: a denial, exit 0, one line of ASCII."""
    answer, code = said(agent, event, {"STAYHAND_AGENT_TOKEN": token})
    assert code == 0
    assert is_denial(agent, answer)


@pytest.mark.parametrize("agent", AGENTS)
@given(answer=st.binary(max_size=80), body=st.binary(max_size=60) | _NEARLY)
def test_any_answer_but_an_allow_is_a_denial(agent: str, answer: bytes, body: bytes) -> None:
    """Any bytes of a server, and any body of a whole answer: only an allow in so many words lets run."""
    whole = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    for given_back in (answer, whole):
        with pytest.MonkeyPatch.context() as patch:
            ours, theirs = socket.socketpair()
            theirs.sendall(given_back)
            theirs.shutdown(socket.SHUT_WR)
            patch.setattr(hook_client, "_connected", lambda *_, made=ours, **__: made)
            text, code = said(agent, b"{}", {"STAYHAND_AGENT_TOKEN": "shd_x"})
            ours.close()
            theirs.close()
        assert code == 0
        is_allow = given_back == whole and _verdict(body) in ("allow", "noted")
        assert text == allowed(agent) if is_allow else is_denial(agent, text) or text == _told(agent, body)


def _verdict(body: bytes) -> object:
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return value.get("verdict") if isinstance(value, dict) else None


def _told(agent: str, body: bytes) -> bytes:
    """Return the denial that a whole answer of the server asks for."""
    value = json.loads(body)
    message = value.get("message")
    return denied(agent, message if isinstance(message, str) else "")


@settings(max_examples=60)
@given(agent=st.sampled_from(sorted(READERS)), value=_EVENTS)
def test_readers_understand_or_refuse(agent: str, value: dict[str, object]) -> None:
    """Any event is one that was understood or an error of ours; a call always has a name and arguments."""
    data = json.dumps(value).encode()
    try:
        event = READERS[agent](data, json.loads(data))
    except ProtocolError:
        return
    assert (event.call is not None) == (event.kind is EventKind.CALL)
    if event.call is not None:
        assert event.call.name
        assert event.call.arguments is not None
