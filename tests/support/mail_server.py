"""A real SMTP server on loopback, with or without TLS and a login (aiosmtpd)."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

USER, PASSWORD = "stayhand", "p4ssw0rd"


@dataclass
class MailServer:
    """What was handed in, and what a test wants refused."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    """Answers that the next messages get."""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a message."""
        del server
        if self.refusals:
            return self.refusals.pop(0)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients.append(list(envelope.rcpt_tos))
        self.encrypted.append(session.ssl is not None)
        return "250 taken"

    def login(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        """Check a login."""
        is_known = isinstance(data, LoginPassword) and (data.login, data.password) == (
            USER.encode(),
            PASSWORD.encode(),
        )
        if is_known:
            self.users.append(USER)
        return AuthResult(success=is_known, handled=False)


@asynccontextmanager
async def mail_server(
    *, pem: Path | None = None, is_tls: bool = False, demands_login: bool = False
) -> AsyncIterator[MailServer]:
    """Serve; with `pem` STARTTLS is offered, and with `is_tls` every connection begins with TLS."""
    kept = MailServer()
    context = None
    if pem is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pem)

    def factory() -> SMTP:
        return SMTP(
            kept,
            hostname="mail.test",
            tls_context=None if is_tls else context,
            require_starttls=context is not None and not is_tls,
            authenticator=kept.login if demands_login else None,
            auth_required=demands_login,
            auth_require_tls=not is_tls,
            enable_SMTPUTF8=True,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(factory, "127.0.0.1", 0, ssl=context if is_tls else None)
    kept.port = server.sockets[0].getsockname()[1]
    try:
        yield kept
    finally:
        server.close()
        await server.wait_closed()
