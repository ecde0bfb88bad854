"""Composes the room of the console about policies."""

from firewall.app.base import Base
from firewall.console.policies.explaining import Explaining
from firewall.console.policies.room import InForce, PolicyPage
from firewall.console.policies.simulating import Simulating
from firewall.console.policies.tally import RowTally


def policy_room(base: Base) -> PolicyPage:
    """Return the room that shows the policy in force."""
    look = InForce(base.rules, RowTally(base.settings.database), base.clock)
    installation = base.installation
    simulating = Simulating(
        base.settings.database, base.rules, installation.sealing, installation.writer, base.clock
    )
    return PolicyPage(look, Explaining(base.rules), simulating)
