"""AWS's binary event stream (`application/vnd.amazon.eventstream`), decoded; pure.

A message: total length, length of the headers and a CRC of both (12 bytes), headers, payload, a CRC of all.
Source: https://smithy.io/2.0/aws/amazon-eventstream.html; botocore's decoder is the tests' oracle.
"""

import struct
from binascii import crc32
from dataclasses import dataclass

from firewall.core.errors import UpstreamError, UpstreamFault

_PRELUDE = struct.Struct("!III")
_MOST_BYTES = 16 << 20
_MOST_HEADERS = 128 << 10
_FIXED = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""How many bytes the values of header types have; 6 and 7 say it themselves."""
_STRING = 7


@dataclass(frozen=True, slots=True)
class Message:
    """One message."""

    headers: dict[str, str]
    """Those that are texts (`:event-type`, `:message-type`, `:exception-type`, …)."""
    payload: bytes


class Decoder:
    """Cuts a stream into messages; one instance per stream."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, chunk: bytes) -> list[Message]:
        """Take bytes, cut anywhere, and return the messages that they complete.

        Raises: UpstreamError malformed for lengths that cannot be, a wrong checksum, headers that overlap.
        """
        self._held += chunk
        found: list[Message] = []
        while len(self._held) >= _PRELUDE.size:
            total, headers, checksum = _PRELUDE.unpack_from(self._held)
            if crc32(self._held[:8]) != checksum:
                raise _malformed("its head has another checksum")
            if not _PRELUDE.size + headers + 4 <= total <= _MOST_BYTES or headers > _MOST_HEADERS:
                raise _malformed("a length that cannot be")
            if len(self._held) < total:
                break
            raw = bytes(self._held[:total])
            del self._held[:total]
            if crc32(raw[:-4]) != int.from_bytes(raw[-4:], "big"):
                raise _malformed("a message has another checksum")
            start = _PRELUDE.size + headers
            found.append(Message(_headers(raw[_PRELUDE.size : start]), raw[start:-4]))
        return found

    def finish(self) -> None:
        """Say that nothing follows.

        Raises: UpstreamError unavailable when a message is cut off.
        """
        if self._held:
            raise UpstreamError("the provider broke off its answer", fault=UpstreamFault.UNAVAILABLE)


def _headers(data: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(data):
            size = data[at]
            name = data[at + 1 : at + 1 + size].decode("utf-8")
            at += 1 + size
            kind = data[at]
            at += 1
            length = _FIXED.get(kind)
            if length is None:
                if kind not in (6, _STRING):
                    raise _malformed("a header of an unknown type")
                length = int.from_bytes(data[at : at + 2], "big")
                at += 2
            if at + length > len(data) or name in found:
                raise _malformed("a header that does not end, or stands twice")
            found[name] = data[at : at + length].decode("utf-8") if kind == _STRING else ""
            at += length
    except (IndexError, UnicodeDecodeError) as error:
        raise _malformed("its headers cannot be read") from error
    return found


def _malformed(why: str) -> UpstreamError:
    return UpstreamError(
        "the provider gave an answer that cannot be read", fault=UpstreamFault.MALFORMED, detail=why
    )
