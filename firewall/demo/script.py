"""What the scripted provider says: scenes of turns, as values and as a JSON file.

A script holds no state. Which turn comes next is read from the conversation that the client sends, so that a
request sent twice gets the same answer twice.

    {"delay_ms": 0,
     "scenes": [{"when": "clean up",
                 "turns": [{"text": "…", "thinking": "…",
                            "calls": [{"shell": "ls"}, {"write": "a.txt", "content": "…"},
                                      {"custom": "apply_patch", "input": "…"},
                                      {"function": "get_weather", "arguments": {"city": "Rome"}}],
                            "fault": {"kind": "cut", "at": "call", "times": 1}}]}]}
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from firewall.core.errors import ConfigError
from firewall.core.strict_json import loads_object
from firewall.demo.reading import Json, table, tables, text


@dataclass(frozen=True, slots=True)
class Shell:
    """Run a command with whatever shell tool the request declares."""

    command: str
    description: str = "Run a command"


@dataclass(frozen=True, slots=True)
class WriteFile:
    """Write a file with whatever file tool the request declares."""

    path: str
    content: str


@dataclass(frozen=True, slots=True)
class Custom:
    """Call a freeform tool with raw text (Responses `custom`); elsewhere a function with one `input`."""

    name: str
    input: str


@dataclass(frozen=True, slots=True)
class Function:
    """Call a tool by its own name with its own arguments (a JSON object)."""

    name: str
    arguments: str
    namespace: str = ""
    """The namespace in which it lies, where the client declares the tool only when it is searched for (Codex)."""


Call = Shell | WriteFile | Custom | Function


class FaultKind(StrEnum):
    """How a turn goes wrong."""

    ERROR = "error"
    """The dialect's error object: as the answer at `start`, as an event of the stream later."""
    STALL = "stall"
    """Silence for `seconds`, then the answer goes on."""
    CUT = "cut"
    """The connection breaks."""
    END = "end"
    """The stream ends tidily, but without its terminal events."""


class FaultPlace(StrEnum):
    """Where in the answer a fault happens."""

    START = "start"
    TEXT = "text"
    CALL = "call"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way for a turn to go wrong."""

    kind: FaultKind
    at: FaultPlace = FaultPlace.START
    status: int = 529
    message: str = "Overloaded"
    retry_after_s: int | None = None
    seconds: float = 0.0
    times: int | None = None
    """Only the first so many requests for this turn meet it; None: every one."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer of the model."""

    text: str = ""
    thinking: str = ""
    calls: tuple[Call, ...] = ()
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """The turns that answer prompts in which `when` occurs (any case; empty: every prompt)."""

    turns: tuple[Turn, ...]
    when: str = ""


@dataclass(frozen=True, slots=True)
class Script:
    """Scenes in order of preference, and the pace of streams."""

    scenes: tuple[Scene, ...]
    delay_s: float = 0.0
    """Between two events of a stream."""
    seed: str = "stayhand"
    """Ids and signatures come from it: another seed is another provider."""

    def turn(self, prompt: str, step: int) -> Turn:
        """Return the turn that answers `prompt` after `step` earlier answers to it."""
        lowered = prompt.lower()
        for scene in self.scenes:
            if scene.when.lower() in lowered:
                return scene.turns[step] if step < len(scene.turns) else Turn(text="There is nothing left to do.")
        return Turn(text="The script has no scene for this prompt.")


def turns(*of: Turn, delay_s: float = 0.0) -> Script:
    """Return the script with one scene for every prompt."""
    return Script(scenes=(Scene(turns=of),), delay_s=delay_s)


def load(path: Path) -> Script:
    """Read a script from a JSON file.

    Raises: ConfigError naming the file when it is no script.
    """
    try:
        return parse(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"the script `{path}` cannot be read: {error}", file=str(path)) from error


def parse(data: bytes) -> Script:
    """Read a script from JSON text.

    Raises: ProtocolError when it is no JSON object, ConfigError or ValueError when it is no script.
    """
    value = loads_object(data, what="script")
    scenes = tuple(
        Scene(when=text(scene, "when"), turns=tuple(_turn(turn) for turn in tables(scene, "turns")))
        for scene in tables(value, "scenes")
    )
    if not scenes or not all(scene.turns for scene in scenes):
        raise ConfigError("a script needs `scenes`, each with `turns`")
    delay_ms = value.get("delay_ms", 0)
    if not isinstance(delay_ms, int | float):
        raise ConfigError("`delay_ms` must be a number")
    return Script(scenes=scenes, delay_s=delay_ms / 1000, seed=text(value, "seed") or "stayhand")


def _turn(value: Json) -> Turn:
    return Turn(
        text=text(value, "text"),
        thinking=text(value, "thinking"),
        calls=tuple(_call(call) for call in tables(value, "calls")),
        fault=_fault(table(value, "fault")) if "fault" in value else None,
    )


def _call(value: Json) -> Call:
    if "shell" in value:
        return Shell(command=text(value, "shell"), description=text(value, "description") or "Run a command")
    if "write" in value:
        return WriteFile(path=text(value, "write"), content=text(value, "content"))
    if "custom" in value:
        return Custom(name=text(value, "custom"), input=text(value, "input"))
    if "function" in value:
        return Function(name=text(value, "function"), arguments=json.dumps(table(value, "arguments")))
    raise ConfigError(f"a call needs `shell`, `write`, `custom` or `function`, not `{', '.join(value)}`")


def _fault(value: Json) -> Fault:
    status, seconds = value.get("status", 529), value.get("seconds", 0.0)
    times, retry = value.get("times"), value.get("retry_after_s")
    if not isinstance(status, int) or not isinstance(seconds, int | float):
        raise ConfigError("`status` and `seconds` of a fault must be numbers")
    return Fault(
        kind=FaultKind(text(value, "kind")),
        at=FaultPlace(text(value, "at") or "start"),
        status=status,
        message=text(value, "message") or "Overloaded",
        seconds=float(seconds),
        times=times if isinstance(times, int) else None,
        retry_after_s=retry if isinstance(retry, int) else None,
    )
