"""How a credential is sealed: AES-256-GCM, a fresh nonce each, bound to vault, name, purpose, version and time.

INVARIANT: a sealed value opens in its own row alone. The proof covers which rows there are, so that none can be
added, taken away or set back to an older value one by one.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from firewall.core.secret import Secret
from firewall.tokens.vault.errors import VaultError, Wrong

_NONCE_BYTES = 12


class Purpose(StrEnum):
    """What a credential is for; one that is for something else is refused there."""

    TARGET = "target"
    RESOLVER = "resolver"
    PROVIDER = "provider"
    WEBHOOK = "webhook"
    MCP = "mcp"
    OAUTH = "oauth"
    """Tokens that an MCP server's authorization server gave us; written by logins and renewals alone."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of a credential without opening it."""

    name: str
    purpose: Purpose
    version: int
    """1 at first, one more with each rotation."""
    changed_at: int
    """Unix microseconds."""


@dataclass(frozen=True, slots=True)
class Row:
    """A credential as it lies in the file."""

    stored: Stored
    sealed: bytes


def seal(key: AESGCM, vault_id: str, stored: Stored, secret: Secret) -> Row:
    """Return the row of a credential."""
    nonce = os.urandom(_NONCE_BYTES)
    bound = _bound(vault_id, stored)
    return Row(stored, nonce + key.encrypt(nonce, secret.reveal().encode("utf-8", "surrogateescape"), bound))


def unseal(key: AESGCM, vault_id: str, row: Row) -> Secret:
    """Return the credential of a row. Raises: VaultError when it was sealed for another row, or changed."""
    try:
        value = key.decrypt(row.sealed[:_NONCE_BYTES], row.sealed[_NONCE_BYTES:], _bound(vault_id, row.stored))
    except (InvalidTag, ValueError):
        # `from None`: what lies in the frames of the cipher is nobody's business.
        raise VaultError(
            Wrong.DAMAGED,
            f"the credential `{row.stored.name}` does not open: it was changed or moved",
            hint=f"restore the vault, or: stayhand credential rotate {row.stored.name}",
        ) from None
    return Secret(value.decode("utf-8", "surrogateescape"))


def prove(key: AESGCM, vault_id: str, rows: Sequence[Stored]) -> bytes:
    """Return the proof over which rows there are."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + key.encrypt(nonce, _listing(rows), _proof_of(vault_id))


def check(key: AESGCM, vault_id: str, proof: bytes, *, rows: Sequence[Stored]) -> None:
    """Refuse another key, and rows that are not those of the proof. Raises: VaultError."""
    try:
        listing = key.decrypt(proof[:_NONCE_BYTES], proof[_NONCE_BYTES:], _proof_of(vault_id))
    except (InvalidTag, ValueError):
        raise VaultError(
            Wrong.KEY_WRONG, "the vault is sealed with another key", hint="restore the key that belongs to it"
        ) from None
    if listing != _listing(rows):
        raise VaultError(
            Wrong.CHANGED,
            "rows of the vault were added, removed or set back by something else than this firewall",
            hint="restore the vault from its backup, and find out who writes there",
        )


def _bound(vault_id: str, stored: Stored) -> bytes:
    fields = (vault_id, stored.name, stored.purpose.value, str(stored.version), str(stored.changed_at))
    return _spelled(b"stayhand credential v1", fields)


def _proof_of(vault_id: str) -> bytes:
    return _spelled(b"stayhand vault proof v1", (vault_id,))


def _listing(rows: Sequence[Stored]) -> bytes:
    ordered = sorted(rows, key=lambda one: one.name)
    return b"".join(
        _spelled(b"row", (one.name, one.purpose.value, str(one.version), str(one.changed_at))) for one in ordered
    )


def _spelled(label: bytes, fields: Sequence[str]) -> bytes:
    return label + b"\n" + b"".join(b"%d:%b\n" % (len(raw), raw) for raw in (field.encode() for field in fields))
