"""One provider answer while its calls are ruled on, streamed or whole, behind one face.

`out` holds everything that may leave, in order; it is kept until the answer is over so that a client that
re-sends its request gets all of it again, in its own form.
"""

from collections.abc import Sequence
from typing import Protocol

from firewall.codecs.interface import Answer, Codec, Pending, Ruling, StreamCodec, Usage
from firewall.core.errors import ProtocolError

_TOO_LARGE = "the answer holds back more than this gateway keeps"


class Ruler(Protocol):
    """An answer whose calls are being ruled on."""

    out: list[bytes]
    done: bool
    error: ProtocolError | None
    judged: int
    """Calls that were judged so far."""

    def rule(self, slot: int, ruling: Ruling) -> None:
        """Settle one call."""
        ...

    def abort(self, code: str, message: str) -> None:
        """End the answer now; everything held is dropped."""
        ...

    def keepalive(self, client: str) -> bytes:
        """Return what keeps a streaming client waiting."""
        ...

    def as_stream(self) -> bytes:
        """Return the finished answer as a stream."""
        ...

    def as_answer(self) -> bytes:
        """Return the finished answer as one body."""
        ...

    @property
    def usage(self) -> Usage:
        """Tokens seen."""
        ...

    @property
    def issued(self) -> tuple[str, ...]:
        """Provider-side ids given out."""
        ...


class StreamRuler:
    """A streamed answer."""

    def __init__(self, codec: Codec, *, max_bytes: int = 64 << 20, hides_usage: bool = False) -> None:
        """`max_bytes`: how long an answer may be; all of it is kept for a client that asks again."""
        self._codec = codec
        self._stream: StreamCodec = codec.stream(hides_usage=hides_usage)
        self._max_bytes = max_bytes
        self._taken = 0
        self.judged = 0
        self.out: list[bytes] = []
        self.done = False
        self.error: ProtocolError | None = None

    def feed(self, chunk: bytes) -> Sequence[Pending]:
        """Take bytes from the provider; returns calls that became complete. Malformed bytes end the answer."""
        try:
            step = self._stream.feed(chunk)
        except ProtocolError as error:
            self._fail(error)
            return ()
        self._taken += len(chunk)
        if step.forward:
            self.out.append(step.forward)
        self.done = self.done or step.done
        if self._taken > self._max_bytes and not self.done:
            self._fail(ProtocolError(_TOO_LARGE, code="answer_too_large", side="upstream"))
            return ()
        return step.calls

    def close(self) -> Sequence[Pending]:
        """Take the provider's end of stream."""
        try:
            step = self._stream.close()
        except ProtocolError as error:
            self._fail(error)
            return ()
        if step.forward:
            self.out.append(step.forward)
        if not step.calls:
            self.done = self.done or step.done
        return step.calls

    def rule(self, slot: int, ruling: Ruling) -> None:
        """Settle one call."""
        if self.done:
            return
        step = self._stream.rule(slot, ruling)
        if step.forward:
            self.out.append(step.forward)
        self.done = step.done

    def abort(self, code: str, message: str) -> None:
        """End the answer now with a terminal error event."""
        if self.done:
            return
        self.out.append(self._stream.abort(code, message))
        self.done = True
        if self.error is None:
            self.error = ProtocolError(message, code=code, side="upstream")

    def keepalive(self, client: str) -> bytes:
        """Return what keeps a streaming client waiting."""
        return self._stream.keepalive(client)

    def as_stream(self) -> bytes:
        """Return the finished answer as a stream."""
        return b"".join(self.out)

    def as_answer(self) -> bytes:
        """Return the finished answer as one body.

        Raises: ProtocolError when it ended in an error.
        """
        if self.error is not None:
            raise self.error
        return self._codec.answer_of(b"".join(self.out))

    @property
    def usage(self) -> Usage:
        """Tokens seen."""
        return self._stream.usage

    @property
    def issued(self) -> tuple[str, ...]:
        """Provider-side ids given out."""
        return self._stream.issued

    def _fail(self, error: ProtocolError) -> None:
        self.error = error
        public = "the provider's stream could not be read, so the answer ends here"
        self.abort(error.code, error.public if error.code == "answer_too_large" else public)


class AnswerRuler:
    """An answer that came whole."""

    def __init__(self, codec: Codec, body: bytes, answer: Answer | None = None) -> None:
        """Read the answer, unless `answer` is what `codec` has read in it already.

        Raises: ProtocolError (upstream) when it is not one.
        """
        self._codec = codec
        self._body = body
        self._answer = answer or codec.read_answer(body)
        self._open = {pending.slot for pending in self._answer.calls}
        self._rulings: dict[int, Ruling] = {}
        self.judged = 0
        self.out: list[bytes] = []
        self.done = False
        self.error: ProtocolError | None = None
        self._finish()

    @property
    def calls(self) -> Sequence[Pending]:
        """The calls to rule on."""
        return self._answer.calls

    def rule(self, slot: int, ruling: Ruling) -> None:
        """Settle one call."""
        if self.done or slot not in self._open:
            return
        self._open.discard(slot)
        self._rulings[slot] = ruling
        self._finish()

    def abort(self, code: str, message: str) -> None:
        """End the answer now."""
        if not self.done:
            self.error = ProtocolError(message, code=code, side="upstream")
            self.done = True

    def keepalive(self, client: str) -> bytes:
        """Return what keeps a streaming client waiting that re-sent a plain request."""
        return self._codec.stream().keepalive(client)

    def as_stream(self) -> bytes:
        """Return the finished answer as a stream.

        Raises: ProtocolError when it ended in an error.
        """
        return self._codec.stream_of(self.as_answer())

    def as_answer(self) -> bytes:
        """Return the finished answer.

        Raises: ProtocolError when it ended in an error.
        """
        if self.error is not None:
            raise self.error
        return b"".join(self.out)

    @property
    def usage(self) -> Usage:
        """Tokens seen."""
        return self._answer.usage

    @property
    def issued(self) -> tuple[str, ...]:
        """Provider-side ids given out."""
        return self._answer.issued

    def _finish(self) -> None:
        if not self._open:
            self.out.append(self._codec.rule_answer(self._body, self._rulings) if self._rulings else self._body)
            self.done = True
