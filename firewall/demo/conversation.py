"""The neutral middle of the scripted provider: what a request asks, what the script answers, how ids are made.

Knows no wire format. Everything is a function of the request and the seed, so a request sent again gets the
same bytes again.
"""

import base64
import hashlib
import hmac
import json
import shlex
from dataclasses import dataclass, field
from enum import Enum, auto

from firewall.demo.reading import Json, as_table, table
from firewall.demo.script import Call, Custom, Fault, Function, Script, Shell, Turn, WriteFile

SHELLS = (
    "Bash",
    "bash",
    "shell",
    "shell_command",
    "exec_command",
    "run_shell_command",
    "run_terminal_cmd",
    "execute_command",
    "terminal",
    "exec",
)
SHELL_ARGUMENTS = ("command", "cmd", "script", "input")
WRITERS = ("Write", "write", "write_file", "write_to_file", "create_file")
PATH_ARGUMENTS = ("file_path", "filePath", "path", "filename")
CONTENT_ARGUMENTS = ("content", "contents", "text")


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
    """How often the model answered since then."""
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
    model: str
    text: str
    thinking: str
    calls: tuple[Spoken, ...]
    fault: Fault | None
    input_tokens: int
    seal: "Seal"
    wants_usage: bool = True

    @property
    def output_tokens(self) -> int:
        """A plausible count: four characters a token."""
        said = len(self.text) + len(self.thinking) + sum(len(call.arguments) for call in self.calls)
        return said // 4 + 8


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


@dataclass(frozen=True, slots=True)
class Seal:
    """Makes ids and signatures, and knows its own again."""

    key: bytes

    @classmethod
    def of(cls, seed: str) -> "Seal":
        """Return the seal of a provider with this seed."""
        return cls(key=hashlib.sha256(b"scripted provider " + seed.encode()).digest())

    def id(self, *parts: object, length: int = 24) -> str:
        """Return letters and digits that depend on `parts`, `length` of them."""
        digest = self._mac("id", *parts) + self._mac("more", *parts)
        letters = "".join(c for c in base64.b64encode(digest).decode() if c.isalnum())
        return letters[:length]

    def sign(self, *parts: object) -> str:
        """Return a signature over `parts`, as long and opaque as a real one."""
        return base64.b64encode(b"\x12\x40" + self._mac("signature", *parts) + self._mac("tail", *parts)).decode()

    def fits(self, signature: str, *parts: object) -> bool:
        """Tell whether `signature` is ours over exactly `parts`."""
        return hmac.compare_digest(signature.encode(), self.sign(*parts).encode())

    def wrap(self, payload: Json) -> str:
        """Return `payload` sealed against change, opaque to look at."""
        body = json.dumps(payload, sort_keys=True).encode()
        return base64.urlsafe_b64encode(self._mac("wrap", body.decode()) + body).decode()

    def unwrap(self, sealed: str) -> Json | None:
        """Return what `wrap` sealed, or None when one character changed."""
        try:
            raw = base64.urlsafe_b64decode(sealed.encode())
            body = raw[32:].decode()
        except ValueError:
            return None
        if not hmac.compare_digest(raw[:32], self._mac("wrap", body)):
            return None
        loaded: Json = json.loads(body)
        return loaded if self.wrap(loaded) == sealed else None

    def _mac(self, *parts: object) -> bytes:
        return hmac.new(self.key, json.dumps([str(part) for part in parts]).encode(), hashlib.sha256).digest()


def plan(script: Script, conversation: Conversation) -> Reply:
    """Choose the turn for this conversation and fit its calls to the tools that were declared."""
    seal = Seal.of(script.seed)
    turn = _turn(script, conversation)
    seed = (conversation.model, conversation.prompt, conversation.prompts, conversation.step)
    calls = tuple(
        _bind(call, conversation.tools, seal.id("call", place, bool(turn.thinking), *seed))
        for place, call in enumerate(turn.calls)
    )
    return Reply(
        id=seal.id("reply", *seed),
        model=conversation.model,
        text=turn.text if None not in calls else f"{turn.text} No tool of this request fits what is scripted.",
        thinking=turn.thinking if conversation.wants_thinking else "",
        calls=tuple(call for call in calls if call is not None),
        fault=turn.fault,
        input_tokens=conversation.size_bytes // 4,
        seal=seal,
        wants_usage=conversation.wants_usage,
    )


