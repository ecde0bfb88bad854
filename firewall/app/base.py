"""What every part of an installation is built on."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from audit import AuditError
from audit.seal import parse_kek
from firewall.app.channels import channels_of
from firewall.app.clock import SystemClock
from firewall.app.push import Pushing, pushing_of
from firewall.app.unplaced import Unplaced
from firewall.approvals.channels.board import Channels
from firewall.approvals.glass import Glass, GlassRules
from firewall.approvals.reviewing import Reviews
from firewall.approvals.service import ApprovalRules, Approvals
from firewall.console.proving.inviting import Inviting
from firewall.console.roster import Listed
from firewall.core.errors import ConfigError
from firewall.core.ids import spell_id
from firewall.gates.edge.doorkeeper import Doorkeeper
from firewall.gates.infra.targets import Target, targets_of
from firewall.policy.in_force import Rules
from firewall.references import References, reader_of
from firewall.sequencer.opening import Installation
from firewall.settings.settings import Settings
from firewall.telemetry import Telemetry
from firewall.tokens.absences import Absences
from firewall.tokens.access_keys import AccessKeys
from firewall.tokens.links import Links
from firewall.tokens.people import People
from firewall.tokens.service import Tokens


@dataclass(frozen=True, slots=True)
class Base:
    """What every part is built on."""

    settings: Settings
    installation: Installation
    rules: Rules
    clock: SystemClock
    telemetry: Telemetry
    tokens: Tokens
    people: People
    absences: Absences
    channels: Channels
    pushing: Pushing | None
    """None where no push channel is configured."""
    links: Links
    approvals: Approvals
    glass: Glass
    reviews: Reviews
    doorkeeper: Doorkeeper
    targets: Mapping[str, Target]
    access_keys: AccessKeys
    references: References


def base_of(
    settings: Settings, installation: Installation, rules: Rules, clock: SystemClock, *, references: References
) -> Base:
    """Return the services that every gate and desk shares.

    Raises: ConfigError for a channel or a target that cannot be used.
    """
    writer = installation.writer
    roles = {one.name: one.role for one in settings.approver if one.role}
    people = People(sequencer=writer, rows=installation.people, clock=clock, roles=roles)
    tokens = Tokens(sequencer=writer, rows=installation.tokens, clock=clock)
    absences = Absences(sequencer=writer, rows=installation.people, people=people, clock=clock)
    roster = Listed(people, absences, settings.approver, clock)
    links = Links(
        sequencer=writer,
        rows=installation.proofs,
        clock=clock,
        new_id=lambda: spell_id("lnk", secrets.token_bytes(17)),
    )
    inviting = Inviting(links=links, roster=roster, public_url=settings.server.public_url)
    pushing = pushing_of(settings, installation, roster, clock)
    channels = channels_of(settings, references, roster, clock, inviter=inviting, pushing=pushing)
    telemetry = Telemetry()
    telemetry.channels = lambda: channels.health
    unplaced = Unplaced(settings, rules, tokens)
    approvals = _approvals_of(settings, installation, clock, roster, notifier=channels, unplaced=unplaced)
    inviting.begin(approvals)
    if pushing is not None:
        pushing.begin(approvals)
    glass, reviews = glass_of(settings, installation, approvals, clock, teller=channels)
    return Base(
        settings=settings,
        installation=installation,
        rules=rules,
        clock=clock,
        telemetry=telemetry,
        tokens=tokens,
        people=people,
        absences=absences,
        channels=channels,
        pushing=pushing,
        links=links,
        approvals=approvals,
        glass=glass,
        reviews=reviews,
        doorkeeper=Doorkeeper(tokens=tokens, sequencer=writer, clock=clock),
        targets=targets_of(settings, references),
        access_keys=AccessKeys(installation.access_root),
        references=references,
    )


def _approvals_of(
    settings: Settings,
    installation: Installation,
    clock: SystemClock,
    roster: Listed,
    *,
    notifier: Channels,
    unplaced: Unplaced,
) -> Approvals:
    """Return what asks the people of `roster`; `unplaced` tells which calls may be production's."""
    return Approvals(
        sequencer=installation.writer,
        store=installation.approving,
        clock=clock,
        rules=approval_rules(settings),
        notifier=notifier,
        new_id=lambda: spell_id("apr", secrets.token_bytes(17)),
        roster=roster,
        may_be_production=unplaced,
    )


def glass_of(
    settings: Settings, installation: Installation, approvals: Approvals, clock: SystemClock, *, teller: Channels
) -> tuple[Glass, Reviews]:
    """Return who may break the glass, and what becomes of it; without a configuration nobody may."""
    rules = glass_rules(settings)
    reviews = Reviews(
        approvals=approvals,
        sequencer=installation.writer,
        store=installation.approving,
        clock=clock,
        teller=teller,
        remind_s=(rules or GlassRules()).remind_s,
    )
    glass = Glass(
        approvals=approvals,
        sequencer=installation.writer,
        clock=clock,
        rules=rules,
        broken=reviews.broken,
        unreviewed=reviews.count,
        use_of=installation.approving.glass_use,
    )
    return glass, reviews


def glass_rules(settings: Settings) -> GlassRules | None:
    """Return who may break the glass; None: nobody."""
    wanted = settings.approvals.break_glass
    if wanted is None:
        return None
    return GlassRules(
        people=frozenset(wanted.people),
        groups=frozenset(wanted.groups),
        per_day=wanted.per_day,
        cool_down_s=wanted.cool_down,
        min_reason=wanted.min_reason,
        remind_s=wanted.remind,
    )


def approval_rules(settings: Settings) -> ApprovalRules:
    """Return how people's answers are kept."""
    return ApprovalRules(
        ttl_s=settings.approvals.ttl,
        use_within_s=settings.approvals.use_within,
        solo=settings.approvals.solo,
        max_pending=settings.approvals.max_pending,
        max_of_session=settings.approvals.max_pending_per_session,
        cool_down_s=settings.approvals.cool_down,
        public_url=settings.server.public_url,
    )


def kek_of(settings: Settings) -> bytes | None:
    """Return the key that wraps the subject keys, where it is not a file.

    Raises: ConfigError when the reference cannot be read.
    """
    ref = settings.audit.keystore_key
    if ref is None or ref.file:
        return None
    try:
        return parse_kek(reader_of(ref, "the keystore")().reveal())
    except AuditError as error:
        raise ConfigError(str(error)) from error
