"""What a target says through a WebSocket, with its credentials hidden, frame by frame.

Frames keep their places and their lengths, so whatever else they carry stays whole: a credential is replaced by as
many bytes. It is found wherever frames cut it. Channels of Kubernetes are read as the streams that they are; every
other message stands for itself.
Specs: RFC 6455, section 5 (no extension is ever agreed on); for channels
https://kubernetes.io/docs/reference/kubernetes-api (v4 and v5.channel.k8s.io: the first byte of a message).
INVARIANT: as many bytes leave as came, in their order; without a finding they are the same bytes.
"""

from collections import deque
from collections.abc import Sequence

from firewall.classify.credentials.masking import Masker

_FIN = 0x80
_RESERVED = 0x70
_CONTROL = 0x08
_MASKED = 0x80
_CONTINUES = 0
_CLOSE = 8
_DATA = frozenset({0, 1, 2})
_KNOWN = frozenset({0, 1, 2, 8, 9, 10})
_MOST_OF_CONTROL = 125
_CHANNELS = ".channel.k8s.io"


class FrameError(Exception):
    """What came is no WebSocket of ours: reserved bits, a masked frame of a server, a control frame in pieces."""


class Frames:
    """One target's side of a WebSocket; fed as its bytes arrive, wherever they are cut."""

    def __init__(self, masker: Masker, *, protocol: str = "", forms: Sequence[bytes] = ()) -> None:
        """`masker` keeps lengths; `protocol`: the subprotocol agreed on; `forms`: spellings that end it all."""
        self._masker = masker
        self._spotter = Spotter(forms)
        self._has_channels = protocol.endswith(_CHANNELS)
        self._channel = -1
        self._head = bytearray()
        self._left = 0
        """Bytes of the payload that are still to come."""
        self._opcode = 0
        self._is_last = False
        self._is_open = False
        """A message has begun and not ended."""
        self._at_channel = False
        """The next byte of the payload says the channel."""
        self._wire: deque[bytes | int] = deque()
        """What leaves in this order: bytes as they are, or how many come from the text."""
        self._text = bytearray()
        """Text that may leave."""

    @property
    def is_waiting(self) -> bool:
        """Whether bytes wait that could still become a credential; `flush` lets them go."""
        return self._masker.is_waiting

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
        return self._leaving()

    def flush(self) -> bytes:
        """Return what waited: nothing has come for a while, or nothing comes any more."""
        self._text += self._masker.finish()
        return self._leaving()

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
        self._wire.append(bytes(self._head))
        self._head.clear()
        self._left, self._opcode = length, opcode
        if not is_control:
            self._at_channel = self._has_channels and not self._is_open
            self._is_last, self._is_open = bool(first & _FIN), not first & _FIN
        if not length:
            self._ended()
        return at + 1

    def _payload(self, taken: bytes) -> None:
        """Take bytes of a payload. Raises: CredentialSaidError."""
        if self._opcode == _CLOSE:
            self._closing(taken)
            return
        if self._opcode not in _DATA:  # it may stand between parts of a message
            self._wire.append(taken)
            return
        if self._at_channel:
            self._at_channel = False
            self._to(taken[0])
            self._wire.append(taken[:1])
            taken = taken[1:]
        if taken:
            self._spotter.watch(taken)
            self._wire.append(len(taken))
            self._text += self._masker.feed(taken)
            if 0 in taken:  # no text: whatever reads it waits for all of it
                self._text += self._masker.finish()

    def _closing(self, taken: bytes) -> None:
        """Take the words of a close, which may say as much as any other."""
        self._stop_text()
        self._spotter.watch(taken)
        self._wire.append(len(taken))
        self._text += self._masker.feed(taken)

    def _to(self, channel: int) -> None:
        if channel != self._channel:
            self._stop_text()
            self._channel = channel

    def _ended(self) -> None:
        """A frame is over."""
        if self._opcode == _CLOSE or (self._opcode in _DATA and self._is_last and not self._has_channels):
            self._stop_text()

    def _stop_text(self) -> None:
        self._text += self._masker.finish()
        self._masker.forget()

    def _leaving(self) -> bytes:
        out: list[bytes] = []
        while self._wire:
            first = self._wire[0]
            if isinstance(first, bytes):
                out.append(first)
                self._wire.popleft()
                continue
            taken = bytes(self._text[:first])
            del self._text[: len(taken)]
            out.append(taken)
            if len(taken) < first:
                self._wire[0] = first - len(taken)
                break
            self._wire.popleft()
        return b"".join(out)


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
