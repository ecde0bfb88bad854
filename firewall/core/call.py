"""A tool call as received, on any gate: what a model or agent asked for, before anybody understood it."""

from dataclasses import dataclass, field
from enum import StrEnum

from firewall.core.conversation import Led
from firewall.core.fast_init import fast_init, maker
from firewall.core.lookup import Lookup


class CallForm(StrEnum):
    """How the arguments of a call are written."""

    JSON = "json"
    """A JSON object as text (function tools)."""
    TEXT = "text"
    """Raw text (custom and freeform tools: `apply_patch`, Codex's JavaScript `exec`)."""
    HOSTED = "hosted"
    """Run by the provider itself (web search, code execution, remote MCP): judged with the request."""
    REQUEST = "request"
    """An HTTP request to a target, as `core.outgoing` writes it; the call's name is `infra/` and the target's."""


@fast_init
@dataclass(frozen=True, slots=True)
class Served:
    """The tool of an MCP server that a call reaches through us: what we configured, and what the server says.

    What the server says (`description`, `hints`) is a claim and only raises.
    """

    server: str
    """Its name in our configuration."""
    tool: str
    """The tool's name as the server knows it."""
    identity: str
    """Who the server is: its address, or the hash of its command."""
    pack: str = ""
    """The name by which the catalogue knows it; empty: `server`."""
    environment: str = ""
    """Where it lands as configured; empty: its arguments alone say so."""
    is_scoped: bool = False
    """It can reach nothing but `environment`: the operator says so."""
    is_here: bool = False
    """We start it on this machine: files that it names are files of this machine."""
    description: str = ""
    hints: tuple[tuple[str, bool], ...] = ()
    """Its annotations (`readOnlyHint`, `destructiveHint`), those that say yes or no."""
    misfit: str = ""
    """How the arguments do not fit what the tool declares; empty: they fit."""
    has_strays: bool = False
    """It has arguments that the tool does not declare: nobody knows whether the server heeds them."""
    is_ambiguous: bool = False
    """Some clients write a tool of another server of ours the same way."""
    is_combined: bool = False
    """The client knows the tool as `SERVER__TOOL` of one server that stands for all of ours."""
    is_reading: bool = False
    """No tool: `tool` is a method by which the protocol reads (`resources/read`, …)."""
    beside: bytes = b""
    """What goes along and says nothing about the call (ids, trace): searched for credentials, bound to nothing."""
    lookups: tuple[Lookup, ...] = ()
    """What arguments of this tool name, as we configured it."""

    @property
    def scoped(self) -> bool:
        """It reaches nothing but `environment`, as a target says it."""
        return self.is_scoped


@fast_init
@dataclass(frozen=True, slots=True)
class ToolCall:
    """One tool call, exactly as the model wrote it."""

    id: str
    """The dialect's call id; empty where the dialect has none."""
    name: str
    """The tool's name as the model uses it; a namespace is joined in front with `/`."""
    arguments: bytes
    """The exact bytes of the arguments: JSON text or raw text, by `form`. Never re-serialised."""
    form: CallForm = CallForm.JSON
    schema: str = ""
    """SHA-256 hex of the tool's declaration in the request; empty where nothing declares it."""
    hint: str = field(default="", compare=False)
    """What the agent or model says about the call (a description); shown as untrusted, never believed."""
    served: Served | None = None
    """The MCP server that it reaches through us; None: it does not, or not that we could tell."""
    led: Led | None = field(default=None, compare=False, repr=False)
    """Says what was said before it, where the call stands in an answer; asked only where people are."""


tool_call = maker(ToolCall)
"""Makes a call."""
