"""An answer that goes on where another one stopped, streamed or whole."""

from dataclasses import replace

from firewall.codecs import sse
from firewall.codecs.continuing.interface import Continuer, Follower
from firewall.codecs.interface import Codec, Ruling, Step, StreamCodec, Usage


class JoinedStream:
    """A `StreamCodec` whose output continues a stream that the client already has."""

    def __init__(self, inner: StreamCodec, follower: Follower) -> None:
        """`inner` reads the answer that goes on."""
        self._inner = inner
        self._follower = follower

    def feed(self, chunk: bytes) -> Step:
        """Take bytes from the provider; as the inner codec does, joined.

        Raises: ProtocolError as the inner codec.
        """
        return self._joined(self._inner.feed(chunk))

    def rule(self, slot: int, ruling: Ruling) -> Step:
        """Settle a pending call."""
        return self._joined(self._inner.rule(slot, ruling))

    def close(self) -> Step:
        """The provider closed the connection."""
        return self._joined(self._inner.close())

    def abort(self, code: str, message: str) -> bytes:
        """End the answer now with one well-formed terminal error event."""
        return self._join(self._inner.abort(code, message))

    def keepalive(self, client: str) -> bytes:
        """Return bytes that keep `client` waiting."""
        return b"".join(self._follower.waiting(frame) for frame in _frames(self._inner.keepalive(client)))

    @property
    def usage(self) -> Usage:
        """Tokens of this answer alone."""
        return self._inner.usage

    @property
    def issued(self) -> tuple[str, ...]:
        """Provider-side ids that this answer gave out."""
        return self._inner.issued

    def _joined(self, step: Step) -> Step:
        return replace(step, forward=self._join(step.forward)) if step.forward else step

    def _join(self, frames: bytes) -> bytes:
        return b"".join(self._follower.frame(frame) for frame in _frames(frames))


def joined_answer(codec: Codec, continuer: Continuer, *, first: bytes, second: bytes, written: int) -> bytes:
    """Return one whole answer: what `first` says without its calls, then all of `second`, which is ruled.

    Raises: ProtocolError (upstream) when one of them cannot be read.
    """
    said = codec.stream().feed(codec.stream_of(first)).forward
    follower = continuer.follower(said, written)
    rest = b"".join(follower.frame(frame) for frame in _frames(codec.stream_of(second)))
    return codec.answer_of(said + rest)


def _frames(data: bytes) -> list[sse.Frame]:
    splitter = sse.Splitter()
    return [*splitter.feed(data), *splitter.finish()] if data else []
