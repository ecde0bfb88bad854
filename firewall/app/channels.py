"""The configured channels, built: who is told, where, and with which secrets."""

import sys
from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from firewall.app.push import Pushing
from firewall.approvals.channels.board import Channels, Line, Schedule
from firewall.approvals.channels.delivery import Delivery
from firewall.approvals.channels.port import Inviter, Mailbox, Read, Sender
from firewall.approvals.channels.terminal import Terminal
from firewall.approvals.people import ROLES, Roster, folded
from firewall.console.approving.slack import SlackApp, SlackDesk
from firewall.core.errors import ConfigError
from firewall.core.ports import Clock
from firewall.core.secret import Secret
from firewall.references import References
from firewall.settings.notify import Notify
from firewall.settings.settings import Settings
from firewall.settings.values import SecretRef
from firewall.tokens.vault.sealing import Purpose

if TYPE_CHECKING:  # loaded only where Slack is configured
    from firewall.approvals.channels.mail import Mail
    from firewall.approvals.channels.slack import SlackBot


def channels_of(
    settings: Settings,
    references: References,
    roster: Roster,
    clock: Clock,
    *,
    inviter: Inviter,
    pushing: Pushing | None = None,
) -> Channels:
    """Return the notifier; `inviter` makes personal links, `pushing` is what push channels share.

    Raises: ConfigError for a secret that cannot be read.
    """
    lines: list[Line] = []
    names = names_of(settings)
    for name, one in zip(names, settings.notify, strict=True):
        if one.links:
            sender: Sender = _personal(one, settings, references, roster, clock=clock, inviter=inviter)
        elif pushing is not None and one.kind == "push":
            sender = pushing.sender(one, settings, clock)
        else:
            sender = _sender(one, settings, references, roster, clock=clock, name=name)
        standing = getattr(sender, "standing", tuple)  # a kind that can replace what it said
        lines.append(Line(Delivery(sender, name=name, clock=clock), _schedule(one), standing))
    return Channels(lines, clock)


def names_of(settings: Settings) -> tuple[str, ...]:
    """Return what each channel is called: its name or kind, with a number where that stood before."""
    names: list[str] = []
    for one in settings.notify:
        name = one.name or one.kind
        count = sum(known == name or known.startswith(f"{name}-") for known in names)
        names.append(f"{name}-{count + 1}" if count else name)
    return tuple(names)


def mailed(one: Notify, settings: Settings, roster: Roster) -> Sequence[str]:
    """Return the addresses of a mail channel: those named, or of those who can speak for its groups now.

    The address of somebody who is away is left out, unless somebody who is there has it as well.
    """
    if not one.to:
        return [mailbox.address for mailbox in boxes_of(one, settings, roster)]
    everybody = roster.everybody()
    there = {folded(name) for person in everybody if not person.is_away for name in person.names}
    away = {folded(name) for person in everybody if person.is_away for name in person.names}
    return tuple(address for address in one.to if folded(address) not in away - there)


def boxes_of(one: Notify, settings: Settings, roster: Roster) -> Sequence[Mailbox]:
    """Return who can speak for a channel's groups now and has an address, with it."""
    addresses = {approver.name: approver.email for approver in settings.approver if approver.email}
    wanted = set(one.groups)
    found: list[Mailbox] = []
    for person in roster.everybody():
        lent = (group for other in person.speaks_for for group in other.groups)
        if not person.is_away and not wanted.isdisjoint((*person.groups, *lent)):
            found += [Mailbox(person.name, addresses[person.name])] if person.name in addresses else []
    return found


def members_of(settings: Settings, roster: Roster, groups: Sequence[str]) -> Sequence[str]:
    """Return the addresses of everybody who decides for one of these groups, away or not; of none: of all."""
    addresses = {approver.name: approver.email for approver in settings.approver if approver.email}
    deciding = [person for person in roster.everybody() if person.role in ROLES and person.name in addresses]
    wanted = set(groups)
    return [addresses[one.name] for one in deciding if not wanted or not wanted.isdisjoint(one.groups)]


def _schedule(one: Notify) -> Schedule:
    return Schedule(
        after_s=one.after or 0,
        every_s=one.every or 0,
        environments=one.environments,
        effects=one.effects,
        groups=one.groups,
        alerts=one.alerts,
    )


