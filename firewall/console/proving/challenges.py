"""Challenges that passkeys sign: kept here, for one browser and one purpose, answered once, within minutes.

INVARIANT: a challenge is taken away by the first answer that names it, whatever becomes of that answer.
"""

import hashlib
import secrets
from dataclasses import dataclass
from enum import StrEnum

from firewall.codecs.passkeys.ceremony import PasskeyError, Wrong
from firewall.core.ports import Clock

LIFE_US = 180 * 1_000_000
MOST = 5_000
MOST_OF_ONE = 50
"""Open at a time for one source; its oldest makes room."""


class Purpose(StrEnum):
    """What a signature will be taken for."""

    SIGN_IN = "sign_in"
    REGISTER = "register"
    DECIDE = "decide"


@dataclass(frozen=True, slots=True)
class _Open:
    bound: str
    purpose: Purpose
    about: tuple[str, ...]
    source: str
    until: int


class Challenges:
    """All challenges that nobody has answered yet."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: dict[bytes, _Open] = {}

    def issue(self, purpose: Purpose, *, bound: str, source: str, about: tuple[str, ...] = ()) -> bytes:
        """Return a new challenge for one browser (`bound`: its session's or cookie's key).

        `about` goes into the challenge itself, so that the signature binds what it is about.
        """
        self._make_room(source)
        text = "\n".join(("stayhand challenge 1", secrets.token_urlsafe(32), purpose.value, *about))
        challenge = hashlib.sha256(text.encode("utf-8")).digest()
        until = self._clock.now_us() + LIFE_US
        self._open[challenge] = _Open(bound, purpose, about, source, until)
        return challenge

    def spend(self, challenge: bytes, purpose: Purpose, *, bound: str, about: tuple[str, ...] = ()) -> None:
        """Take a challenge that an answer names. Raises: PasskeyError unless it was issued for exactly this."""
        found = self._open.pop(challenge, None)
        is_ours = (
            found is not None and bound and (found.bound, found.purpose, found.about) == (bound, purpose, about)
        )
        if found is None or not is_ours or found.until <= self._clock.now_us():
            raise PasskeyError(Wrong.CHALLENGE)

    def _make_room(self, source: str) -> None:
        now = self._clock.now_us()
        if len(self._open) >= MOST:
            self._open = {key: one for key, one in self._open.items() if one.until > now}
        own = [key for key, one in self._open.items() if one.source == source]
        for key in own[: max(0, len(own) - MOST_OF_ONE + 1)]:
            del self._open[key]
        while len(self._open) >= MOST:
            del self._open[next(iter(self._open))]
