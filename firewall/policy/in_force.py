"""The policy in force: one snapshot, swapped as a whole and only for a good one."""

from dataclasses import dataclass
from pathlib import Path

from firewall.classify.context import Context
from firewall.classify.text import warm
from firewall.policy.load import load as load_policy
from firewall.policy.people import Approvers
from firewall.policy.snapshot import Snapshot
from firewall.settings.settings import Settings


@dataclass(slots=True)
class Rules:
    """The policy in force; swapped as a whole, and only when the new one is good."""

    snapshot: Snapshot
    directory: Path
    approvers: Approvers

    def __call__(self) -> Snapshot:
        """Return the snapshot in force."""
        return self.snapshot

    def load(self) -> str:
        """Read the folder again and put it in force; returns its digest. Takes half a second: call it in a thread.

        Raises: ConfigError with file and row; the last good one stays.
        """
        self.snapshot = _warm(load_policy(self.directory, approvers=self.approvers))
        return self.snapshot.digest


def open_rules(settings: Settings) -> Rules:
    """Load the policies.

    Raises: ConfigError with every problem, file and row.
    """
    approvers = Approvers(
        groups={one.name: frozenset(one.groups) for one in settings.approver}, solo=settings.approvals.solo
    )
    snapshot = _warm(load_policy(settings.policy_dir, approvers=approvers))
    return Rules(snapshot, settings.policy_dir, approvers)


def _warm(snapshot: Snapshot) -> Snapshot:
    """Load what classification loads late before anybody's first call would wait for it."""
    warm(Context("", "", "", snapshot.environments, snapshot.catalogue))
    return snapshot
