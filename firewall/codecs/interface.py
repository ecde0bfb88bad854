"""What every dialect's codec offers to the gate.

INVARIANT: no byte of a tool call's arguments, and none of the reasoning that belongs to it, is in any
`forward` before `rule` released that call. Frames that need no change are forwarded verbatim.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from firewall.core.call import ToolCall
from firewall.core.errors import ProtocolError
from firewall.core.fast_init import fast_init, maker


@fast_init
@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What we read of a client's request; everything else stays in `body`."""

    model: str
    stream: bool
    body: bytes
    """What goes upstream: the client's bytes, re-serialised only where the contract changes a field."""
    identity: Mapping[str, object]
    """The parsed request without what only chooses the transport (`stream`, `stream_options`): two requests
    with equal identity ask for the same answer, streamed or not."""
    hosted: tuple[ToolCall, ...] = ()
    """Tools that the provider runs itself (web search, code execution, remote MCP): actions of the request."""
    references: tuple[str, ...] = ()
    """Provider-side ids that the request names (`previous_response_id`, item references, file ids)."""
    session: str = ""
    """The client's session id where its headers or body carry one; a claim, never trusted."""
    max_output_tokens: int | None = None
    candidates: int = 1
    beside: tuple[str, ...] = ()
    """Other models that the request names, which the provider asks beside its own: each needs the grant too."""
    hides_usage: bool = False
    """The client did not ask a stream for its token counts: we do, and what says them does not reach it."""


request_of = maker(ModelRequest)


@dataclass(frozen=True, slots=True)
class Result:
    """What a client reports of a call that it ran; a claim, kept as the outcome and never trusted."""

    call_id: str
    """The call's id, or its name where the dialect has no ids."""
    is_error: bool = False


MAX_HOSTED = 64
"""Tools that the provider runs itself in one request: each is judged and recorded by itself."""


def few(hosted: Iterable[ToolCall]) -> tuple[ToolCall, ...]:
    """Return the hosted tools of a request.

    Raises: ProtocolError `too_many_tools` (400) for more than MAX_HOSTED: one request must not write the log full.
    """
    found = tuple(hosted)
    if len(found) > MAX_HOSTED:
        raise ProtocolError(
            f"a request may declare {MAX_HOSTED} tools that the provider runs itself", code="too_many_tools"
        )
    return found


@fast_init
@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counts them; zero where it does not say.

    The same in every dialect: kinds are parts of their totals, whether the provider counts them in or beside.
    """

    input_tokens: int = 0
    """All of the input: also what was read from and written to a cache."""
    cached_input_tokens: int = 0
    """Read from a cache."""
    output_tokens: int = 0
    """All of the output: also what was thought."""
    cache_write_tokens: int = 0
    """Written to a cache for minutes."""
    cache_write_1h_tokens: int = 0
    reasoning_tokens: int = 0
    input_image_tokens: int = 0
    input_audio_tokens: int = 0
    output_image_tokens: int = 0
    output_audio_tokens: int = 0
    searches: int = 0
    """Searches of the web that the provider made and charges for."""
    service_tier: str = ""
    """As the provider names what it served the request with (`flex`, `priority`, `batch`, …)."""
    speed: str = ""
    is_reported: bool = False
    """The provider has counted the whole answer; until then these are what is known so far."""
    beside: "tuple[Beside, ...]" = ()
    """What the provider charges beside the answer and counts apart: other models that it asked, summing up."""


@dataclass(frozen=True, slots=True)
class Beside:
    """Work of its own that a provider did for an answer."""

    model: str
    """Whose; empty: the answer's own."""
    usage: Usage


UNCOUNTED = Usage()
"""Nobody has counted anything."""
usage_of = maker(Usage)


@dataclass(frozen=True, slots=True)
class Pending:
    """A complete tool call that waits for a ruling; `slot` names it within its answer."""

    slot: int
    call: ToolCall


@dataclass(frozen=True, slots=True)
class Released:
    """The call may leave, byte for byte."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The call may not leave; `text` takes its place."""

    text: str


