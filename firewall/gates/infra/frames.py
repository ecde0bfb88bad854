"""What a target says through a WebSocket, with its credentials hidden, frame by frame.

Frames keep their places and their lengths, so whatever else they carry stays whole: a credential is replaced by as
many bytes. It is found wherever frames cut it. Each channel of Kubernetes is read as the stream that it is,
whatever the others say in between; every other message stands for itself.
Specs: RFC 6455, section 5 (no extension is ever agreed on); for channels
https://kubernetes.io/docs/reference/kubernetes-api (channel.k8s.io to v5: the first byte of a message).
INVARIANT: as many bytes leave as came, in their order; without a finding they are the same bytes.
"""

from collections import deque
from collections.abc import Callable, Sequence

from firewall.classify.credentials.masking import Masker

_FIN = 0x80
_RESERVED = 0x70
_CONTROL = 0x08
_MASKED = 0x80
_CONTINUES = 0
_BINARY = 2
_CLOSE = 8
_DATA = frozenset({0, 1, 2})
_KNOWN = frozenset({0, 1, 2, 8, 9, 10})
_MOST_OF_CONTROL = 125
_CHANNELS = "channel.k8s.io"
_WHOLE = -1
"""Stands for a channel where messages have none."""
_MOST_WAITING = 64 << 10
"""Bytes that may wait behind a word; more let it go."""


class FrameError(Exception):
    """What came is no WebSocket of ours: reserved bits, a masked frame of a server, a control frame in pieces."""


class _Stream:
    """What one channel says, or all messages together where there are none."""

    __slots__ = ("masker", "ready", "spotter")

    def __init__(self, masker: Masker, spotter: "Spotter") -> None:
        self.masker = masker
        self.spotter = spotter
        self.ready = bytearray()
        """Text that may leave."""

    def take(self, text: bytes) -> None:
        """Take what comes next. Raises: CredentialSaidError."""
        self.spotter.watch(text)
        through = text.rfind(0) + 1
        if through:  # whatever reads data waits for all of it; only the word behind it may go on
            self.ready += self.masker.feed(text[:through])
            self.ready += self.masker.finish()
        self.ready += self.masker.feed(text[through:])

    def let_go(self) -> None:
        """Let go what waits."""
        self.ready += self.masker.finish()

    def end(self) -> None:
        """A message is over, and the next one stands for itself."""
        self.let_go()
        self.masker.forget()


