"""From a client's dialect to a provider's, and the answer's way back: the one face of the neutral form.

    sent = translate_request(value, source=client's, target=provider's, model="m", …)
    … send sent.body to sent.path, list sent.dropped in `x-stayhand-dropped` …
    stream = StreamTranslation(sent.asked);  stream.feed(chunk) … stream.close()
    translate_answer(sent.asked, body)       translate_error(sent.asked, status, body)

Only for two different dialects: within one, bytes go as they are. Everything here is pure and holds one answer.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from firewall.codecs import interface
from firewall.codecs.neutral.events import Begun, CallBegun, Event, Failure, Fault, Usage
from firewall.codecs.neutral.form import Call
from firewall.codecs.neutral.interface import Asked, There
from firewall.codecs.neutral.losses import Losses
from firewall.codecs.neutral.ordering import Ordering
from firewall.codecs.neutral.registry import reader, writer
from firewall.codecs.neutral.turns import spoken
from firewall.core.dialect import Dialect
from firewall.core.errors import ProtocolError

_Named = TypeVar("_Named", Call, CallBegun)


@dataclass(frozen=True, slots=True)
class Translated:
    """A request in the provider's dialect."""

    body: bytes
    path: str
    """After the provider's base URL."""
    query: str
    dropped: tuple[str, ...]
    """Names of advisory fields that were left out (see `losses`)."""
    asked: Asked
    """What the answer's translation needs."""


def translate_request(
    value: Mapping[str, object],
    *,
    source: Dialect,
    target: Dialect,
    model: str,
    path: str = "",
    provider: str = "",
    max_output_tokens: int = 0,
    marks_cache: bool = False,
    at: int = 0,
) -> Translated:
    """Translate a request that the client's codec has accepted.

    `value` is the client's body, parsed strictly; `path` its request path; `model`, `provider`,
    `max_output_tokens` and `marks_cache` as in `There`; `at` the time in seconds since 1970.

    Raises: ProtocolError (400) `untranslatable` or `invalid_request`, naming the field; ConfigError for a dialect
    that nothing translates; ValueError when both dialects are the same.
    """
    if source is target:
        raise ValueError("within one dialect bytes go as they are")
    read, write = reader(source), writer(target)
    there = There(target, model, provider, max_output_tokens, marks_cache)
    losses = Losses()
    request = spoken(read.read_request(value, losses, path=path))
    wire = write.write_request(request, there, losses)
    seed = hashlib.sha256(wire.body).hexdigest()
    asked = Asked(client=source, there=there, request=request, seed=seed, at=at, names=wire.names)
    return Translated(wire.body, wire.path, wire.query, losses.names, asked)


def translate_answer(asked: Asked, body: bytes) -> bytes:
    """Translate a whole answer of the provider for the client, as `translated_answer`."""
    return translated_answer(asked, body)[0]


def translated_answer(asked: Asked, body: bytes) -> tuple[bytes, interface.Usage]:
    """Translate a whole answer of the provider for the client; returns it, and all that the provider counted.

    Raises: ProtocolError (upstream) for what is no answer of the provider's dialect, or has no equal.
    """
    answer = reader(asked.there.dialect).read_answer(body, seed=asked.seed)
    if asked.names:
        parts = (_own(part, asked.names) if isinstance(part, Call) else part for part in answer.parts)
        answer = replace(answer, parts=tuple(parts))
    return writer(asked.client).write_answer(answer, asked), answer.counted


def translate_error(asked: Asked, status: int, body: bytes) -> tuple[int, bytes]:
    """Translate a provider's error answer; returns status and body for the client."""
    return writer(asked.client).write_error(read_error(asked.there.dialect, status, body))


def read_error(dialect: Dialect, status: int, body: bytes) -> Failure:
    """Tell what a provider's error answer is: routing falls over by `Failure.fault`.

    Raises: ConfigError for a dialect that nothing translates.
    """
    return reader(dialect).read_error(status, body)


class StreamTranslation:
    """One streamed answer on its way from the provider's dialect to the client's; text is never kept back."""

    __slots__ = ("_failure", "_names", "_order", "_reader", "_spoke", "_unsent", "_writer")

    def __init__(self, asked: Asked) -> None:
        self._reader = reader(asked.there.dialect).stream(seed=asked.seed)
        self._writer = writer(asked.client).stream(asked)
        self._order = Ordering()
        self._names = asked.names
        self._spoke = False
        self._unsent = b""
        self._failure: Failure | None = None

    @property
    def has_spoken(self) -> bool:
        """Whether more than the opening has been written: text, thoughts, a call, or the regular end."""
        return self._spoke

    @property
    def is_ended(self) -> bool:
        """Whether the terminal event has been written; nothing follows it."""
        return self._order.is_terminal

    @property
    def failure(self) -> Failure | None:
        """The error that ended it, None while there is none."""
        return self._failure

    @property
    def usage(self) -> Usage:
        """Tokens seen so far."""
        return self._reader.usage

    @property
    def counted(self) -> interface.Usage:
        """All that the provider has counted so far, as its own dialect's codec reads it."""
        return self._reader.counted

    def feed(self, chunk: bytes) -> bytes:
        """Take bytes of the provider, cut anywhere, and return bytes for the client.

        What comes after the terminal event is not read. After an error `abort` ends the client's stream.

        Raises: ProtocolError (upstream) for what is no stream of the provider's dialect, or has no equal.
        """
        return b"" if self._order.is_terminal else self._written(self._reader.feed(chunk))

    def close(self) -> bytes:
        """The provider has closed the connection: before the answer's end, that is an error and becomes one.

        Raises: ProtocolError as `feed`.
        """
        if self._order.is_terminal:
            return b""
        out = self._written(self._reader.close())
        if self._order.is_terminal:
            return out
        cut = Failure(Fault.TRUNCATED, "the provider's answer ended before it was complete")
        return out + self._written([cut])

    def abort(self, failure: Failure) -> bytes:
        """End the client's stream with an error; nothing when it has ended already.

        What was written before the fault leaves with it, however the input was cut.
        """
        if self._order.is_terminal:
            return b""
        unsent, self._unsent = self._unsent, b""
        return unsent + self._written([failure])

    def _written(self, events: Iterable[Event]) -> bytes:
        order, write = self._order, self._writer.write
        out: list[bytes] = []
        try:
            for event in events:
                for one in order.take(event):
                    if isinstance(one, Failure):
                        self._failure = one
                    elif not self._spoke and not isinstance(one, Begun):
                        self._spoke = True
                    named = _own(one, self._names) if self._names and isinstance(one, CallBegun) else one
                    out.append(write(named))
        except ProtocolError:
            self._unsent = b"".join(out)
            raise
        return b"".join(out)


def _own(call: _Named, names: Mapping[str, tuple[str, str]]) -> _Named:
    """Return a call under the name by which the client knows its tool."""
    found = names.get(call.name)
    return call if found is None else replace(call, namespace=found[0], name=found[1])


def failure_of(error: ProtocolError) -> Failure:
    """Return what a client is told where the provider's bytes could not be read."""
    return Failure(Fault.SERVER, error.public, status=error.status, code=error.code)