Ruling = Released | Refused


@fast_init
@dataclass(frozen=True, slots=True)
class Step:
    """What one piece of input led to."""

    forward: bytes = b""
    """May leave now, verbatim."""
    calls: tuple[Pending, ...] = ()
    """Became complete now; every one must be ruled on, in any order."""
    done: bool = False
    """The terminal event has been forwarded: nothing more will come."""


class StreamCodec(Protocol):
    """One streamed answer, fed as it arrives; one instance per answer."""

    def feed(self, chunk: bytes) -> Step:
        """Take bytes from the provider, cut anywhere.

        Raises: ProtocolError (side upstream) when the bytes are no stream of this dialect; the gate then
        calls `abort`.
        """
        ...

    def rule(self, slot: int, ruling: Ruling) -> Step:
        """Settle a pending call; returns what may leave now, in order."""
        ...

    def close(self) -> Step:
        """The provider closed the connection.

        A stream that ends mid-call releases nothing: the call is dropped and one well-formed terminal error
        event ends the answer. After a complete answer this adds nothing.
        """
        ...

    def abort(self, code: str, message: str) -> bytes:
        """End the answer now with one well-formed terminal error event of the dialect; drops all that is held."""
        ...

    def keepalive(self, client: str) -> bytes:
        """Return bytes that keep `client` waiting; empty where nothing would help yet.

        `client` is `claude-code`, `codex`, `gemini-cli`, `opencode` or `other`.
        """
        ...

    @property
    def usage(self) -> Usage:
        """Tokens seen so far."""
        ...

    @property
    def issued(self) -> tuple[str, ...]:
        """Provider-side ids that this answer gave out (a response id), which the client may name later."""
        ...


@fast_init
@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer that was not streamed."""

    calls: tuple[Pending, ...] = ()
    usage: Usage = field(default_factory=Usage)
    issued: tuple[str, ...] = ()


read_of = maker(Answer)


class Codec(Protocol):
    """A dialect, as a module: `firewall.codecs.anthropic`, `.openai_chat`, `.openai_responses`, `.gemini`."""

    def read_request(
        self, body: bytes, value: Mapping[str, object], headers: Mapping[str, str], path: str
    ) -> ModelRequest:
        """Read a request.

        `value` is `body` parsed strictly; `headers` have lower-case names; `path` is the request path (Gemini
        keeps model and verb in it).

        Raises: ProtocolError (400) with a stable code, naming the field, for an option or tool type that is
        not in the table of inert ones, and for what DESIGN 6.4 refuses (`background`, `conversation`, …).
        """
        ...

    def results(self, value: Mapping[str, object]) -> tuple[Result, ...]:
        """Return the results that the newest turn of a request reports; none of malformed ones."""
        ...

    def stream(self, *, hides_usage: bool = False) -> StreamCodec:
        """Start reading one streamed answer; `hides_usage`: `ModelRequest.hides_usage` of its request."""
        ...

    def read_answer(self, body: bytes) -> Answer:
        """Find the tool calls of a complete answer.

        Raises: ProtocolError (side upstream) when it is not an answer of this dialect.
        """
        ...

    def rule_answer(self, body: bytes, rulings: Mapping[int, Ruling]) -> bytes:
        """Return the answer with refused calls replaced; `body` itself when all are released."""
        ...

    def answer_of(self, stream: bytes) -> bytes:
        """Fold a complete, already ruled stream into the answer that the same request without `stream` gets."""
        ...

    def stream_of(self, answer: bytes) -> bytes:
        """Unfold a complete, already ruled answer into the stream that the same request with `stream` gets."""
        ...

    def refusal(self, request: ModelRequest, text: str) -> bytes:
        """Return a whole ruled *answer* (not streamed) that says only `text`.

        For a request that was refused before it was sent upstream. `stream_of` makes it a stream.
        """
        ...

    def error(self, status: int, code: str, message: str) -> bytes:
        """Return the dialect's error object as JSON; always carries `code`."""
        ...
