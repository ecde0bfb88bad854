"""`requestState` as clients carry it: sealed, so that a client can neither read nor make one; it ends by itself.

A ticket is of a held call, a leg of a request whose server asked something. What a ticket says: whose call, at
which server, of which digest, which approval, and how often the client came back. It proves nothing about what
anybody decided: that is looked up each time (2026-07-28, MRTR: state that comes back is a stranger's input).
The key is made anew with each process; a state of an earlier one is refused like a forged one.
"""

import base64
import binascii
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from firewall.codecs.mcp.errors import INVALID_PARAMS, McpError

PREFIX = "stayhand.1."
LEG_PREFIX = "stayhand.leg.1."
MAX_CHARS = 2048
MAX_LEG_CHARS = 256 << 10
_NONCE = 12
_BOUND = b"stayhand mcp requestState 1"
_LEG_BOUND = b"stayhand mcp leg 1"


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


@dataclass(frozen=True, slots=True)
class Leg:
    """What a client brings back whom a server asked something."""

    principal: str
    server: str
    """The server's identity."""
    digest: str
    """Of the request, without what is brought back."""
    theirs: str | None
    """The server's own `requestState`; None: it gave none."""
    asked: frozenset[str]
    """The keys of what it asked."""
    questions: str
    """SHA-256 hex of what it asked; empty: nothing."""
    until_us: int
    round: int = 0
    """How often it had asked before."""
    forms: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """By key: what answers of its user are held against (`forms.asked_of`)."""


class Seal:
    """Seals tickets and legs under a key of this process."""

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
        return PREFIX + self._written(said, _BOUND)

    def sealed_leg(self, leg: Leg) -> str:
        """Return a leg as the client carries it."""
        said = [
            leg.principal,
            leg.server,
            leg.digest,
            leg.theirs,
            sorted(leg.asked),
            leg.questions,
            leg.until_us,
            leg.round,
            leg.forms,
        ]
        return LEG_PREFIX + self._written(said, _LEG_BOUND)

    def leg(self, state: str, now_us: int) -> Leg | None:
        """Return the leg that a client brings; None: it was not made here, was changed, or has ended."""
        said = self._said(state, LEG_PREFIX, _LEG_BOUND, MAX_LEG_CHARS)
        if said is None:
            return None
        principal, server, digest, theirs, asked, questions, until_us, round_, forms = said
        leg = Leg(principal, server, digest, theirs, frozenset(asked), questions, until_us, round_, forms)
        return leg if leg.until_us > now_us else None

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
        said = self._said(state, PREFIX, _BOUND, MAX_CHARS)
        return None if said is None else Ticket(*said)

    def _written(self, said: Sequence[object], bound: bytes) -> str:
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + self._cipher.encrypt(nonce, orjson.dumps(said), bound)
        return base64.urlsafe_b64encode(sealed).decode("ascii").rstrip("=")

    def _said(self, state: str, prefix: str, bound: bytes, most: int) -> list[Any] | None:
        text = state.removeprefix(prefix)
        if len(state) > most or len(text) == len(state):
            return None
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            said: list[Any] = orjson.loads(self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], bound))
        except (binascii.Error, InvalidTag, ValueError):
            return None
        return said


def is_ours(state: object) -> bool:
    """Tell whether a `requestState` says that it is of a call that people are asked about."""
    return isinstance(state, str) and state.startswith(PREFIX)


def is_of_leg(state: object) -> bool:
    """Tell whether a `requestState` says that it is of a request whose server asked something."""
    return isinstance(state, str) and state.startswith(LEG_PREFIX)


def refused() -> McpError:
    """Return the error for a state that does not fit the request that brings it."""
    return McpError(
        "this `requestState` does not belong to this call, or has ended: make the call again without it",
        number=INVALID_PARAMS,
        code="request_state_invalid",
    )
