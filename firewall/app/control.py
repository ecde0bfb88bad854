"""The control side: console, administration, metrics."""

from dataclasses import replace

from firewall.app.base import Base
from firewall.app.egress import EgressSide
from firewall.console.app import Console, Desks
from firewall.console.credentials import Credentials
from firewall.console.desks import AwsHandout, Peopling, Policing, Tokening
from firewall.console.entries import Entries
from firewall.telemetry import Condition


def console_of(base: Base, egress: EgressSide | None) -> Console:
    """Return the control side with all its desks."""
    installation, rules = base.installation, base.rules
    writer = installation.writer
    handout = AwsHandout(
        base.access_keys,
        {name: target.spec for name, target in base.targets.items()},
        f"http://{base.settings.server.listen}",
    )
    desks = Desks(
        tokens=Tokening(base.tokens, base.clock, aws=handout),
        people=Peopling(base.people),
        policy=Policing(rules.load, writer),
        entries=Entries(installation.reader, installation.sealing, writer),
        status=Condition(writer, lambda: rules.snapshot.digest, bool(installation.witness), base.telemetry),
    )
    if egress is not None:
        desks = replace(desks, egress=egress.handout)
    return Console(
        approvals=base.approvals,
        authenticator=Credentials(base.tokens, base.people, base.settings),
        sequencer=writer,
        clock=base.clock,
        desks=desks,
        control_listen=base.settings.server.control_listen,
        channels=lambda: base.channels.health,
    )
