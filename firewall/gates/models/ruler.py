"""One provider answer while its calls are ruled on, streamed or whole, behind one face.

`out` holds everything that may leave, in order; it is kept until the answer is over so that a client that
re-sends its request gets all of it again, in its own form.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from firewall.codecs.continuing.interface import Follower, Told
from firewall.codecs.continuing.joined import JoinedStream
from firewall.codecs.interface import Answer, Codec, Pending, Refused, Ruling, Step, StreamCodec, Usage
from firewall.codecs.restarting.interface import Restarter
from firewall.codecs.restarting.registry import parted
from firewall.core.errors import ProtocolError

_LONG = "answer_too_large"
_UNREADABLE = "the provider's stream could not be read, so the answer ends here"
_TOO_LARGE = "the answer holds back more than this gateway keeps"


class Ruler(Protocol):
    """An answer whose calls are being ruled on."""

    out: list[bytes]
    done: bool
    error: ProtocolError | None
    judged: int
    """Calls that were judged so far."""
    defers: bool
    """Refusals wait for the end of the answer: when nothing else came of it, the model may be told instead."""

    @property
    def refused(self) -> Sequence[Told]:
        """Every call of a complete answer, when all were refused and that was deferred; otherwise empty."""
        ...

    @property
    def raw(self) -> bytes:
        """The provider's answer as it came, as long as refusals are deferred."""
        ...

    def settle(self) -> None:
        """Put the texts in place of all that was deferred, and defer nothing more."""
        ...

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

    def __init__(
        self,
        codec: Codec,
        *,
        max_bytes: int = 64 << 20,
        hides_usage: bool = False,
        defers: bool = False,
        restarter: Restarter | None = None,
    ) -> None:
        """`max_bytes`: how long an answer may be; all of it is kept for a client that asks again.

        `restarter`: an answer that breaks off is not ended at once: whoever gives it begins again, or gives up.
        """
        self._codec = codec
        self._hides_usage = hides_usage
        self._stream: StreamCodec = codec.stream(hides_usage=hides_usage)
        self.defers = defers
        self._deferred: dict[int, Refused] = {}
        self._calls: dict[int, Pending] = {}
        self._raw: list[bytes] = []
        self._is_closed = False
        self._restarter = restarter
        self._ending: bytes | None = None
        self._max_bytes = max_bytes
        self._taken = 0
        self.judged = 0
        self.out: list[bytes] = []
        self.done = False
        self.error: ProtocolError | None = None

    def following(self, follower: Follower, *, defers: bool = True) -> "StreamRuler":
        """Return a ruler for an answer that goes on where this one stops; what was given out stays given out."""
        found = StreamRuler(
            self._codec,
            max_bytes=self._max_bytes,
            hides_usage=self._hides_usage,
            defers=defers,
            restarter=self._restarter,
        )
        found._stream = JoinedStream(found._stream, follower)
        found.out = list(self.out)
        found.judged = self.judged
        return found

    @property
    def has_broken_off(self) -> bool:
        """The answer broke off, and its client has not been told: `restarted` or `give_up`."""
        return self._ending is not None and not self.done

    @property
    def ending(self) -> bytes:
        """The error that an answer broke off with; empty: it cannot be read, or just stopped."""
        return self._ending or b""

    @property
    def bridge(self) -> bytes | None:
        """What must stand before an answer that takes this one's place; None: more than text was given."""
        if self._restarter is None or self.judged or self.done:
            return None
        try:
            return self._restarter.bridge(self.as_stream())
        except ProtocolError:
            return None

    def restarted(self, bridge: bytes, follow: Callable[[bytes], Follower]) -> "StreamRuler":
        """Return a ruler for an answer that begins again behind this one and `bridge`.

        `follow` starts joining to the stream that the client has.
        """
        self.out.append(bridge)
        return self.following(follow(self.as_stream()), defers=self.defers)

    def give_up(self) -> None:
        """End an answer that broke off and does not begin again, as it would have ended at once."""
        if self.has_broken_off and self.error is not None:
            self.abort(self.error.code, _public(self.error))
        elif self.has_broken_off:
            self.out.append(self._ending or b"")
            self.done = True

    @property
    def raw(self) -> bytes:
        """The provider's stream as it came; kept only while refusals are deferred."""
        return b"".join(self._raw)

    @property
    def refused(self) -> Sequence[Told]:
        """Every call of a complete answer, when all were refused and that was deferred; otherwise empty."""
        if self.done or not self._is_closed or self._deferred.keys() != self._calls.keys():
            return ()
        return tuple(Told(self._calls[slot], ruling.text) for slot, ruling in sorted(self._deferred.items()))

    def settle(self) -> None:
        """Put the texts in place of all that was deferred, and defer nothing more."""
        self.defers = False
        deferred, self._deferred = self._deferred, {}
        self._raw.clear()
        self._calls.clear()
        for slot, ruling in deferred.items():
            self.rule(slot, ruling)

    def feed(self, chunk: bytes) -> Sequence[Pending]:
        """Take bytes from the provider; returns calls that became complete. Malformed bytes end the answer."""
        if self.defers:
            self._raw.append(chunk)
        try:
            step = self._stream.feed(chunk)
        except ProtocolError as error:
            self._fail(error)
            return ()
        self._taken += len(chunk)
        if step.done and self._may_restart:
            step = self._kept_back(step)
        if step.forward:
            self.out.append(step.forward)
        self.done = self.done or step.done
        if self._taken > self._max_bytes and not self.done:
            self._fail(ProtocolError(_TOO_LARGE, code=_LONG, side="upstream"))
            return ()
        return self._noted(step.calls)

    def close(self) -> Sequence[Pending]:
        """Take the provider's end of stream."""
        self._is_closed = True
        try:
            step = self._stream.close()
        except ProtocolError as error:
            self._fail(error)
            return ()
        if step.done and self._may_restart:
            step = self._kept_back(step)
        if step.forward:
            self.out.append(step.forward)
        if not step.calls:
            self.done = self.done or step.done
        return self._noted(step.calls)

    @property
    def _may_restart(self) -> bool:
        """No call has been judged yet: an answer that breaks off may begin again."""
        return self._restarter is not None and not self.judged

    def _kept_back(self, step: Step) -> Step:
        """Return a last step without the error that it ends in: that waits until nobody begins again."""
        if self._restarter is None:
            return step
        before, ending = parted(self._restarter, step.forward)
        if not ending:
            return step
        self._ending = ending
        return Step(before)

    def _noted(self, calls: Sequence[Pending]) -> Sequence[Pending]:
        if self.defers:
            self._calls.update((one.slot, one) for one in calls)
        return calls

    def rule(self, slot: int, ruling: Ruling) -> None:
        """Settle one call."""
        if self.done:
            return
        if self.defers and isinstance(ruling, Refused):
            self._deferred[slot] = ruling
            return
        if self.defers:
            self.settle()
        step = self._stream.rule(slot, ruling)
        if step.forward:
            self.out.append(step.forward)
        self.done = step.done

    def abort(self, code: str, message: str) -> None:
        """End the answer now with a terminal error event."""
        if self.done:
            return
        self.out.append(self._stream.abort(code, message) or self._ending or b"")
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
        if self._may_restart and error.code != _LONG:
            self._ending = b""
            return
        self.abort(error.code, _public(error))


