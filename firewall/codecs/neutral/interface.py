"""What a dialect offers to the others: a reader into the neutral form and a writer from it.

A dialect is added by two modules, `neutral.<dialect>.reader` and `.writer`, and one line each in `registry`.
Readers and writers are unaware of each other; both may use the tables of their dialect's codec.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from firewall.codecs import interface
from firewall.codecs.neutral.events import Answer, Event, Failure, Usage
from firewall.codecs.neutral.form import Request
from firewall.codecs.neutral.losses import Losses
from firewall.core.dialect import Dialect


@dataclass(frozen=True, slots=True)
class There:
    """Where a request goes."""

    dialect: Dialect
    model: str
    """The model's name at the provider."""
    provider: str = ""
    """The provider's name in our configuration: thinking is sent back to it alone."""
    max_output_tokens: int = 0
    """The most that the model writes, for a dialect that must be given a bound, and for no other; 0: not known."""
    marks_cache: bool = False
    """Mark what the provider shall cache, in a dialect that caches nothing else."""


@dataclass(frozen=True, slots=True)
class Wire:
    """A request as the provider gets it."""

    body: bytes
    path: str
    """As the dialect's clients spell it after the base URL of DESIGN 6.2 (`/v1/messages`, `/chat/completions`,
    `/responses`, `/v1beta/models/M:streamGenerateContent`)."""
    query: str = ""
    names: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """(namespace, name) of each tool that the provider knows by another name (`names.renamed`): calls of it are
    given their own name back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the answer's way back needs to know of the request."""

    client: Dialect
    there: There
    request: Request
    seed: str
    """Hex digest that names this exchange, from what was sent: ids that a dialect demands and the provider leaves
    out are derived from it."""
    at: int = 0
    """When it was asked, in seconds since 1970: some dialects date their answers."""
    names: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """As in `Wire`; readers and writers need not look: `translate` gives calls their own names."""


class StreamReader(Protocol):
    """One streamed answer of a provider, read as it arrives; one instance per answer."""

    def feed(self, chunk: bytes) -> Iterable[Event]:
        """Take bytes, cut anywhere, and yield the events that they complete, those before a fault as well.

        A regular end yields `Ended` exactly once, an error in the stream `Failure`; what comes behind either is
        not read. Hidden frames (pings, comments) yield nothing.

        Raises: ProtocolError (upstream) for what is no stream of the dialect, and `untranslatable_answer` for
        content that has no place in the neutral form.
        """
        ...

    def close(self) -> Iterable[Event]:
        """The connection has ended: return `Ended` where only the last frame's blank line was missing.

        Nothing otherwise: whether that is an error is for the caller to say.

        Raises: ProtocolError as `feed`.
        """
        ...

    @property
    def usage(self) -> Usage:
        """Tokens seen so far."""
        ...

    @property
    def counted(self) -> interface.Usage:
        """All that the provider has counted so far, as `Answer.counted`."""
        ...


class Reader(Protocol):
    """A dialect, read: requests of its clients, answers of its providers. A module."""

    def read_request(self, value: Mapping[str, object], losses: Losses, *, path: str) -> Request:
        """Read a client's request that its codec has accepted already; `path` is the request's (Gemini).

        Advisory fields that have no place in the form are listed in `losses`; call ids go through `ids.inward`,
        signatures of thinking through `marks.unmarked`, turns through `turns.joined`.

        Raises: ProtocolError (400) `untranslatable`, or `invalid_request` for a field of a wrong type, naming it.
        """
        ...

    def read_answer(self, body: bytes, *, seed: str) -> Answer:
        """Read a provider's whole answer.

        Raises: ProtocolError (upstream) as `StreamReader.feed`; also for an error object under status 200.
        """
        ...

    def stream(self, *, seed: str) -> StreamReader:
        """Start reading a streamed answer; `seed` as in `Asked`."""
        ...

    def read_error(self, status: int, body: bytes) -> Failure:
        """Read a provider's error answer, whatever its body is (a proxy's HTML page, nothing at all)."""
        ...


class StreamWriter(Protocol):
    """One streamed answer, written for a client; one instance per answer."""

    def write(self, event: Event) -> bytes:
        """Return the frames of one event; events keep the invariant of `neutral.events`.

        `Ended` and `Failure` give the dialect's one terminal event and all that must stand before it.

        Raises: ProtocolError (upstream) `untranslatable_answer`.
        """
        ...


class Writer(Protocol):
    """A dialect, written: requests for its providers, answers for its clients. A module."""

    def write_request(self, request: Request, there: There, losses: Losses) -> Wire:
        """Write a request for a provider; call ids go through `ids.outward`.

        Advisory values that the dialect or the model cannot be told are listed in `losses`.

        Raises: ProtocolError (400) `untranslatable`.
        """
        ...

    def write_answer(self, answer: Answer, asked: Asked) -> bytes:
        """Write a whole answer for a client; thinking is sealed with `marks.marked(asked.there.provider, …)`.

        Raises: ProtocolError (upstream) `untranslatable_answer`.
        """
        ...

    def stream(self, asked: Asked) -> StreamWriter:
        """Start writing a streamed answer."""
        ...

    def write_error(self, failure: Failure) -> tuple[int, bytes]:
        """Return status and body of an error answer; `code` in it is `failure.fault`."""
        ...