def _turn(script: Script, conversation: Conversation) -> Turn:
    """Answer a request without tools (a title, a summary) with a few harmless words, or the object it asks for."""
    if conversation.schema and not conversation.tools:
        return Turn(text=json.dumps(example(conversation.schema)))
    turn = script.turn(conversation.prompt, conversation.step)
    if conversation.tools or not turn.calls:
        return turn
    return Turn(text="Tidying up a directory")


def example(schema: Json) -> object:
    """Return the plainest value that fits a JSON schema, as far as side requests need."""
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        first: object = choices[0]
        return first
    match str(schema.get("type", "")).lower():
        case "object":
            return {name: example(as_table(inner)) for name, inner in table(schema, "properties").items()}
        case "array":
            return []
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return False
        case _:
            return "Tidying up"


def _bind(call: Call, tools: tuple[Tool, ...], ident: str) -> Spoken | None:
    match call:
        case Shell():
            return _bind_shell(call, tools, ident)
        case WriteFile():
            return _bind_write(call, tools, ident)
        case Custom(name=name, input=raw):
            tool = _find(tools, (name,))
            if tool and tool.is_freeform:
                return Spoken(ident, name, raw, is_freeform=True, namespace=tool.namespace)
            return Spoken(ident, name, json.dumps({"input": raw}))
        case Function(name=name, arguments=arguments):
            tool = _find(tools, (name,))
            return Spoken(ident, name, arguments, namespace=tool.namespace if tool else "")


def _bind_shell(call: Shell, tools: tuple[Tool, ...], ident: str) -> Spoken | None:
    tool = _find(tools, SHELLS)
    if tool is None:
        return None
    if tool.is_freeform:
        source = f"const r = await tools.exec_command({json.dumps({'cmd': call.command})}); text(r);"
        return Spoken(ident, tool.name, source, is_freeform=True, namespace=tool.namespace)
    key = next((name for name in SHELL_ARGUMENTS if name in tool.arguments), "command")
    schema = tool.arguments.get(key)
    is_argv = isinstance(schema, dict) and schema.get("type") == "array"
    values: Json = {key: ["bash", "-lc", call.command] if is_argv else call.command}
    if "description" in tool.arguments:
        values["description"] = call.description
    return Spoken(ident, tool.name, json.dumps(values), namespace=tool.namespace)


def _bind_write(call: WriteFile, tools: tuple[Tool, ...], ident: str) -> Spoken | None:
    tool = _find(tools, WRITERS)
    if tool is None:
        return _bind_patch(call, tools, ident)
    path = next((name for name in PATH_ARGUMENTS if name in tool.arguments), "path")
    content = next((name for name in CONTENT_ARGUMENTS if name in tool.arguments), "content")
    values = json.dumps({path: call.path, content: call.content})
    return Spoken(ident, tool.name, values, namespace=tool.namespace)


def _bind_patch(call: WriteFile, tools: tuple[Tool, ...], ident: str) -> Spoken | None:
    """Write by patch (Codex) or with the shell where there is no file tool."""
    tool = _find(tools, ("apply_patch",))
    if tool is None or not tool.is_freeform:
        written = f"printf %s {shlex.quote(call.content)} > {shlex.quote(call.path)}"
        return _bind_shell(Shell(written, "Write a file"), tools, ident)
    lines = "".join(f"+{line}\n" for line in call.content.splitlines())
    patch = f"*** Begin Patch\n*** Add File: {call.path}\n{lines}*** End Patch\n"
    return Spoken(ident, tool.name, patch, is_freeform=True, namespace=tool.namespace)


def _find(tools: tuple[Tool, ...], wanted: tuple[str, ...]) -> Tool | None:
    return next((tool for name in wanted for tool in tools if tool.name == name), None)


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
