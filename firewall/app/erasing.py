"""What erases people, wired."""

from collections.abc import Callable, Sequence

from firewall.app.base import Base
from firewall.console.erasing.pages import ErasingPages
from firewall.console.erasing.service import Erasing, Parts
from firewall.sequencer.erasing import ErasureLookup
from firewall.settings.settings import Settings


def erasing_of(base: Base, forget: Sequence[Callable[[str], None]]) -> ErasingPages:
    """Return what erases people; `forget`: what has them in memory."""
    installation = base.installation
    return ErasingPages(
        Erasing(
            Parts(base.tokens, base.people, base.links, base.approvals),
            sequencer=installation.writer,
            rows=ErasureLookup(installation.reader, installation.keystore),
            clock=base.clock,
            is_emptied=lambda: installation.writer.is_emptied,
            configured=configured_in(base.settings),
            forget=forget,
        )
    )


def configured_in(settings: Settings) -> dict[str, str]:
    """Return the addresses, or nothing, of whom the configuration names.

    Approvers, and the owners and subjects of other issuers' tokens.
    """
    rows = [(issuer.issuer, row) for issuer in settings.oauth_issuer for row in issuer.grant]
    owners = {row.owner: "" for _, row in rows if row.owner}
    subjects = {f"{subject} of {issuer}": "" for issuer, row in rows for subject in row.subjects}
    return {**owners, **subjects, **{one.name: one.email for one in settings.approver}}
