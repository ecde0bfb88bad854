"""Challenges that passkeys sign: kept here, for one browser and one purpose, answered once, within minutes.

INVARIANT: a challenge is taken away by the first answer that names it, whatever becomes of that answer.
"""

import hashlib
import secrets
from dataclasses import dataclass
from enum import StrEnum

from firewall.codecs.passkeys.ceremony import PasskeyError, Wrong
from firewall.core.moments import Moment
from firewall.core.ports import Timer

LIFE_US = 180 * 1_000_000
MOST = 5_000
"""Open at a time of those that anybody may ask for, and as many of those that sessions asked for."""
MOST_OF_ONE = 50
"""Open at a time for one session, or before a sign-in for one source; its oldest makes room."""


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
    owner: tuple[bool, str]
    """Whether somebody is signed in, and the session or source that it is counted for."""
    issued: Moment


class Challenges:
    """All challenges that nobody has answered yet."""

    def __init__(self, clock: Timer) -> None:
        self._clock = clock
        self._open: dict[bytes, _Open] = {}

    def issue(self, purpose: Purpose, *, bound: str, source: str, about: tuple[str, ...] = ()) -> bytes:
        """Return a new challenge for one browser (`bound`: its session's or cookie's key).

        Nobody who is not signed in takes the place of a session's. `about` goes into the challenge itself, so that
        the signature binds what it is about.
        """
        is_known = purpose is not Purpose.SIGN_IN
        owner = (is_known, bound if is_known else source)
        self._make_room(owner)
        text = "\n".join(("stayhand challenge 1", secrets.token_urlsafe(32), purpose.value, *about))
        challenge = hashlib.sha256(text.encode("utf-8")).digest()
        self._open[challenge] = _Open(bound, purpose, about, owner, Moment.of(self._clock))
        return challenge

    def spend(self, challenge: bytes, purpose: Purpose, *, bound: str, about: tuple[str, ...] = ()) -> None:
        """Take a challenge that an answer names. Raises: PasskeyError unless it was issued for exactly this."""
        found = self._open.pop(challenge, None)
        is_ours = (
            found is not None and bound and (found.bound, found.purpose, found.about) == (bound, purpose, about)
        )
        if found is None or not is_ours or self._is_over(found):
            raise PasskeyError(Wrong.CHALLENGE)

    def _is_over(self, one: _Open) -> bool:
        return one.issued.age_us(self._clock) >= LIFE_US

    def _make_room(self, owner: tuple[bool, str]) -> None:
        if len(self._open) >= MOST:
            self._open = {key: one for key, one in self._open.items() if not self._is_over(one)}
        own = [key for key, one in self._open.items() if one.owner == owner]
        for key in own[: max(0, len(own) - MOST_OF_ONE + 1)]:
            del self._open[key]
        alike = [key for key, one in self._open.items() if one.owner[0] == owner[0]]
        for key in alike[: max(0, len(alike) - MOST + 1)]:
            del self._open[key]
