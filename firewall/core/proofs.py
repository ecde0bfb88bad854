"""What people prove themselves with beside a passphrase: passkeys, and personal links that work once."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey that somebody registered; times are unix microseconds."""

    id: str
    """Ours: `pky_…`."""
    person: str
    credential: bytes
    """The authenticator's id of it."""
    public_key: bytes
    """COSE_Key (RFC 9052)."""
    sign_count: int
    """What its counter said last; 0 where it has none."""
    label: str
    """What its owner calls it."""
    backed_up: bool
    """It is synchronised between devices."""
    created_at: int
    used_at: int


class LinkUse(StrEnum):
    """What a personal link is for."""

    SIGN_IN = "sign_in"
    """Begins one session."""
    DECIDE = "decide"
    """Decides one approval, without a session."""


@dataclass(frozen=True, slots=True)
class Link:
    """A personal link as stored: never its secret; times are unix microseconds."""

    id: str
    """`lnk_…`."""
    fingerprint: bytes
    """SHA-256 of the secret."""
    use: LinkUse
    person: str
    approval: str
    """The approval that it decides; empty for a sign-in."""
    digest: str
    """What that approval was bound to when the link was made."""
    created_at: int
    expires_at: int
