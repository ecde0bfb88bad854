"""Who we are at an authorization server where no person logs in (`client_credentials`, RFC 6749, section 4.4)."""

from collections.abc import Callable
from dataclasses import dataclass

from firewall.core.secret import Secret


@dataclass(frozen=True, slots=True)
class Machine:
    """A registered client with a secret."""

    id: str
    secret: Callable[[], Secret]
    """Reads it anew. Raises: ConfigError."""
    scopes: tuple[str, ...] = ()
