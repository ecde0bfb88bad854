"""Answers in four dialects, and a gate's way through one that breaks off and another that takes its place."""

import json
from dataclasses import dataclass

from firewall.codecs.continuing.registry import CONTINUERS
from firewall.codecs.dialects import CODECS
from firewall.codecs.interface import Released
from firewall.codecs.restarting.registry import RESTARTERS
from firewall.core.dialect import Dialect
from firewall.demo.conversation import Reply, Spoken, Violation
from firewall.demo.dialects import anthropic, gemini, openai_chat, openai_responses
from firewall.demo.dialects import interface as demo
from firewall.demo.seal import Seal
from firewall.gates.models.ruler import StreamRuler
from tests.support.speaking import Said, heard

SPEAKERS: dict[Dialect, demo.Dialect] = {
    Dialect.ANTHROPIC: anthropic,
    Dialect.OPENAI_CHAT: openai_chat,
    Dialect.OPENAI_RESPONSES: openai_responses,
    Dialect.GEMINI: gemini,
}
NAMES = {
    Dialect.ANTHROPIC: "anthropic",
    Dialect.OPENAI_CHAT: "chat",
    Dialect.OPENAI_RESPONSES: "responses",
    Dialect.GEMINI: "gemini",
}
OVERLOADED = Violation("Overloaded", status=529)
BREAKS = ("connection", "end", "error", "garbage")
"""How an answer ends before its end."""
_GARBAGE = b"data: {broken\n\n"


def reply(ident: str, text: str, *, thinking: str = "", command: str = "") -> Reply:
    """Return an answer that says a text and calls a tool."""
    spoken = (Spoken(f"toolu_{ident}", "bash", json.dumps({"command": command})),) if command else ()
    return Reply(ident, ident, "m-1", text, thinking, spoken, None, 12, Seal.of(ident))


def stream_of(dialect: Dialect, one: Reply) -> bytes:
    """Return an answer as its provider streams it."""
    return b"".join(frame.data for frame in SPEAKERS[dialect].frames(one))


def beginning_of(dialect: Dialect, one: Reply, until: bytes) -> bytes:
    """Return an answer's stream up to the first frame that holds something."""
    found: list[bytes] = []
    for frame in SPEAKERS[dialect].frames(one):
        found.append(frame.data)
        if until in frame.data:
            break
    return b"".join(found)


@dataclass(slots=True)
class Played:
    """What became of an answer."""

    out: bytes
    """What the client got."""
    restarted: bool
    judged: int
    """Calls that were judged, of all answers."""


def play(dialect: Dialect, first: bytes, *others: bytes, breaks: str, step: int = 0) -> Played:
    """Give a client an answer and, where it may begin again, the others; all but the last break off at their end.

    Every call is released. `step`: how many bytes come at a time; 0: all.
    """
    endings = {"garbage": _GARBAGE, "error": SPEAKERS[dialect].error_frame(OVERLOADED, reply("e", ""))}
    ruler = StreamRuler(CODECS[dialect], restarter=RESTARTERS[dialect])
    broken = [first, *others[:-1]]
    for place, answer in enumerate(broken):
        _feed(ruler, answer + endings.get(breaks, b""), step, is_closed=breaks != "connection")
        if ruler.done or not (breaks == "connection" or ruler.has_broken_off):
            return Played(ruler.as_stream(), restarted=place > 0, judged=ruler.judged)
        bridge = ruler.bridge
        if bridge is None:
            ruler.give_up()
            ruler.abort("upstream_unavailable", "broken off")
            return Played(ruler.as_stream(), restarted=place > 0, judged=ruler.judged)
        ruler = ruler.restarted(bridge, lambda sent: CONTINUERS[dialect].follower(sent, 3))
    _feed(ruler, others[-1], step, is_closed=True)
    return Played(ruler.as_stream(), restarted=True, judged=ruler.judged)


def _feed(ruler: StreamRuler, stream: bytes, step: int, *, is_closed: bool) -> None:
    size = step or max(1, len(stream))
    for at in range(0, len(stream), size):
        _rule(ruler, stream[at : at + size])
        if ruler.done or ruler.has_broken_off:
            return
    if is_closed:
        _rule(ruler, None)


def _rule(ruler: StreamRuler, piece: bytes | None) -> None:
    for one in ruler.close() if piece is None else ruler.feed(piece):
        ruler.judged += 1
        ruler.rule(one.slot, Released())


def understood(dialect: Dialect, out: bytes) -> Said:
    """Return a stream as a strict client reads it."""
    return heard(NAMES[dialect], 200, {"content-type": "text/event-stream"}, _lines(out))


def ends(dialect: Dialect, out: bytes) -> int:
    """Return how many terminal events a stream has."""
    found = 0
    for block in _lines(out).split("\n\n"):
        data = "\n".join(line[6:] for line in block.splitlines() if line.startswith("data: "))
        if data == "[DONE]":
            found += 1
        elif data:
            found += _is_end(dialect, json.loads(data))
    is_whole = dialect is Dialect.GEMINI and not found and '"finishReason"' in _lines(out)
    return found + is_whole  # that dialect has no terminal event but an error


def _is_end(dialect: Dialect, value: dict[str, object]) -> bool:
    if dialect is Dialect.ANTHROPIC:
        return value["type"] in {"message_stop", "error"}
    if dialect is Dialect.OPENAI_RESPONSES:
        return value["type"] in {"response.completed", "response.failed", "response.incomplete", "error"}
    return bool(value.get("error"))


def _lines(out: bytes) -> str:
    return out.decode().replace("\r\n", "\n").replace("\r", "\n")