def _sender(
    one: Notify, settings: Settings, references: References, roster: Roster, *, clock: Clock, name: str
) -> Sender:
    if one.kind == "terminal":
        return Terminal(sys.stderr)
    if one.kind == "email":
        return _mail(one, settings, references, roster, clock=clock)
    from firewall.approvals.channels.http import Poster  # its library is loaded only where something is posted

    read = partial(_read, references)
    match one.kind:
        case "webhook":
            from firewall.approvals.channels.webhook import Webhook

            secret = read(one.secret) if one.secret else None
            return Webhook(url=read(one.url), clock=clock, secret=secret, poster=Poster())
        case "slack":
            own = sha256(f"{name}\n{one.channel}".encode()).hexdigest()[:12]  # two rows may name one channel
            return slack_of(one, references, settings.data_dir / f"slack-{own}.json")
        case "teams":
            from firewall.approvals.channels.teams import teams

            return teams(url=read(one.url), poster=Poster())
        case "pagerduty":
            from firewall.approvals.channels.pagerduty import API, PagerDuty

            key = read(one.routing_key or "")
            return PagerDuty(routing_key=key, poster=Poster(), api=_address(one, references, API))
        case "push":
            raise ConfigError("a push channel needs an installation")


def slack_of(one: Notify, references: References, kept: Path) -> Sender:
    """Return a bot where there is a token, else an incoming webhook. A bot keeps in `kept` where it posted."""
    from firewall.approvals.channels.http import Poster
    from firewall.approvals.channels.slack import slack_webhook

    if one.token is None:
        return slack_webhook(url=_read(references, one.url), poster=Poster())
    return _bot(one, references, one.token, kept)


def slack_desk_of(settings: Settings, references: References) -> SlackDesk | None:
    """Return the bots whose buttons come back to us, and which member is whom; None where there is none.

    Raises: ConfigError for a secret that cannot be read.
    """
    apps = [
        SlackApp(_read(references, one.signing_secret), _bot(one, references, one.token), one.team)
        for one in settings.notify
        if one.signing_secret is not None and one.token is not None
    ]
    members = {one.slack: one.name for one in settings.approver if one.slack}
    return SlackDesk(apps, members) if apps else None


def _bot(one: Notify, references: References, token: SecretRef, kept: Path | None = None) -> "SlackBot":
    from firewall.approvals.channels.http import Poster
    from firewall.approvals.channels.posted import Posted
    from firewall.approvals.channels.slack import API, SlackBot

    return SlackBot(
        token=_read(references, token),
        channel=one.channel,
        poster=Poster(),
        api=_address(one, references, API),
        has_buttons=one.signing_secret is not None,
        posted=Posted(kept),
    )


def _mail(one: Notify, settings: Settings, references: References, roster: Roster, *, clock: Clock) -> "Mail":
    from firewall.approvals.channels.mail import Mail, Server

    host, _, port = one.smtp.rpartition(":")
    server = Server(
        host=host.strip("[]"),
        port=int(port),
        security=one.security,
        authorities=str(settings.anchored(one.ca)) if one.ca else "",
        username=one.username,
        password=_read(references, one.password) if one.password else None,
    )
    return Mail(
        server=server,
        sender=one.sender,
        recipients=partial(mailed, one, settings, roster),
        clock=clock,
        members=partial(members_of, settings, roster),
    )


def _personal(
    one: Notify, settings: Settings, references: References, roster: Roster, *, clock: Clock, inviter: Inviter
) -> Sender:
    from firewall.approvals.channels.personal import PersonalMail

    mail = _mail(one, settings, references, roster, clock=clock)
    return PersonalMail(mail=mail, boxes=partial(boxes_of, one, settings, roster), inviter=inviter)


def _address(one: Notify, references: References, usual: str) -> str:
    return _read(references, one.url)().reveal() if one.url else usual


def _read(references: References, value: SecretRef | str) -> Read:
    if isinstance(value, SecretRef):
        return references.reader(value, "a channel", Purpose.WEBHOOK)
    secret = Secret(value)
    return lambda: secret
