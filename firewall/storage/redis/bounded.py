"""redis-py's own reader of answers, for a server that is not trusted to be brief.

It would keep reading whatever length an answer announces; here reading ends where no answer of ours can be longer.
The methods that it extends are private to the library: the lock pins it, and a test floods it.
"""

from redis._parsers import _AsyncRESP2Parser
from redis.exceptions import InvalidResponse

MOST_BYTES = 4 << 20
"""Of one answer: a thousand circuits with the longest names fit."""


MOST_LINES = 32_768
"""Of one answer: each word has one or two, and each costs time however short it is."""


class BoundedParser(_AsyncRESP2Parser):
    """Reads answers of at most MOST_BYTES in MOST_LINES. Raises: InvalidResponse for one that is longer."""

    _left = MOST_BYTES
    _lines = MOST_LINES

    def _clear(self) -> None:
        """Begin a new answer."""
        self._left = MOST_BYTES
        self._lines = MOST_LINES
        super()._clear()

    async def _read(self, length: int) -> bytes:
        self._take(length)
        data: bytes = await super()._read(length)
        return data

    async def _readline(self) -> bytes:
        self._lines -= 1
        if self._lines < 0:
            raise InvalidResponse("the answer has too many words")
        line: bytes = await super()._readline()
        self._take(len(line) + 2)
        return line

    def _take(self, count: int) -> None:
        self._left -= count
        if count < 0 or self._left < 0:
            raise InvalidResponse("the answer is too long")
