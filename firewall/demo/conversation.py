"""The neutral middle of the scripted provider: what a request asks and what is answered.

Knows no wire format and no script.
"""

import json
from dataclasses import dataclass, field
from enum import Enum, auto

from firewall.demo.reading import Json
from firewall.demo.script import Fault
from firewall.demo.seal import Seal


class Violation(Exception):  # noqa: N818 - named for what the client did, as the rules read
    """The client broke a rule of the provider; becomes the dialect's 400."""

    def __init__(self, message: str, *, param: str = "", code: str = "", status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the request declares."""

    name: str
    arguments: Json
    """JSON schema of each argument; empty for a freeform tool."""
    is_freeform: bool = False
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """What the provider reads of a request."""

    model: str
    prompt: str
    """What the person said last."""
    prompts: int
    """How often the person spoke."""
    step: int
    """How many of the model's answers since then held calls; an answer cut short before its call is none."""
    depth: int = 0
    """How many pieces of the model's answers the whole history holds."""
    tools: tuple[Tool, ...] = ()
    is_streamed: bool = False
    wants_thinking: bool = False
    wants_usage: bool = True
    schema: Json = field(default_factory=dict)
    """JSON schema that the answer must fit, where the client asks for an object (routing, titles)."""
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Spoken:
    """A tool call as it goes out: `arguments` is JSON text, or raw text for a freeform tool."""

    id: str
    name: str
    arguments: str
    is_freeform: bool = False
    namespace: str = ""

    @property
    def values(self) -> Json:
        """The arguments as an object."""
        if self.is_freeform:
            return {"input": self.arguments}
        loaded: Json = json.loads(self.arguments)
        return loaded


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer before it has a wire format."""

    id: str
    turn_id: str
    """The same for every request that meets this turn, also after an attempt that was cut short."""
    model: str
    text: str
    thinking: str
    calls: tuple[Spoken, ...]
    fault: Fault | None
    input_tokens: int
    seal: Seal
    wants_usage: bool = True

    @property
    def output_tokens(self) -> int:
        """A plausible count: four characters a token."""
        said = len(self.text) + len(self.thinking) + sum(len(call.arguments) for call in self.calls)
        return said // 4 + 8


class Piece(Enum):
    """What one message or item of a history is."""

    OTHER = auto()
    ANSWER = auto()
    """From the model, without a call."""
    CALL = auto()
    """From the model, with a call."""


def steps(history: list[Piece]) -> int:
    """Count the answers that held calls; neighbouring pieces are one answer."""
    count = 0
    is_counted = False
    for piece in history:
        if piece is Piece.OTHER:
            is_counted = False
        elif piece is Piece.CALL and not is_counted:
            count += 1
            is_counted = True
    return count


def depth(history: list[Piece]) -> int:
    """Count the pieces that are the model's."""
    return sum(piece is not Piece.OTHER for piece in history)


class Mark(Enum):
    """What a frame of a stream carries."""

    START = auto()
    TEXT = auto()
    CALL = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Frame:
    """One event of a stream, as bytes."""

    data: bytes
    mark: Mark


def pieces(text: str) -> list[str]:
    """Cut text into the small uneven pieces that a model's tokens make."""
    sizes = (3, 7, 1, 11, 5, 2, 9)
    cut: list[str] = []
    at = 0
    while at < len(text):
        size = sizes[len(cut) % len(sizes)]
        cut.append(text[at : at + size])
        at += size
    return cut
