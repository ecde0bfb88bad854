"""A real installation whose approvers have browsers at a real push service on loopback."""

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from firewall.app.push import Pushing
from firewall.approvals.channels.push import Push
from firewall.approvals.notices import notice_of
from firewall.codecs.push.keys import keys_of
from firewall.console.pushing.room import PushDesk
from firewall.console.roster import Listed
from firewall.core.approval import Approval
from firewall.core.ids import spell_id
from firewall.core.notice import Opened
from firewall.core.proofs import Passkey
from firewall.core.push import PushBrowser as Stored
from firewall.core.secret import Secret
from firewall.core.work import PutPasskey, Unit
from firewall.settings.notify import Notify
from firewall.settings.settings import Settings
from firewall.tokens.absences import Absences
from firewall.tokens.passkeys import MOST
from firewall.tokens.people import People
from firewall.tokens.pushes import Pushes, Wanted
from tests.support.approving import wanted
from tests.support.control_side import PUBLIC
from tests.support.push_browser import PushBrowser
from tests.support.push_service import PushService, push_service
from tests.support.real_console import RealConsole, real_console

PHRASE = "six-words-long"
CONTACT = "mailto:ops@example.com"


@dataclass
class House:
    """A real installation whose approvers have browsers at a real push service."""

    real: RealConsole
    people: People
    absences: Absences
    pushing: Pushing
    service: PushService
    open_channels: list[Push] = field(default_factory=list)

    @property
    def pushes(self) -> Pushes:
        """Return what keeps the browsers."""
        return self.pushing.pushes

    def channel(self, **changes: object) -> Push:
        """Return a channel as the composition root builds it."""
        fields: dict[str, object] = {
            "subject": CONTACT,
            "hosts": (self.service.host,),
            "ca": str(self.service.authority),
        }
        one = Notify(kind="push", **(fields | changes))  # type: ignore[arg-type]  # tests name the fields
        made = self.pushing.sender(one, Settings(notify=(one,)), self.real.clock)
        self.pushing.begin(self.real.approvals)
        self.open_channels.append(made)
        return made

    async def add(self, name: str, **changes: object) -> PushBrowser:
        """Return a new browser of somebody that is told."""
        browser = self.service.subscribed()
        await self.keep(name, browser, **changes)
        return browser

    async def keep(self, name: str, browser: PushBrowser, **changes: object) -> Stored:
        """Add a browser for somebody."""
        fields = browser.fields(self.service.origin)
        keys = keys_of(fields["p256dh"], fields["auth"])
        now = self.real.clock.now_us()
        one = Wanted(Secret(fields["endpoint"]), keys.receiver, keys.auth, "phone", now, via="passphrase")
        return await self.pushes.add(name, replace(one, **changes))  # type: ignore[arg-type]  # tests name the fields

    async def passkey(self, name: str, passkey_id: str) -> None:
        """Store a passkey of somebody that signs nothing."""
        raw = passkey_id.encode()
        one = Passkey(passkey_id, name, raw, b"key", 0, "key", backed_up=False, created_at=1, used_at=0)
        await self.real.installation.writer.submit(Unit(steps=(PutPasskey(one, MOST),)))

    async def opened(self, **changes: object) -> Approval:
        """Open an approval of olga's agent."""
        return await self.real.approvals.open(replace(wanted(), **changes))  # type: ignore[arg-type]  # tests name the fields

    def message(self, approval: Approval) -> Opened:
        """Return what channels are told."""
        return Opened(notice_of(approval, self.real.approvals.rules.address(approval.id)))

    def texts(self, browser: PushBrowser) -> list[str]:
        """Return what a browser was told, by word."""
        return [json.loads(one.text)["about"] for one in self.service.of(browser)]


@asynccontextmanager
async def push_house(folder: Path, public: str = PUBLIC) -> AsyncIterator[House]:
    """Open an installation with alice, bob and olga, whose agents ask, beside a push service."""
    async with push_service(folder) as service:
        found: list[House] = []

        def desk(real: RealConsole) -> PushDesk:
            found.append(_built(real, service))
            key = service.application_key = found[0].pushing.application_key
            service.clock = real.clock
            return PushDesk(found[0].pushes, hosts=(service.host,), application_key=key)

        async with real_console(folder, lambda _: (), public, push=desk) as real:
            (house,) = found
            for name, groups in (("alice", ("oncall",)), ("bob", ("leads",)), ("olga", ("oncall",))):
                await house.people.add(name, role="approver", groups=groups, passphrase=PHRASE, by="root")
                real.doors.people[name] = replace(real.doors.people[name], proof_at=real.clock.now_us())
            real.clock.forward(1)
            yield house
            for one in house.open_channels:
                await one.aclose()


def _built(real: RealConsole, service: PushService) -> House:
    writer, rows = real.installation.writer, real.installation.people
    people = People(sequencer=writer, rows=rows, clock=real.clock)
    absences = Absences(sequencer=writer, rows=rows, people=people, clock=real.clock)
    numbers = itertools.count(1)
    pushes = Pushes(
        sequencer=writer,
        rows=real.installation.pushes,
        clock=real.clock,
        new_id=lambda: spell_id("psh", next(numbers).to_bytes(17, "big")),
    )
    roster = Listed(people, absences, (), real.clock)
    return House(real, people, absences, Pushing(pushes, real.installation.push_seed, roster), service)