class Frames:
    """One target's side of a WebSocket; fed as its bytes arrive, wherever they are cut."""

    def __init__(
        self,
        masker: Callable[[], Masker],
        *,
        protocol: str = "",
        is_cluster: bool = False,
        forms: Sequence[bytes] = (),
    ) -> None:
        """`masker` makes what hides, keeping lengths, once for each channel; `forms`: spellings that end it all.

        `protocol`: the subprotocol agreed on; `is_cluster`: binary messages without one are Kubernetes' channels.
        """
        self._new_masker = masker
        self._forms = tuple(forms)
        self._has_channels = protocol.endswith(_CHANNELS)
        self._may_have_channels = is_cluster and not protocol
        self._all = Spotter(forms)
        """Looks at all payloads as they come, whether their first byte is a channel's or not."""
        self._streams: dict[int, _Stream] = {}
        self._now = self._stream(_WHOLE)
        self._head = bytearray()
        self._left = 0
        """Bytes of the payload that are still to come."""
        self._opcode = 0
        self._is_last = False
        self._is_open = False
        """A message has begun and not ended."""
        self._is_channel = False
        """It is a channel's."""
        self._at_channel = False
        """The next byte of the payload says the channel."""
        self._wire: deque[bytes | tuple[_Stream, int]] = deque()
        """What leaves in this order: bytes as they are, or how many come from a stream."""
        self._waiting = 0
        """Bytes in it."""

    @property
    def is_waiting(self) -> bool:
        """Whether bytes wait that could still become a credential; `flush` lets them go."""
        return bool(self._wire)

    @property
    def masked(self) -> int:
        """How many credentials have been hidden."""
        return sum(one.masker.masked for one in self._streams.values())

    def feed(self, piece: bytes) -> bytes:
        """Return what may go on.

        Raises: FrameError; CredentialSaidError where the target says its own.
        """
        at = 0
        while at < len(piece):
            if not self._left:
                at = self._begin(piece, at)
                continue
            taken = piece[at : at + self._left]
            at += len(taken)
            self._left -= len(taken)
            self._payload(taken)
            if not self._left:
                self._ended()
        out = self._leaving()
        return out + self.flush() if self._waiting > _MOST_WAITING else out

    def flush(self) -> bytes:
        """Return what waited: nothing has come for a while, or nothing comes any more."""
        for one in self._streams.values():
            one.let_go()
        return self._leaving()

    def _stream(self, channel: int) -> _Stream:
        found = self._streams.get(channel)
        if found is None:
            found = self._streams[channel] = _Stream(self._new_masker(), Spotter(self._forms))
        return found

    def _queue(self, wire: bytes) -> None:
        self._wire.append(wire)
        self._waiting += len(wire)

    def _say(self, stream: _Stream, text: bytes) -> None:
        self._wire.append((stream, len(text)))
        self._waiting += len(text)
        stream.take(text)

    def _begin(self, piece: bytes, at: int) -> int:
        """Take one byte of a frame's head; returns the place behind it. Raises: FrameError."""
        self._head.append(piece[at])
        length = _length_of(self._head)
        if length is None:
            return at + 1
        first = self._head[0]
        opcode = first & 0x0F
        is_control = bool(opcode & _CONTROL)
        if first & _RESERVED or opcode not in _KNOWN:
            raise FrameError
        if is_control and (length > _MOST_OF_CONTROL or not first & _FIN):
            raise FrameError
        if not is_control and self._is_open is not (opcode == _CONTINUES):
            raise FrameError
        self._queue(bytes(self._head))
        self._head.clear()
        self._left, self._opcode = length, opcode
        if not is_control:
            if not self._is_open:
                self._is_channel = self._has_channels or (self._may_have_channels and opcode == _BINARY)
                self._at_channel = self._is_channel
                self._now = self._stream(_WHOLE)
            self._is_last, self._is_open = bool(first & _FIN), not first & _FIN
        if not length:
            self._ended()
        return at + 1

    def _payload(self, taken: bytes) -> None:
        """Take bytes of a payload. Raises: CredentialSaidError."""
        if self._opcode == _CLOSE:  # its words may say as much as any other
            self._say(self._stream(_WHOLE), taken)
            return
        if self._opcode not in _DATA:  # it may stand between parts of a message
            self._queue(taken)
            return
        self._all.watch(taken)
        if self._at_channel:
            self._at_channel = False
            self._now = self._stream(taken[0])
            self._queue(taken[:1])
            taken = taken[1:]
        if taken:
            self._say(self._now, taken)

    def _ended(self) -> None:
        """A frame is over; where messages are no channel's, each stands for itself."""
        if self._opcode == _CLOSE or (self._opcode in _DATA and self._is_last and not self._is_channel):
            self._stream(_WHOLE).end()

    def _leaving(self) -> bytes:
        out: list[bytes] = []
        while self._wire:
            first = self._wire.popleft()
            if isinstance(first, bytes):
                out.append(first)
                continue
            stream, size = first
            taken = bytes(stream.ready[:size])
            del stream.ready[: len(taken)]
            out.append(taken)
            if len(taken) < size:
                self._wire.appendleft((stream, size - len(taken)))
                break
        left = b"".join(out)
        self._waiting -= len(left)
        return left


class CredentialSaidError(Exception):
    """The target said its own credential."""


class Spotter:
    """Finds a secret in any of its spellings in a stream, wherever it is cut; it never holds bytes back."""

    def __init__(self, forms: Sequence[bytes]) -> None:
        self._forms = tuple(forms)
        self._keep = max((len(form) for form in forms), default=1) - 1
        self._tail = b""

    def watch(self, piece: bytes) -> None:
        """Look at what comes next. Raises: CredentialSaidError."""
        seen = self._tail + piece
        self._tail = seen[-self._keep :] if self._keep else b""
        if any(form in seen for form in self._forms):
            raise CredentialSaidError


def _length_of(head: bytearray) -> int | None:
    """Return the length of a payload once a frame's head is whole; None before. Raises: FrameError."""
    if len(head) < 2:
        return None
    short = head[1] & 0x7F
    more = {126: 2, 127: 8}.get(short, 0)
    if head[1] & _MASKED:
        raise FrameError
    if len(head) < 2 + more:
        return None
    length = int.from_bytes(head[2 : 2 + more], "big") if more else short
    if length >= 1 << 63:
        raise FrameError
    return length
