"""What still comes about somebody who was erased: it is written, under a key that is kept nowhere.

A call that runs while its owner is erased ends later, and its end belongs into the log. INVARIANT: nothing makes a
stored key under an erased name, nor a row with it, until somebody comes under that name anew: with a token of its
own, or with the right to sign in. No name is kept for this, only what a name is recognized by in this process;
no call outlives that.
"""

import hmac
import secrets

from audit.seal import SubjectKey, passing_key
from firewall.core.work import OpenApproval, PutAbsence, PutLink, PutPasskey, PutPush, PutToken, Step, Take, Unmet

OWNED = ":owner:"
"""Stands in the key of a bucket before the name of whoever owns what draws from it."""
WAIT_US = 60_000_000
"""How long whoever draws from a bucket of somebody erased is told to wait."""


class Late:
    """Names that were erased since the start and that nobody came under since."""

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(32)
        self._keys: dict[bytes, SubjectKey] = {}
        self._before: dict[bytes, SubjectKey] | None = None
        """As it was when the batch in hand began; None: as it is."""

    def __bool__(self) -> bool:
        """Tell whether there is any."""
        return bool(self._keys)

    def key(self, name: str) -> SubjectKey | None:
        """Return what seals what still comes about a name; None where that has a key of its own."""
        return self._keys.get(self._mark(name)) if self._keys else None

    def leaves(self, name: str) -> None:
        """Take a name as erased, from what is written next on."""
        if name:
            self._changing()
            self._keys[self._mark(name)] = passing_key()

    def comes(self, name: str) -> None:
        """Take whoever comes under a name as somebody new."""
        if self.key(name) is not None:
            self._changing()
            del self._keys[self._mark(name)]

    def committed(self) -> None:
        """Keep what the batch in hand changed."""
        self._before = None

    def undone(self) -> None:
        """Take back what the batch in hand changed."""
        if self._before is not None:
            self._keys, self._before = self._before, None

    def refusal(self, step: Step, index: int) -> Unmet | None:
        """Return why a step is not taken that would write an erased name; None: it would not."""
        match step:
            case Take() if self.key(_owner(step.key)) is not None:
                return Unmet(index, "full", retry_after_us=WAIT_US, found=step.key)
            case OpenApproval() if step.approval.subject is not None:
                name = step.approval.subject.owner
            case PutPasskey():
                name = step.passkey.person
            case PutLink():
                name = step.link.person
            case PutPush():
                name = step.browser.person
            case PutAbsence():
                name = step.delegate if self.key(step.delegate) is not None else step.person
            case _:
                return None
        return None if self.key(name) is None else Unmet(index, "erased")

    def is_debt(self, bucket: str) -> bool:
        """Tell whether a bucket is of somebody who was erased: nobody draws from it again."""
        return self.key(_owner(bucket)) is not None

    def is_behind(self, step: PutToken, erasures: int) -> bool:
        """Tell whether a token was made out to somebody before he was erased, by the number of erasures."""
        return step.erasures not in (-1, erasures) and self.key(step.owner) is not None

    def _changing(self) -> None:
        if self._before is None:
            self._before = dict(self._keys)

    def _mark(self, name: str) -> bytes:
        return hmac.digest(self._salt, name.encode(), "sha256")


def _owner(bucket: str) -> str:
    return f":{bucket}".partition(OWNED)[2]
