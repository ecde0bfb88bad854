"""Whose key is meant, and what there still is of its person: what an erasure looks up before it is written."""

import sqlite3
from collections.abc import Iterable

from audit import AuditError
from audit.seal import Keystore
from firewall.core.erasure import Erasable, Living
from firewall.core.errors import StoreError
from firewall.storage.sqlite import erasures


class ErasureLookup:
    """Reads tables and keystore; makes no key."""

    def __init__(self, connection: sqlite3.Connection, keystore: Keystore) -> None:
        self._connection = connection
        self._keystore = keystore

    def subject(self, said: str, *, more: Iterable[str] = ()) -> Erasable | None:
        """Return whom a name, a pseudonymous id (`per_…`) or a key's id (`sub_…`) means, or None.

        `more`: names that stand elsewhere, as in the configuration.
        Raises: StoreError.
        """
        try:
            own = self._keystore.known(said)
            if own is not None:
                return Erasable(own.id, said, own.pseudonym("per_", said))
            if not said.startswith(("per_", "sub_")):
                return None
            for name in {*erasures.names(self._connection), *more}:
                key = self._keystore.known(name)
                if key is not None and said in (key.id, key.pseudonym("per_", name)):
                    return Erasable(key.id, name, key.pseudonym("per_", name))
            bare = self._keystore.find(said)
        except (sqlite3.Error, AuditError) as error:
            raise StoreError("the keystore cannot be read", detail=str(error)) from error
        return None if bare is None else Erasable(bare.id, "", "")

    def living(self, who: Erasable, at: int) -> Living:
        """Return what there is of somebody at an instant (Unix microseconds). Raises: StoreError."""
        try:
            return Living(
                tuple(erasures.live_tokens(self._connection, who.name, at)),
                tuple(erasures.waiting(self._connection, who.key)),
                erasures.unreviewed(self._connection, who.key, who.pseudonym),
            )
        except sqlite3.Error as error:
            raise StoreError("the store cannot be read", detail=str(error)) from error