def _public(error: ProtocolError) -> str:
    return error.public if error.code == _LONG else _UNREADABLE


class AnswerRuler:
    """An answer that came whole."""

    def __init__(
        self,
        codec: Codec,
        body: bytes,
        answer: Answer | None = None,
        *,
        defers: bool = False,
        raw: bytes | None = None,
    ) -> None:
        """Read the answer, unless `answer` is what `codec` has read in it already.

        `raw`: what came of it from the provider, where it was joined to an earlier one.

        Raises: ProtocolError (upstream) when it is not one.
        """
        self._codec = codec
        self._raw = body if raw is None else raw
        self.defers = defers
        self._body = body
        self._answer = answer or codec.read_answer(body)
        self._usage = self._answer.usage if raw is None else codec.read_answer(raw).usage
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

    @property
    def body(self) -> bytes:
        """The answer with all its calls."""
        return self._body

    @property
    def raw(self) -> bytes:
        """The provider's answer as it came."""
        return self._raw

    @property
    def refused(self) -> Sequence[Told]:
        """Every call, when all were refused and that was deferred; otherwise empty."""
        if self._open or self.done:
            return ()
        texts = {slot: one.text for slot, one in self._rulings.items() if isinstance(one, Refused)}
        return tuple(Told(one, texts[one.slot]) for one in self.calls)

    def settle(self) -> None:
        """Put the texts in place of all that was deferred, and defer nothing more."""
        self.defers = False
        if not self.done:
            self._finish()

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
        return self._usage

    @property
    def issued(self) -> tuple[str, ...]:
        """Provider-side ids given out."""
        return self._answer.issued

    def _finish(self) -> None:
        if self.defers and self._rulings and all(isinstance(one, Refused) for one in self._rulings.values()):
            return  # whoever asked for it settles it, or goes on
        if not self._open:
            self.out.append(self._codec.rule_answer(self._body, self._rulings) if self._rulings else self._body)
            self.done = True
