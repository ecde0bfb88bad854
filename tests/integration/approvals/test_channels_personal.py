"""Personal links by mail over a real SMTP server: one person, one mail, one link; and who gets none."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from email.message import EmailMessage

import httpx
import pytest

from firewall.approvals.channels.mail import Mail, Server
from firewall.approvals.channels.personal import PersonalMail
from firewall.approvals.channels.port import Invitation, Mailbox, NotDeliveredError
from firewall.approvals.notices import notice_of
from firewall.approvals.people import Approver
from firewall.console.proving.inviting import Inviting
from firewall.core.approval import Approval, ApprovalStatus
from firewall.core.notice import Alert, Opened, Reminded, Seen, Settled
from firewall.core.verdict import Obligations
from tests.support.approving import ALICE, BOB, subject, view, wanted
from tests.support.control_side import Side, control_side
from tests.support.mail_server import MailServer, mail_server

OLGA = Approver("olga", "approver")
MILD = wanted(
    effects=("write",),
    subject=subject(actions=(view(effects=("write",)),)),
    obligations=Obligations(auth="link"),
)
_LINK = re.compile(r"http://localhost:8788/decide#(shl_\S+)")


@dataclass
class House:
    """A control side whose approvers are written to over a real server."""

    side: Side
    server: MailServer
    sender: PersonalMail
    mail: Mail
    boxes: list[Mailbox] = field(default_factory=list)

    async def opened(self, **changes: object) -> Approval:
        """Open an approval."""
        return await self.side.approvals.open(replace(MILD, **changes))  # type: ignore[arg-type]  # tests name the fields

    def message(self, approval: Approval) -> Opened:
        """Return what channels are told."""
        return Opened(notice_of(approval, self.side.approvals.rules.address(approval.id)))

    def codes(self) -> dict[str, list[str]]:
        """Return the codes of links by whom they were written to."""
        found: dict[str, list[str]] = {}
        for recipients, mail in zip(self.server.recipients, self.server.mails, strict=True):
            assert len(recipients) == 1, "a mail with a link is for one"
            found.setdefault(recipients[0], []).extend(_LINK.findall(_text(mail)))
        return found

    async def decide(self, code: str, decision: str = "approve") -> httpx.Response:
        """Decide by a link."""
        headers = {"origin": self.side.public, "sec-fetch-site": "same-origin"}
        async with self.side.client() as client:
            return await client.post("/decide", data={"code": code, "decision": decision}, headers=headers)


def _text(mail: EmailMessage) -> str:
    return str(mail.get_content())


@pytest.fixture(name="house")
async def _house() -> AsyncIterator[House]:
    side = control_side()
    side.log.permit(ALICE, BOB, OLGA)
    inviting = Inviting(links=side.proving.links, roster=side.log, public_url=side.public)
    inviting.begin(side.approvals)
    boxes = [Mailbox(name, f"{name}@example.com") for name in ("alice", "bob", "olga")]
    async with mail_server() as server:
        place = Server(host="127.0.0.1", port=server.port, security="none")
        recipients = [box.address for box in boxes]
        mail = Mail(server=place, sender="stayhand@example.com", recipients=lambda: recipients, clock=side.clock)
        yield House(side, server, PersonalMail(mail=mail, boxes=lambda: boxes, inviter=inviting), mail, boxes)


async def test_each_gets_a_link_of_his_own_and_the_owner_none(house: House) -> None:
    """A link decides as the one to whom it was written; the requester's owner is told, without one."""
    approval = await house.opened()
    await house.sender.send(house.message(approval))
    codes = house.codes()
    assert {name: len(found) for name, found in codes.items()} == {
        "alice@example.com": 1, "bob@example.com": 1, "olga@example.com": 0,
    }  # fmt: skip
    for mail in house.server.mails:
        assert f"/approve/{approval.id}" in _text(mail)
        assert mail["To"] in codes
        assert "shl_" not in str(mail["Subject"])
    assert (await house.decide(codes["bob@example.com"][0])).status_code == 200
    assert house.side.approvals.get(approval.id).status is ApprovalStatus.APPROVED
    assert house.side.log.records[-1].person == "bob"


