"""Stored raw streams, and what is fed to a codec and comes out of it, for the dialects that are packages."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import ModuleType

from firewall.codecs import gemini, openai_responses, sse
from firewall.codecs.interface import Pending, Released, Ruling

CASES = Path(__file__).parents[1] / "cases" / "streams"
DIALECTS: dict[str, ModuleType] = {"openai_responses": openai_responses, "gemini": gemini}
MARK = b"SECRET"
"""Stands in every argument and in all reasoning that belongs to a call, nowhere else."""


@dataclass(frozen=True, slots=True)
class Case:
    """One stored stream and what it says."""

    dialect: str
    name: str
    raw: bytes
    calls: tuple[tuple[str, str, str, str], ...]
    """(id, name, arguments, form) in the order in which they become complete."""
    ends: str
    """`complete`, `dropped` (a call was cut off by the provider's own end) or `truncated`."""
    free: str
    """Text that must leave before anything is ruled."""
    usage: tuple[int, ...] | None

    @property
    def codec(self) -> ModuleType:
        """The codec of its dialect."""
        return DIALECTS[self.dialect]

    def __str__(self) -> str:
        return f"{self.dialect}-{self.name}"


def cases(dialect: str | None = None) -> list[Case]:
    """Return all stored cases, of one dialect or of both."""
    return [
        _case(path)
        for name in DIALECTS
        if dialect in (None, name)
        for path in sorted((CASES / name).glob("*.sse"))
    ]


def case(dialect: str, name: str) -> Case:
    """Return one stored case."""
    return _case(CASES / dialect / f"{name}.sse")


def _case(path: Path) -> Case:
    said = json.loads(path.with_suffix(".events.json").read_text())
    calls = tuple((call["id"], call["name"], call["arguments"], call["form"]) for call in said["calls"])
    usage = None if said["usage"] is None else tuple(said["usage"])
    return Case(path.parent.name, path.stem, path.read_bytes(), calls, said["ends"], said["free"], usage)


@dataclass(slots=True)
class Played:
    """What came out."""

    forward: bytes = b""
    early: bytes = b""
    """What left before the first ruling."""
    pending: list[Pending] = field(default_factory=list)
    done: bool = False

    @property
    def calls(self) -> tuple[tuple[str, str, str, str], ...]:
        """The calls as a case lists them."""
        return tuple(shape(one) for one in self.pending)


def shape(pending: Pending) -> tuple[str, str, str, str]:
    """Return a call as a case lists it."""
    call = pending.call
    return call.id, call.name, call.arguments.decode(), call.form.value


def chunks(raw: bytes, cuts: Iterable[int]) -> list[bytes]:
    """Cut `raw` at the given offsets."""
    marks = [0, *sorted({cut for cut in cuts if 0 < cut < len(raw)}), len(raw)]
    return [raw[start:end] for start, end in pairwise(marks)]


def play(
    codec: ModuleType,
    pieces: Iterable[bytes],
    decide: Callable[[int], Ruling] = lambda _: Released(),
    *,
    late: bool = False,
) -> Played:
    """Feed pieces and rule on every call as it comes, or with `late` only after the provider closed."""
    stream, out, waiting = codec.stream(), Played(), []
    for piece in pieces:
        step = stream.feed(piece)
        _note(out, step)
        waiting += step.calls
        if not late:
            _rule(stream, out, waiting, decide)
    step = stream.close()
    _note(out, step)
    waiting += step.calls
    _rule(stream, out, waiting, decide)
    return out


def _note(out: Played, step: object) -> None:
    out.forward += step.forward
    out.pending += step.calls
    out.done = out.done or step.done


def _rule(stream: object, out: Played, waiting: list[Pending], decide: Callable[[int], Ruling]) -> None:
    while waiting:
        slot = waiting.pop(0).slot
        if not out.early:
            out.early = out.forward
        _note(out, stream.rule(slot, decide(slot)))


def events(raw: bytes) -> list[dict]:
    """Return the JSON objects of a stream."""
    splitter = sse.Splitter()
    frames = [*splitter.feed(raw), *splitter.finish()]
    assert not splitter.rest, "the stream ends inside a frame"
    return [json.loads(frame.data) for frame in frames if frame.lines]
