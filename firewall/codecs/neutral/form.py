"""A request for an answer, in no provider's words.

What lives here: values alone. What must not: names of a provider's fields, JSON in a provider's shape, I/O.

INVARIANT: whoever reads a dialect into this form has put here all that shapes what the model sees and may do; what
has no place here was refused by name or listed as lost (`losses`), never left out silently.
INVARIANT: the turns of a request are in normal form, see `Request.turns`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from firewall.core.call import CallForm

Schema = Mapping[str, object]
"""A JSON schema, as the client wrote it."""


class Role(StrEnum):
    """Who speaks in a turn."""

    USER = "user"
    """A person, or the client that reports what its tools gave (`Result` parts)."""
    ASSISTANT = "assistant"
    SYSTEM = "system"
    """Instructions in the middle of a conversation; those at its beginning are `Request.system`."""


@dataclass(frozen=True, slots=True)
class Text:
    """Words; never empty in a request."""

    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """A picture, by value or by address; exactly one of `data` and `url` is set."""

    media_type: str = ""
    """`image/png`, …; empty where only an address is known."""
    data: str = ""
    """Base64, without white space and without a `data:` prefix."""
    url: str = ""
    """An http or https address that the provider fetches."""
    detail: str = ""
    """`low`, `high`, …: how closely to look; advisory, empty where not said."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file for the model to read (PDF, plain text), by value or by address; exactly one of them is set."""

    media_type: str = ""
    data: str = ""
    """Base64; of plain text as well."""
    url: str = ""
    name: str = ""
    """The file's name or title; empty where not said."""


@dataclass(frozen=True, slots=True)
class Audio:
    """A sound, by value."""

    media_type: str
    """`audio/wav`, `audio/mp3`, …."""
    data: str
    """Base64."""


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call that the model made."""

    id: str
    """As the dialect read from has it, decoded by `ids.inward`; writers pass it through `ids.outward`. Never
    empty: readers of dialects that may leave it out derive one (`ids.derived`)."""
    name: str
    arguments: str
    """The exact text: a JSON object for JSON tools (`{}` where there are none), raw text for TEXT tools. It may be
    malformed JSON: the model wrote it."""
    form: CallForm = CallForm.JSON
    namespace: str = ""
    """The namespace that the tool was declared in; empty in most dialects."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool gave; only in turns of the user."""

    call_id: str
    parts: "tuple[Text | Image | Document, ...]"
    """May be empty: the tool said nothing."""
    is_error: bool = False
    name: str = ""
    """The tool's name; empty where the dialect does not repeat it (see `Request.tool_of`)."""
    form: CallForm = CallForm.JSON


@dataclass(frozen=True, slots=True)
class Thinking:
    """What the model thought, in a history or an answer.

    INVARIANT: a writer of requests may send it only to the provider that it comes from (`origin` is the name of
    `There.provider`); otherwise it is dropped and listed as `thinking`. It is never sent as text.
    """

    text: str = ""
    """Empty where only the seal was given."""
    seal: str = ""
    """The provider's signature or encrypted form, opaque."""
    origin: str = ""
    """The provider that made it, where its mark says so (`marks`); empty: unknown, so it may go nowhere."""


Part = Text | Image | Document | Audio | Call | Result | Thinking


@dataclass(frozen=True, slots=True)
class Turn:
    """Consecutive parts of one speaker."""

    role: Role
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the client runs."""

    name: str
    description: str = ""
    schema: Schema | None = None
    """The schema of its arguments; None: it takes none, or it is a TEXT tool."""
    strict: bool | None = None
    """The arguments must fit the schema exactly; None where not said."""
    form: CallForm = CallForm.JSON
    """JSON, or TEXT for custom and freeform tools."""
    grammar: Mapping[str, object] | None = None
    """For TEXT tools: the format in OpenAI's shape (`{"type": "grammar", …}`); None: any text."""
    namespace: str = ""
    type: str = ""
    """For a tool that the client's dialect declares by a type of its own (`tool_search`): that type. Elsewhere it
    is a tool like others; calls of it are given back as its own dialect has them."""


class Choosing(StrEnum):
    """Whether the model may, must or must not call tools."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"
    NAMED = "named"


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Which tools the model may or must call."""

    choosing: Choosing
    name: str = ""
    """For NAMED: the tool."""
    allowed: tuple[str, ...] = ()
    """For AUTO and REQUIRED: only these; empty: all. A writer whose dialect has no such list leaves out the other
    tools' declarations where no history needs them, or refuses."""


@dataclass(frozen=True, slots=True)
class Output:
    """The form that the answer's text must have."""

    schema: Schema | None = None
    """None: any JSON object."""
    name: str = ""
    description: str = ""
    strict: bool | None = None


class Effort(StrEnum):
    """How much the model should think, least first."""

    NONE = "none"
    MINIMAL = "minimal"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class Reasoning:
    """How much to think; advisory: a writer whose target cannot be told drops it and lists it."""

    effort: Effort | None = None
    budget_tokens: int | None = None
    """A bound in tokens, from dialects that state one."""
    is_shown: bool | None = None
    """Summaries of the thinking are wanted; None where not said."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn; None where not said. Advisory: a target without the knob drops it and lists it."""

    temperature: float | None = None
    """From 0 to 2; a writer whose scale ends at 1 cuts it there and lists it."""
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client asks of a model."""

    model: str
    """As the client named it; writers write `There.model`."""
    system: tuple[str, ...] = ()
    """Instructions from before the first turn, in order; none empty."""
    turns: tuple[Turn, ...]
    """Normal form (`turns.joined`): no empty text, no turn without parts, no two turns of one role in a row (but
    SYSTEM), and in a user's turn results stand before all else, in the order in which they came."""
    tools: tuple[Tool, ...] = ()
    choice: ToolChoice | None = None
    parallel: bool | None = None
    """Several calls in one answer; None where not said, which means yes in all dialects."""
    output: Output | None = None
    """None: plain text."""
    max_tokens: int | None = None
    """Of the answer, thinking included."""
    stop: tuple[str, ...] = ()
    reasoning: Reasoning | None = None
    sampling: Sampling = field(default_factory=Sampling)
    verbosity: str = ""
    """`low`, `medium`, `high`; advisory."""
    is_streamed: bool = False
    is_begun: bool = False
    """The last turn is the beginning of the answer, which the model shall go on with (Anthropic's prefill)."""
    wants_usage: bool = False
    """The client asked for an event of its own for the usage (Chat's `include_usage`); others always say."""

    def tool_of(self, call_id: str) -> str:
        """Return the name of the tool that a call of the history called; empty where no call has this id."""
        for turn in self.turns:
            for part in turn.parts:
                if isinstance(part, Call) and part.id == call_id:
                    return part.name
        return ""
