"""Server-sent events, cut into frames as they arrive (WHATWG HTML 9.2.6).

What lives here: bytes in, frames out, each with its exact raw bytes. What must not: knowledge of a dialect.

INVARIANT: the raw bytes of all frames, in order, followed by `rest`, are everything that was fed.
INVARIANT: how the input was cut into chunks never changes the frames.
FAIL-CLOSED: a line that some readers take for a field and others do not is refused, never passed on.
"""

import re
from typing import NamedTuple

from firewall.core.errors import ProtocolError

MAX_FRAME_BYTES = 16 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"
_NEWLINE = rb"(?:\r\n|\n|\r(?!\n))"
_LEADING_NEWLINE = re.compile(_NEWLINE)
_FRAME_END = re.compile(_NEWLINE + _NEWLINE)
_OTHER_BREAK = re.compile(rb"(?:\xc2\x85|\xe2\x80[\xa8\xa9])\s*(?:data|event|id|retry)\s*:")
"""U+0085, U+2028 and U+2029 end a line for readers that split text instead of bytes: a field may not follow."""

_TEXT_BREAK = re.compile(rb"[\x0b\x0c\x1c-\x1e]|\xc2\x85|\xe2\x80[\xa8\xa9]")
"""All that ends a line for Python's `str.splitlines`, by which httpx reads lines; in JSON these stand in no data
but within strings, and there the first five only escaped."""


class Frame(NamedTuple):
    """One frame of the stream; a blank line or comment between events is a frame without data."""

    raw: bytes
    """Exactly as received, the blank line that ends it included."""
    event: str
    """The event name; empty where the frame has none."""
    data: bytes
    """The data lines, joined by a line feed, without the one optional space after the colon."""
    lines: int
    """How many data lines there are: 0 means that the frame is only a comment, a blank line or a bare event."""


