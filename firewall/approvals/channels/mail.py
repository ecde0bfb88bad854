"""E-mail over SMTP: plain text, always encrypted unless the server is on this machine.

A message is never sent in the clear where encryption was asked for: a server that offers no STARTTLS, or whose
certificate does not hold, is a failed try. An approval's messages have ids made of its own, so that reminders and
endings are answers in one thread, also after a restart of ours.
"""

import asyncio
import smtplib
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Literal

from firewall.approvals.channels.port import NotDeliveredError, Read
from firewall.approvals.channels.wording import headline, named, told, until
from firewall.core.notice import Alert, Message, Opened, Seen, Settled
from firewall.core.ports import Clock

ATTEMPT_S = 10.0
"""How long each answer of the server may take."""
Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in, and as whom."""

    host: str
    port: int
    security: Security = "starttls"
    authorities: str = ""
    """PEM file of authorities to believe instead of the system's; empty: the system's."""
    username: str = ""
    password: Read | None = None


class Mail:
    """Sends mail to a few addresses at once."""

    def __init__(
        self,
        *,
        server: Server,
        sender: str,
        recipients: Callable[[], Sequence[str]],
        clock: Clock,
        members: Callable[[Sequence[str]], Sequence[str]] = lambda _groups: (),
    ) -> None:
        """`members`: the addresses of everybody in one of some groups; of no group, of all approvers."""
        self._members = members
        self._server = server
        self._sender = sender
        self._recipients = recipients
        self._clock = clock

    async def send(self, message: Message) -> None:
        """Hand in one message. Raises: NotDeliveredError, FirewallError."""
        if isinstance(message, Seen):
            return
        recipients = tuple(self._recipients())
        if isinstance(message, Alert) and message.is_for_all:
            recipients = tuple(dict.fromkeys((*recipients, *self._members(message.groups))))
        if not recipients:
            raise NotDeliveredError("no_recipient")
        await self.hand_in(message, recipients)

    async def hand_in(self, message: Message, recipients: Sequence[str], *, link: str = "") -> None:
        """Hand in one message for these addresses; `link`: the address by which its one recipient decides.

        Raises: NotDeliveredError, FirewallError.
        """
        now = self._clock.now_us()
        mail = written(message, sender=self._sender, recipients=recipients, now_us=now, link=link)
        password = self._server.password().reveal() if self._server.password else ""
        try:
            await asyncio.to_thread(_hand_in, self._server, mail, password)
        except smtplib.SMTPResponseException as error:
            raise NotDeliveredError(f"smtp_{error.smtp_code}") from error
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise NotDeliveredError(type(error).__name__) from error

    async def aclose(self) -> None:
        """Nothing is kept open."""


def written(
    message: Message, *, sender: str, recipients: Sequence[str], now_us: int, link: str = ""
) -> EmailMessage:
    """Return a mail; headers and body are ours, foreign names in them are spelled.

    `link`: the personal link of the one who reads it.
    """
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = ", ".join(recipients)
    mail["Date"] = format_datetime(datetime.fromtimestamp(now_us // 1_000_000, UTC))
    mail["Auto-Submitted"] = "auto-generated"
    if isinstance(message, Alert):
        mail["Subject"] = f"[stayhand] {message.kind}"
        mail.set_content(f"{message.text}\n")
        return mail
    notice = message.notice
    domain = sender.rpartition("@")[2].strip("> ") or "stayhand"
    first = f"<{notice.id}@{domain}>"
    subject = f"[stayhand] {named(notice.environment)}: {', '.join(map(named, notice.effects))} ({notice.id})"
    mail["Subject"] = subject if isinstance(message, Opened) else f"Re: {subject}"
    if isinstance(message, Opened):
        mail["Message-ID"] = first
    else:
        mail["Message-ID"] = f"<{notice.id}.{now_us}@{domain}>"
        mail["In-Reply-To"] = mail["References"] = first
    lines = [f"{headline(message)}.", "", told(message)]
    if not isinstance(message, Settled):
        lines += ["", f"Decide until {until(notice)}:", notice.address]
        lines += ["", "Opening the page decides nothing. You sign in there and see the exact call."]
        if link:
            lines += [
                "",
                "Or decide without signing in. This link is yours alone, for this call, once, for ten minutes:",
            ]
            lines += [link, "", "Whoever has it decides as you: do not forward this mail."]
    mail.set_content("\n".join([*lines, ""]))
    return mail


def _hand_in(server: Server, mail: EmailMessage, password: str) -> None:
    with _connected(server) as smtp:
        if server.security == "starttls":
            smtp.starttls(context=_context(server))
        if server.username:
            smtp.login(server.username, password)
        smtp.send_message(mail)


def _connected(server: Server) -> smtplib.SMTP:
    if server.security == "tls":
        return smtplib.SMTP_SSL(server.host, server.port, timeout=ATTEMPT_S, context=_context(server))
    return smtplib.SMTP(server.host, server.port, timeout=ATTEMPT_S)


def _context(server: Server) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=server.authorities or None)
