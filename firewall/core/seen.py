"""What was seen of one model call, from the agent's request to every attempt at a provider; values only.

Times are unix microseconds.
"""

from dataclasses import dataclass

from firewall.core.dialect import Dialect
from firewall.core.fast_init import fast_init
from firewall.core.tracing import Trace


@fast_init
@dataclass(frozen=True, slots=True)
class Over:
    """One model call that is over, as far as it is counted: for every call, whoever else watches."""

    dialect: Dialect
    """What the client spoke."""
    outcome: str
    provider: str
    """Who answered; empty: nobody."""
    model: str
    """The model's name there."""
    took_us: int
    first_us: int = 0
    """From the request to the first piece of the answer; 0: there was none, or it was not streamed."""


@fast_init
@dataclass(frozen=True, slots=True)
class AttemptSeen:
    """One request to one provider."""

    provider: str
    dialect: Dialect
    model: str
    outcome: str
    """`answered`, or the stable word of what went wrong."""
    started_us: int
    ended_us: int
    status: int = 0
    """HTTP status; 0: there was none."""


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class CallSeen:
    """One model call."""

    operation: str
    """`chat`, `embeddings`, `generate_content`, … as the GenAI conventions name it."""
    dialect: Dialect
    """What the client spoke."""
    asked: str
    """The model's name as the client wrote it."""
    route: str
    outcome: str
    is_streamed: bool
    entry: int
    """Number of its `model.requested` entry."""
    started_us: int
    ended_us: int
    provider: str = ""
    """Who answered; empty: nobody."""
    model: str = ""
    """The model's name there."""
    first_us: int = 0
    """When the first piece of the answer went to the client; 0: never, or it was not streamed."""
    input_tokens: int = 0
    cached_tokens: int = 0
    """Of the input tokens."""
    output_tokens: int = 0
    cost_micros: int | None = None
    """None: unknown."""
    attempts: tuple[AttemptSeen, ...] = ()
    trace: Trace | None = None
    """The agent's own place in its trace."""
    told: str = ""
    """The request's messages by the GenAI conventions, as JSON; empty: content is not collected."""
    said: str = ""
    """The answer's, likewise."""
