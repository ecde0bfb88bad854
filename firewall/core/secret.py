"""A credential on its way through the process: shown as a fingerprint, handed out by one method alone.

INVARIANT: no formatting, comparison, pickling or copying of a `Secret` yields its value.
"""

import hashlib
import hmac
from typing import NoReturn, final

from firewall.core.spellings import has_long_run, holds, spellings_of


@final
class Secret:
    """A value that logs, errors and reports must not hold."""

    __slots__ = ("_fingerprint", "_is_long", "_spelled", "_value")

    def __init__(self, value: str) -> None:
        self._value = value
        self._spelled: tuple[bytes, ...] = ()
        self._is_long = False
        self._fingerprint = ""

    def reveal(self) -> str:
        """Return the value itself; the caller sends it to its owner and nowhere else."""
        return self._value

    @property
    def spellings(self) -> tuple[bytes, ...]:
        """The forms in which it could stand in text (`core.spellings`); empty for an empty secret."""
        if not self._spelled and self._value:
            self._spelled = spellings_of(self._value.encode("utf-8", "surrogateescape"))
            self._is_long = all(map(has_long_run, self._spelled))
        return self._spelled

    def stands_in(self, data: bytes) -> bool:
        """Tell whether the value stands in `data` in one of these forms; an empty one stands nowhere."""
        forms = self.spellings
        if self._is_long and not has_long_run(data):  # one look instead of one for each form
            return False
        return holds(data, forms)

    @property
    def fingerprint(self) -> str:
        """The first 8 hexadecimal digits of the value's SHA-256: enough to tell two keys apart in a log."""
        if not self._fingerprint:
            self._fingerprint = hashlib.sha256(self._value.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        return self._fingerprint

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return False
        mine, theirs = (text.encode("utf-8", "surrogatepass") for text in (self._value, other._value))
        return hmac.compare_digest(mine, theirs)

    def __hash__(self) -> int:
        return hash(self._fingerprint or self.fingerprint)

    def __repr__(self) -> str:
        return f"Secret({self.fingerprint})"

    def __str__(self) -> str:
        return repr(self)

    def __format__(self, format_spec: str) -> str:
        return repr(self)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret cannot be pickled or copied")
