"""Whose a pseudonym is: people and agents that the installation knows, by the keys that are there.

Nothing is stored: a pseudonym is made again from each known name, so one of an erased person stays one.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from audit.seal import Keystore
from firewall.core.errors import StoreError
from firewall.storage.sqlite.schema import open_reader

MOST_TOKENS = 2_000
"""Of the newest tokens, whose agents are known."""


class Names:
    """The names of one installation; a thread asks."""

    def __init__(self, database: Path, keystore: Keystore) -> None:
        self._database = database
        self._keystore = keystore

    def known(self) -> dict[str, str]:
        """Return pseudonyms with their names; `person/agent` for agents. Nobody, where they cannot be read."""
        try:
            with closing(open_reader(self._database)) as connection:
                names = set(_names(connection))
        except (sqlite3.Error, StoreError, ValueError):  # a page with pseudonyms is a page
            return {}
        found: dict[str, str] = {}
        keys = {owner: self._keystore.known(owner) for owner in {name.partition("/")[0] for name in names}}
        for name in names:
            key = keys[name.partition("/")[0]]
            if key is not None:
                found[key.pseudonym("prn_" if "/" in name else "per_", name)] = name
        return found


def _names(connection: sqlite3.Connection) -> Iterator[str]:
    yield from (str(name) for (name,) in connection.execute("SELECT name FROM people"))
    newest = "SELECT grant_json FROM tokens WHERE kind = 'agent' ORDER BY created_at DESC LIMIT ?"
    for (text,) in connection.execute(newest, (MOST_TOKENS,)):
        grant = json.loads(text)
        if isinstance(grant, dict) and isinstance(grant.get("owner"), str):
            yield grant["owner"]
            yield f"{grant['owner']}/{grant.get('agent', '')}"
