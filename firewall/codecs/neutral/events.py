"""An answer in no provider's words: whole, and as the events of a stream; and what goes in the place of one.

INVARIANT of a stream of events, kept by `StreamTranslation` for every writer (readers keep only the first two):
`Begun` comes first and once; after `Ended` or `Failure` nothing comes; a call is `CallBegun`, `CallDelta`s and
`CallEnded` with nothing in between, and each comes once.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from firewall.codecs import interface
from firewall.codecs.neutral.form import Call, Text, Thinking
from firewall.core.call import CallForm


class Stop(StrEnum):
    """Why an answer ended."""

    END = "end"
    """The model had said all."""
    CALLS = "calls"
    """It waits for the results of its calls."""
    LENGTH = "length"
    """`max_tokens` is used up."""
    SEQUENCE = "sequence"
    """It wrote a stop sequence."""
    REFUSAL = "refusal"
    """The model or a filter at the provider would not go on."""
    CONTEXT = "context"
    """The context window is full."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counts them; zero where it does not say."""

    input_tokens: int = 0
    """All of the prompt, with what was read from and written to the cache."""
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    """All that was generated, with the reasoning."""
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Words with which the model refuses, where the dialect keeps them apart from text."""

    text: str


AnswerPart = Text | Refusal | Thinking | Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer."""

    id: str
    """As the provider gave it; empty where it gave none."""
    model: str
    parts: tuple[AnswerPart, ...]
    stop: Stop
    stop_sequence: str = ""
    """For SEQUENCE, where the provider says which."""
    usage: Usage = field(default_factory=Usage)
    counted: interface.Usage = field(default=interface.UNCOUNTED, compare=False)
    """All that the provider counts, as its own dialect's codec reads it: what is paid, not what is told."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The answer begins; `usage` is what is known by then."""

    id: str
    model: str
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More words; adjacent ones belong to one text."""

    text: str


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    """More words of a refusal."""

    text: str


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    """More thoughts; adjacent ones belong to one thought, which a `ThinkingSealed` or anything else ends."""

    text: str


@dataclass(frozen=True, slots=True)
class ThinkingSealed:
    """The provider's seal over the thoughts before it (or over hidden ones); it ends them."""

    seal: str


@dataclass(frozen=True, slots=True)
class CallBegun:
    """A call begins; `key` names it among those of this answer."""

    key: int
    id: str
    """Never empty, as in `form.Call`."""
    name: str
    form: CallForm = CallForm.JSON
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class CallDelta:
    """More of a call's arguments."""

    key: int
    text: str


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The arguments of a call are complete; none at all stand for `{}`."""

    key: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The regular end."""

    stop: Stop
    stop_sequence: str = ""
    usage: Usage = field(default_factory=Usage)


class Fault(StrEnum):
    """What an error is, whatever the provider calls it: the stable `code` that the client gets."""

    INVALID = "invalid_request"
    AUTHENTICATION = "authentication_failed"
    PERMISSION = "permission_denied"
    BILLING = "quota_exceeded"
    """Money or a plan's quota is used up: waiting does not help."""
    NOT_FOUND = "not_found"
    TOO_LARGE = "request_too_large"
    CONTEXT = "context_length_exceeded"
    FILTERED = "content_filtered"
    RATE = "rate_limited"
    OVERLOADED = "overloaded"
    TIMEOUT = "upstream_timeout"
    SERVER = "upstream_error"
    TRUNCATED = "upstream_truncated"
    """The stream ended before the answer did."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error in the place of an answer, or the irregular end of a stream."""

    fault: Fault
    message: str
    """The provider's words."""
    status: int = 502
    """The HTTP status that the provider gave, or that fits an error within a stream."""
    code: str = ""
    """The provider's own code or type, for the log; clients get `fault`."""


Event = (
    Begun
    | TextDelta
    | RefusalDelta
    | ThinkingDelta
    | ThinkingSealed
    | CallBegun
    | CallDelta
    | CallEnded
    | Ended
    | Failure
)
