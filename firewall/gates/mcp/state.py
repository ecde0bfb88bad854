"""`requestState` of held calls: sealed, so that a client can neither read nor make one; it ends by itself.

What it says: whose call, at which server, of which digest, which approval, and how often the client came back. It
proves nothing about anybody's decision: that is looked up each time (2026-07-28, MRTR: state that comes back is a
stranger's input). The key is made anew with each process; a state of an earlier one is refused like a forged one.
"""

import base64
import binascii
import secrets
from dataclasses import dataclass

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from firewall.codecs.mcp.errors import INVALID_PARAMS, McpError

PREFIX = "stayhand.1."
MAX_CHARS = 2048
_NONCE = 12
_BOUND = b"stayhand mcp requestState 1"


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a held call's client brings back."""

    principal: str
    server: str
    """The server's identity."""
    digest: str
    """Of the call as it was made, so that it is known again; whether people agreed to it is looked up."""
    approval: str
    until_us: int
    round: int = 0
    """How often it has come back."""


class Seal:
    """Seals tickets under a key of this process."""

    def __init__(self) -> None:
        self._cipher = AESGCM(AESGCM.generate_key(256))

    def sealed(self, ticket: Ticket) -> str:
        """Return a ticket as the client carries it."""
        said = [
            ticket.principal,
            ticket.server,
            ticket.digest,
            ticket.approval,
            ticket.until_us,
            ticket.round,
        ]
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + self._cipher.encrypt(nonce, orjson.dumps(said), _BOUND)
        return PREFIX + base64.urlsafe_b64encode(sealed).decode("ascii").rstrip("=")

    def opened(self, state: str, *, principal: str, server: str, now_us: int) -> Ticket:
        """Return the ticket that a client brings.

        Raises: McpError `request_state_invalid` (-32602) for one that was not made here, was changed, has ended,
        or is of another principal or server: one message for all.
        """
        ticket = self._read(state)
        if ticket is None or ticket.principal != principal or ticket.server != server or ticket.until_us <= now_us:
            raise refused()
        return ticket

    def _read(self, state: str) -> Ticket | None:
        text = state.removeprefix(PREFIX)
        if len(state) > MAX_CHARS or len(text) == len(state):
            return None
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            return Ticket(*orjson.loads(self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _BOUND)))
        except (binascii.Error, InvalidTag, ValueError):
            return None


def is_ours(state: object) -> bool:
    """Tell whether a `requestState` says that it is ours; others belong to the server."""
    return isinstance(state, str) and state.startswith(PREFIX)


def refused() -> McpError:
    """Return the error for a state that does not fit the request that brings it."""
    return McpError(
        "this `requestState` does not belong to this call, or has ended: make the call again without it",
        number=INVALID_PARAMS,
        code="request_state_invalid",
    )
