"""The policy in force: one snapshot, swapped as a whole and only for a good one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from firewall.classify.context import Context
from firewall.classify.text import SAMPLES, actions_of_input, load_late
from firewall.codecs.passkeys.place import why_not
from firewall.policy.glass import demand_usable
from firewall.policy.load import load as load_policy
from firewall.policy.people import Approvers
from firewall.policy.rows import FILE
from firewall.policy.snapshot import Snapshot
from firewall.sequencer.looking import added
from firewall.settings.settings import Settings


@dataclass(slots=True)
class Rules:
    """The policy in force; swapped as a whole, and only when the new one is good."""

    snapshot: Snapshot
    directory: Path
    approvers: Callable[[], Approvers]
    """Who could approve now."""

    def __call__(self) -> Snapshot:
        """Return the snapshot in force."""
        return self.snapshot

    def load(self) -> str:
        """Read the folder again and put it in force; returns its digest. Takes half a second: call it in a thread.

        Raises: ConfigError with file and row; the last good one stays.
        """
        snapshot = load_policy(self.directory, approvers=self.approvers())
        load_late(_context(snapshot))
        self.snapshot = snapshot
        return snapshot.digest

    def tried(self, rows: bytes) -> Snapshot:
        """Return the policies in force with other rows, checked as a load checks them; puts nothing in force.

        Takes half a second: call it in a thread. Raises: ConfigError with every problem.
        """
        loaded = load_policy(self.directory, approvers=self.approvers(), instead={FILE: rows})
        return self.snapshot.with_rows_of(loaded)

    def on_disk(self) -> str:
        """Return the rows as they lie in the folder now; empty where they cannot be read."""
        try:
            return (self.directory / FILE).read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            return ""

    def load_late(self) -> None:
        """Load what classification loads late; a thread may do it beside the first calls."""
        load_late(_context(self.snapshot))

    def warming(self) -> Iterator[Callable[[], object]]:
        """Yield what then remains: small texts, read where calls are, since a grammar reads one at a time."""
        context = _context(self.snapshot)
        for kind, text in SAMPLES:
            yield partial(actions_of_input, kind, text, context)


def open_rules(settings: Settings) -> Rules:
    """Load the policies.

    Raises: ConfigError with every problem, file and row; and for a break-glass that nobody could use.
    """

    def approvers() -> Approvers:
        return approvers_of(settings)

    known = approvers()
    demand_usable(settings.approvals.break_glass, known)
    return Rules(load_policy(settings.policy_dir, approvers=known), settings.policy_dir, approvers)


_LOOK_ON = frozenset({"viewer", "auditor"})
"""Roles that decide nothing."""


def approvers_of(settings: Settings) -> Approvers:
    """Return who could approve: those of the configuration, and those whom a command has added.

    A log that is not there yet, or cannot be read, adds nobody.
    """
    roles = {one.name: one.role for one in settings.approver}
    groups = {one.name: frozenset(one.groups) for one in settings.approver if one.role not in _LOOK_ON}
    for person in added(settings.database):
        if (roles.get(person.name) or person.role) not in _LOOK_ON:
            groups[person.name] = groups.get(person.name, frozenset()).union(person.groups)
    why = why_not(settings.server.public_url)
    no_passkeys = f"{settings.server.public_url} {why}" if why else ""
    return Approvers(groups=groups, solo=settings.approvals.solo, no_passkeys=no_passkeys)


def _context(snapshot: Snapshot) -> Context:
    return Context("", "", "", snapshot.environments, snapshot.catalogue)