class Splitter:
    """Cut one stream into frames; one instance per stream."""

    __slots__ = ("_first", "_max", "_tail")

    def __init__(self, *, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max = max_frame_bytes
        self._tail = bytearray()
        self._first = True

    @property
    def rest(self) -> bytes:
        """What was fed and is not part of a finished frame."""
        return bytes(self._tail)

    def feed(self, chunk: bytes) -> list[Frame]:
        """Take bytes, cut anywhere, and return the frames that are now complete.

        Raises: ProtocolError (upstream) `stream_malformed`, `stream_frame_too_large`.
        """
        return [self.read(raw) for raw in self.cut(chunk)]

    def cut(self, chunk: bytes) -> list[bytes]:
        """Take bytes, cut anywhere, and return the raw frames that are now complete; `read` reads one.

        Raises: ProtocolError (upstream) `stream_frame_too_large`.
        """
        tail = self._tail
        if tail:
            known = len(tail)
            tail += chunk
            if _FRAME_END.search(tail, max(0, known - 3)) is None and tail[0] not in b"\r\n":
                self._refuse_long(len(tail))
                return []
            chunk = bytes(tail)
        raws, used = _cut_plain(chunk) if chunk.find(b"\r") < 0 else _cut_any(chunk, final=False)
        self._tail = bytearray(chunk[used:])
        self._refuse_long(len(self._tail))
        return raws

    def finish(self) -> list[Frame]:
        r"""Say that nothing follows: a frame that ended in `\r` waited for a `\n` that does not come.

        Raises: ProtocolError (upstream) as `feed`.
        """
        chunk = bytes(self._tail)
        raws, used = _cut_any(chunk, final=True)
        self._tail = bytearray(chunk[used:])
        return [self.read(raw) for raw in raws]

    def read(self, raw: bytes) -> Frame:
        """Read a frame that `cut` returned, in order.

        Raises: ProtocolError (upstream) as `feed`.
        """
        self._refuse_long(len(raw))
        body = raw
        if self._first:
            self._first = False
            if raw.startswith(_BOM):
                body = raw[3:]
        if not raw.isascii() and _hides_a_field(raw):
            raise _malformed("a unicode line break stands before a field name")
        event, data, lines = _fields(body)
        return Frame(raw, event, data, lines)

    def _refuse_long(self, size: int) -> None:
        if size > self._max:
            raise ProtocolError(
                f"the provider sent a stream frame of more than {self._max} bytes",
                code="stream_frame_too_large",
                side="upstream",
            )


def frame(data: bytes, *, event: str = "") -> bytes:
    """Return one frame that carries `data` (no line break in it), under `event` where it is not empty."""
    return b"event: %s\ndata: %s\n\n" % (event.encode(), data) if event else b"data: %s\n\n" % data


def comment(text: bytes) -> bytes:
    """Return a comment frame, which conforming readers skip."""
    return b": %s\n\n" % text


def _cut_plain(buffer: bytes) -> tuple[list[bytes], int]:
    """Cut where only line feeds end lines; returns the frames and how many bytes they are."""
    raws: list[bytes] = []
    start, size = 0, len(buffer)
    while start < size:
        if buffer[start] == 10:
            raws.append(b"\n")
            start += 1
            continue
        end = buffer.find(b"\n\n", start)
        if end < 0:
            break
        raws.append(buffer[start : end + 2])
        start = end + 2
    return raws, start


def _cut_any(buffer: bytes, *, final: bool) -> tuple[list[bytes], int]:
    r"""Cut where `\r\n`, `\n` and `\r` end lines; a last `\r` is undecided until more comes or `final`."""
    raws: list[bytes] = []
    start = 0
    stop = len(buffer) if final or not buffer.endswith(b"\r") else len(buffer) - 1
    feed = -1
    while start < stop:
        if feed < start:  # kept, because a stream may have very many frames and no line feed
            feed = buffer.find(b"\n", start)
            feed = feed if feed >= 0 else stop
        if buffer.startswith(b"\r\n\r\n", feed - 1) and start < buffer.find(b"\r", start) == feed - 1:
            raws.append(buffer[start : feed + 3])
            start = feed + 3
            continue
        found = _LEADING_NEWLINE.match(buffer, start, stop) or _FRAME_END.search(buffer, start, stop)
        if found is None:
            break
        raws.append(buffer[start : found.end()])
        start = found.end()
    return raws, start


def _fields(body: bytes) -> tuple[str, bytes, int]:
    """Read the fields of a frame: event name, data, number of data lines."""
    if body.endswith(b"\r\n\r\n") and body.startswith(b"data: "):
        only = body[6:-4]
        if only.find(b"\r") < 0 and only.find(b"\n") < 0:
            return "", only, 1
    return _any_fields(body)


def _any_fields(body: bytes) -> tuple[str, bytes, int]:
    if body.find(b"\r") >= 0:
        body = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines = body.split(b"\n")
    if len(lines) == 3 and lines[0].startswith(b"data: "):
        return "", lines[0][6:], 1
    if len(lines) == 4 and lines[0].startswith(b"event: ") and lines[1].startswith(b"data: "):
        return _text(lines[0][7:]), lines[1][6:], 1
    event, data = "", []
    for line in lines:
        if line.startswith(b"data:"):
            data.append(_value(line, 5))
        elif line.startswith(b"event:"):
            if event:
                raise _malformed("a frame names its event twice")
            event = _text(_value(line, 6))
        elif line:
            _refuse_unless_inert(line)
    return event, b"\n".join(data), len(data)


def _hides_a_field(raw: bytes) -> bool:
    rare = b"\xe2\x80\xa8" in raw or b"\xe2\x80\xa9" in raw or b"\xc2\x85" in raw
    return rare and _OTHER_BREAK.search(raw) is not None


def _value(line: bytes, start: int) -> bytes:
    return line[start + 1 :] if line[start : start + 1] == b" " else line[start:]


def _text(name: bytes) -> str:
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed("an event name is not UTF-8") from error
    if not text.isprintable():
        raise _malformed("an event name has control characters")
    return text


def _refuse_unless_inert(line: bytes) -> None:
    if _TEXT_BREAK.search(line):
        raise _malformed("a line holds what ends a line for readers that split text")
    if line.startswith((b"id:", b"retry:")):
        return
    if not line.startswith(b":"):
        raise _malformed("a line is neither a known field nor a comment")
    if b"data:" in line:
        raise _malformed("a comment holds a data field")


def _malformed(what: str) -> ProtocolError:
    return ProtocolError(
        f"the provider's event stream cannot be read: {what}", code="stream_malformed", side="upstream"
    )
