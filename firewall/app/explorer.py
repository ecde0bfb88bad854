"""What searches the log, and what keeps its index."""

from collections.abc import Callable, Sequence

from audit import AuditError
from audit.seal import read_kek
from firewall.app.base import Base, kek_of
from firewall.app.erasing import erasing_of
from firewall.console.api.admin import EntryDesk
from firewall.console.explorer.behind import Behind, Kept, encoded
from firewall.console.explorer.desk import Explorer
from firewall.console.explorer.exporting import Proofs
from firewall.console.explorer.room import LogRoom
from firewall.console.explorer.search import Searcher
from firewall.console.explorer.tails import Tails
from firewall.console.explorer.verifying import Verifying
from firewall.core.errors import ConfigError

INDEX = "search.db"
"""Beside the log; whoever removes it removes nothing that the log does not give again."""


def log_room_of(
    base: Base,
    entries: EntryDesk,
    behind: Behind,
    is_closed: Callable[[], bool],
    forget: Sequence[Callable[[str], None]],
) -> LogRoom:
    """Return the room that searches the log; `entries` opens one, `behind` keeps its index.

    `is_closed`: whether the server stops; `forget`: what has people in memory who are erased.
    """
    settings, installation = base.settings, base.installation
    searcher = Searcher(settings.database, settings.data_dir / INDEX, installation.keystore)
    explorer = Explorer(searcher, installation.writer, base.clock, behind.looked)
    key, witness = installation.verify_key, settings.witness
    verifying = Verifying(settings.database, key, base.clock, witness=witness)
    proofs = Proofs(settings.database, key, witnessed=installation.witness.give)
    tails = Tails(explorer, size=lambda: installation.writer.size, is_closed=is_closed)
    return LogRoom(explorer, entries, verifying, proofs=proofs, tails=tails, erasing=erasing_of(base, forget))


def behind_of(base: Base) -> Behind:
    """Return what keeps the index. Raises: ConfigError when the keystore's key cannot be read."""
    settings, writer = base.settings, base.installation.writer
    try:
        kek = kek_of(settings) or read_kek(settings.keystore_key)
    except AuditError as error:
        raise ConfigError(str(error)) from error
    kept = Kept(settings.database, settings.keystore, settings.data_dir / INDEX, encoded(kek))
    return Behind(kept, lambda: writer.size)
