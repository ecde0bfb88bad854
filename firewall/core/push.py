"""A browser that wants to be told while its page is closed (Web Push)."""

from dataclasses import dataclass, field

from firewall.core.ids import sha256_hex
from firewall.core.secret import Secret


@dataclass(frozen=True, slots=True)
class PushBrowser:
    """One subscription of one person; times are unix microseconds."""

    id: str
    """`psh_…`."""
    person: str
    endpoint: Secret
    """Where its push service takes messages for it; whoever has it and `auth` could write to the browser."""
    receiver: bytes = field(repr=False)
    """Its public key, an uncompressed point of P-256."""
    auth: bytes = field(repr=False)
    """The secret that it shares with us."""
    label: str
    """What its owner calls it."""
    passkey: str
    """The passkey that began the session in which it was made; empty: something else began it."""
    created_at: int

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of its endpoint: tells browsers apart, and leads to none."""
        return sha256_hex(self.endpoint.reveal().encode("utf-8"))

    @property
    def host(self) -> str:
        """The host of its push service: all that anybody is shown of its endpoint."""
        return self.endpoint.reveal().removeprefix("https://").partition("/")[0]
