"""The configured channels, built: who is told, where, and with which secrets."""

import sys
from collections.abc import Sequence
from functools import partial

from firewall.approvals.channels.board import Channels, Line, Schedule
from firewall.approvals.channels.delivery import Delivery
from firewall.approvals.channels.port import Read, Sender
from firewall.approvals.channels.terminal import Terminal
from firewall.core.ports import Clock
from firewall.core.secret import Secret
from firewall.references import References
from firewall.settings.notify import Notify
from firewall.settings.settings import Settings
from firewall.settings.values import SecretRef
from firewall.tokens.people import People
from firewall.tokens.vault.sealing import Purpose


def channels_of(settings: Settings, references: References, people: People, clock: Clock) -> Channels:
    """Return the notifier.

    Raises: ConfigError for a secret that cannot be read.
    """
    lines: list[Line] = []
    names = names_of(settings)
    for name, one in zip(names, settings.notify, strict=True):
        sender = _sender(one, settings, references, people, clock=clock)
        lines.append(Line(Delivery(sender, name=name, clock=clock), _schedule(one)))
    return Channels(lines, clock)


def names_of(settings: Settings) -> tuple[str, ...]:
    """Return what each channel is called: its name or kind, with a number where that stood before."""
    names: list[str] = []
    for one in settings.notify:
        name = one.name or one.kind
        count = sum(known == name or known.startswith(f"{name}-") for known in names)
        names.append(f"{name}-{count + 1}" if count else name)
    return tuple(names)


def mailed(one: Notify, settings: Settings, people: People) -> Sequence[str]:
    """Return the addresses of a mail channel: those named, or of the approvers in its groups who may sign in."""
    if one.to:
        return one.to
    found: list[str] = []
    for approver in settings.approver:
        person = people.get(approver.name)
        groups = {*approver.groups, *(person.groups if person else ())}
        if person is not None and approver.email and not groups.isdisjoint(one.groups):
            found.append(approver.email)
    return found


def _schedule(one: Notify) -> Schedule:
    return Schedule(
        after_s=one.after or 0,
        every_s=one.every or 0,
        environments=one.environments,
        effects=one.effects,
        groups=one.groups,
        alerts=one.alerts,
    )


def _sender(one: Notify, settings: Settings, references: References, people: People, *, clock: Clock) -> Sender:
    if one.kind == "terminal":
        return Terminal(sys.stderr)
    if one.kind == "email":
        return _mail(one, settings, references, people, clock=clock)
    from firewall.approvals.channels.http import Poster  # its library is loaded only where something is posted

    read = partial(_read, references)
    match one.kind:
        case "webhook":
            from firewall.approvals.channels.webhook import Webhook

            secret = read(one.secret) if one.secret else None
            return Webhook(url=read(one.url), clock=clock, secret=secret, poster=Poster())
        case "slack":
            return slack_of(one, references)
        case "teams":
            from firewall.approvals.channels.teams import Teams

            return Teams(url=read(one.url), poster=Poster())
        case "pagerduty":
            from firewall.approvals.channels.pagerduty import API, PagerDuty

            key = read(one.routing_key or "")
            return PagerDuty(routing_key=key, poster=Poster(), api=_address(one, references, API))


def slack_of(one: Notify, references: References) -> Sender:
    """Return a bot where there is a token, otherwise an incoming webhook."""
    from firewall.approvals.channels.http import Poster
    from firewall.approvals.channels.slack import API, SlackBot, SlackWebhook

    if one.token is None:
        return SlackWebhook(url=_read(references, one.url), poster=Poster())
    return SlackBot(
        token=_read(references, one.token),
        channel=one.channel,
        poster=Poster(),
        api=_address(one, references, API),
        has_buttons=one.signing_secret is not None,
    )


def _mail(one: Notify, settings: Settings, references: References, people: People, *, clock: Clock) -> Sender:
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
    return Mail(server=server, sender=one.sender, recipients=partial(mailed, one, settings, people), clock=clock)


def _address(one: Notify, references: References, usual: str) -> str:
    return _read(references, one.url)().reveal() if one.url else usual


def _read(references: References, value: SecretRef | str) -> Read:
    if isinstance(value, SecretRef):
        return references.reader(value, "a channel", Purpose.WEBHOOK)
    secret = Secret(value)
    return lambda: secret