@pytest.mark.parametrize(
    "changes",
    [
        {"obligations": Obligations()},
        {"obligations": Obligations(auth="passkey")},
        {"effects": ("destructive",)},
        {"effects": ("write", "privilege")},
        {"environment": "production"},
    ],
    ids=["no row", "passkey", "destructive", "privilege", "production"],
)
async def test_nobody_gets_a_link_that_would_not_decide(house: House, changes: dict[str, object]) -> None:
    """Whatever stands in the row: what links do not decide is told without one, and none is made."""
    approval = await house.opened(**changes)
    await house.sender.send(house.message(approval))
    assert house.server.mails
    assert all("shl_" not in _text(mail) for mail in house.server.mails)
    assert "approver.linked" not in house.side.log.kinds


async def test_a_try_that_failed_for_one_reaches_him_later_and_nobody_twice(house: House) -> None:
    """The link of the mail that failed is revoked; the next try brings another to him alone."""
    message = house.message(await house.opened())
    house.server.refusals.append("451 later")
    with pytest.raises(NotDeliveredError, match="smtp_451"):
        await house.sender.send(message)
    assert [mail["To"] for mail in house.server.mails] == ["bob@example.com", "olga@example.com"]
    assert house.side.log.kinds.count("approver.link_revoked") == 1
    await house.sender.send(message)
    assert [mail["To"] for mail in house.server.mails] == [
        "bob@example.com",
        "olga@example.com",
        "alice@example.com",
    ]
    live = house.side.proving.links.listing()
    assert sorted(one.person for one in live) == ["alice", "bob"]
    assert (await house.decide(house.codes()["alice@example.com"][0])).status_code == 200


async def test_one_whom_nothing_reaches_keeps_it_from_no_other(house: House) -> None:
    """Also where his try breaks with an error that nobody expected: those behind him are told, and not twice."""

    class Breaking(Inviting):
        async def invited(self, person: str, approval_id: str) -> Invitation | None:
            if person == "alice":
                raise RuntimeError("shl_secret")
            return await super().invited(person, approval_id)

    inviting = Breaking(links=house.side.proving.links, roster=house.side.log, public_url=house.side.public)
    inviting.begin(house.side.approvals)
    message = house.message(await house.opened())
    sender = PersonalMail(mail=house.mail, boxes=lambda: house.boxes, inviter=inviting)
    for _ in range(2):
        with pytest.raises(NotDeliveredError, match=r"^RuntimeError$"):
            await sender.send(message)
    assert [mail["To"] for mail in house.server.mails] == ["bob@example.com", "olga@example.com"]


async def test_a_reminder_brings_new_links_to_those_who_are_still_needed(house: House) -> None:
    """Links live ten minutes at most, so that a reminder has its own; what is over is told to all in one mail."""
    approval = await house.opened()
    message = house.message(approval)
    await house.sender.send(message)
    await house.sender.send(Reminded(message.notice))
    await house.sender.send(Seen(message.notice))
    first, second = house.codes()["alice@example.com"]
    assert first != second
    assert (await house.decide(first, "deny")).status_code == 200
    assert (await house.decide(second)).status_code == 403
    before = len(house.server.mails)
    await house.sender.send(Reminded(message.notice))
    await house.sender.send(Settled(message.notice, ApprovalStatus.DENIED))
    await house.sender.send(Alert("budget", "a budget is used up", {}))
    later = house.server.mails[before:]
    assert all("shl_" not in _text(mail) for mail in later)
    assert "was denied" in _text(later[-2])


async def test_nobody_to_write_to_is_a_failed_try(house: House) -> None:
    """A group without addresses reaches nobody, and the channel says so."""
    house.boxes.clear()
    with pytest.raises(NotDeliveredError, match="no_recipient"):
        await house.sender.send(house.message(await house.opened()))
