"""Mail handed in at a real SMTP server: encrypted, logged in, and refused in every way that it can be."""

from pathlib import Path

import pytest

from firewall.approvals.channels.mail import Mail, Security, Server
from firewall.approvals.channels.port import NotDeliveredError
from firewall.core.approval import ApprovalStatus
from firewall.core.notice import Alert, Opened, Reminded, Seen, Settled
from firewall.core.secret import Secret
from tests.support.approving import StillClock
from tests.support.certificates import certificate
from tests.support.mail_server import PASSWORD, USER, MailServer, mail_server
from tests.support.telling import ADDRESS, HOSTILE, notice

TO = ("alice@example.com", "bob@example.com")


def _mail(
    server: MailServer, *, security: Security, pem: Path | None = None, password: str = "", host: str = "localhost"
) -> Mail:
    place = Server(
        host=host,
        port=server.port,
        security=security,
        authorities=str(pem) if pem else "",
        username=USER if password else "",
        password=(lambda: Secret(password)) if password else None,
    )
    return Mail(server=place, sender="stayhand@example.com", recipients=lambda: TO, clock=StillClock())


@pytest.fixture(name="pem", scope="module")
def _pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("pem"), "localhost")


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_mail_arrives_encrypted_and_logged_in(security: Security, pem: Path) -> None:
    """With STARTTLS and with TLS from the first byte; one mail to everybody, with where to decide."""
    async with mail_server(pem=pem, is_tls=security == "tls", demands_login=security == "starttls") as server:
        mail = _mail(server, security=security, pem=pem, password=PASSWORD if security == "starttls" else "")
        await mail.send(Opened(notice()))
        await mail.aclose()
    assert server.recipients == [list(TO)]
    assert server.users == ([USER] if security == "starttls" else [])
    (got,) = server.mails
    assert got["From"] == "stayhand@example.com"
    assert got["Auto-Submitted"] == "auto-generated"
    assert ADDRESS in got.get_content()
    assert '"graphql:volumeDelete" in "production": destructive' in got.get_content()


async def test_break_glass_is_written_to_those_who_were_passed_over_as_well(pem: Path) -> None:
    """Each address once; other alerts go to the channel's own addresses alone."""
    plain = Alert("break_glass", "gina broke the glass", {}, groups=("oncall",), is_for_all=True)
    async with mail_server(pem=pem) as server:
        mail = Mail(
            server=Server("localhost", server.port, authorities=str(pem)),
            sender="stayhand@example.com",
            recipients=lambda: TO,
            clock=StillClock(),
            members=lambda groups: (TO[0], f"{groups[0]}@example.com"),
        )
        await mail.send(plain)
        await mail.send(Alert("budget", "used up", {}))
    assert server.recipients == [[*TO, "oncall@example.com"], list(TO)]
    assert server.mails[0]["Subject"] == "[stayhand] break_glass"


async def test_the_life_of_an_approval_is_one_thread(pem: Path) -> None:
    """A reminder and the ending answer the first mail; that somebody reads it is no mail."""
    async with mail_server(pem=pem) as server:
        mail = _mail(server, security="starttls", pem=pem)
        for one in (Opened(notice()), Reminded(notice()), Seen(notice())):
            await mail.send(one)
        await mail.send(Settled(notice(), ApprovalStatus.APPROVED))
        await mail.send(Alert("budget", "a budget is used up", {}))
    first, second, third, alert = server.mails
    assert second["In-Reply-To"] == third["In-Reply-To"] == first["Message-ID"]
    assert "was approved" in third.get_content()
    assert alert["In-Reply-To"] is None
    assert all(server.encrypted)


async def test_a_server_without_encryption_gets_nothing() -> None:
    """A server (or whoever stands before it) that offers no STARTTLS sees no recipient and no word."""
    async with mail_server() as server:
        with pytest.raises(NotDeliveredError, match="SMTPNotSupportedError"):
            await _mail(server, security="starttls").send(Opened(notice()))
    assert (server.mails, server.recipients) == ([], [])


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_certificate_that_does_not_hold_ends_it(host: str, tmp_path: Path) -> None:
    """Unknown authorities, and a certificate of another name, are failed tries, not warnings."""
    other = certificate(tmp_path, "other.example")
    async with mail_server(pem=other) as server:
        with pytest.raises(NotDeliveredError, match="SSLCertVerificationError"):
            await _mail(server, security="starttls", host=host).send(Opened(notice()))
        with pytest.raises(NotDeliveredError, match="SSLCertVerificationError"):
            await _mail(server, security="starttls", pem=other, host=host).send(Opened(notice()))
    assert server.mails == []


async def test_refusals_are_failed_tries_with_the_servers_number(pem: Path) -> None:
    """A wrong password, a message that is not taken; then the next try succeeds."""
    async with mail_server(pem=pem, demands_login=True) as server:
        with pytest.raises(NotDeliveredError, match="smtp_535"):
            await _mail(server, security="starttls", pem=pem, password="wrong").send(Opened(notice()))
        server.refusals = ["451 later"]
        mail = _mail(server, security="starttls", pem=pem, password=PASSWORD)
        with pytest.raises(NotDeliveredError, match="smtp_451"):
            await mail.send(Opened(notice()))
        await mail.send(Opened(notice()))
    assert len(server.mails) == 1


async def test_mail_to_nobody_is_a_failed_try(pem: Path) -> None:
    """A group without an address is shown as a failure instead of silence."""
    async with mail_server(pem=pem) as server:
        place = Server(host="localhost", port=server.port, authorities=str(pem))
        mail = Mail(server=place, sender="s@example.com", recipients=tuple, clock=StillClock())
        with pytest.raises(NotDeliveredError, match="no_recipient"):
            await mail.send(Opened(notice()))


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_names_reach_neither_header_nor_recipient(name: str, pem: Path) -> None:
    """As it arrives: plain text, our recipients, our headers, one link."""
    async with mail_server(pem=pem) as server:
        mail = _mail(server, security="starttls", pem=pem)
        await mail.send(Opened(notice(operations=(name,), environment=name)))
    (got,) = server.mails
    assert server.recipients == [list(TO)]
    assert got.get_content_type() == "text/plain"
    assert set(got.keys()) == {
        "From", "To", "Date", "Auto-Submitted", "Subject", "Message-ID", "Content-Type",
        "Content-Transfer-Encoding", "MIME-Version",
    }  # fmt: skip
    assert got.get_content().count("://") == 1
