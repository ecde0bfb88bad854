"""Passkeys of approvers: registered, used, listed, revoked; each change is an entry (ADR 0041).

INVARIANT: what is stored are public keys. A revoked credential never comes back, and of two uses that saw the same
counter one is refused.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from firewall.codecs.passkeys import ceremony
from firewall.codecs.passkeys.ceremony import Json, Known, PasskeyError, Wrong
from firewall.codecs.passkeys.place import Party
from firewall.core.errors import FirewallError
from firewall.core.ports import Clock, Sequencer
from firewall.core.proofs import Passkey
from firewall.core.work import Committed, EndPasskey, PutPasskey, Record, Unit, Unmet, UsePasskey

MOST = 20
"""Live passkeys of one person."""
MOST_LABEL_CHARS = 60


class UnknownPasskeyError(FirewallError):
    """No such passkey, or one that was revoked."""

    code = "passkey_unknown"
    status = 404


class PasskeyRows(Protocol):
    """Looking passkeys up."""

    def passkey(self, credential: bytes) -> Passkey | None:
        """Return the live passkey with this credential id."""
        ...

    def passkeys(self, person: str = "") -> Sequence[Passkey]:
        """Return live passkeys, oldest first: a person's, or everybody's."""
        ...


class Passkeys:
    """Everything about passkeys; reads through `rows`, writes through the sequencer."""

    def __init__(
        self, *, party: Party, sequencer: Sequencer, rows: PasskeyRows, clock: Clock, new_id: Callable[[], str]
    ) -> None:
        self._sequencer = sequencer
        self._rows = rows
        self._clock = clock
        self._new_id = new_id
        self.party = party
        """Where they work."""

    async def ready(self) -> None:
        """Load what verifies, beside the event loop."""
        await asyncio.to_thread(ceremony.load)

    def of(self, person: str) -> Sequence[Passkey]:
        """Return a person's live passkeys, oldest first."""
        return self._rows.passkeys(person)

    def listing(self) -> Sequence[Passkey]:
        """Return everybody's live passkeys, oldest first."""
        return self._rows.passkeys()

    def creation(self, person: str, challenge: bytes) -> dict[str, object]:
        """Return what a browser is asked to make a passkey for somebody."""
        existing = [one.credential for one in self.of(person)]
        handle = self.handle(person)
        return ceremony.creation(self.party, challenge=challenge, name=person, handle=handle, existing=existing)

    def request(self, challenge: bytes, person: str = "") -> dict[str, object]:
        """Return what a browser is asked to sign with: this person's passkeys, or whatever it has of ours."""
        allowed = [one.credential for one in self.of(person)] if person else []
        return ceremony.request(self.party, challenge=challenge, allowed=allowed)

    async def register(self, person: str, answer: Json, *, challenge: bytes, label: str, via: str) -> Passkey:
        """Keep a new passkey; `via`: how the session began in which it was made.

        Raises: PasskeyError; StoreError.
        """
        found = ceremony.registered(answer, party=self.party, challenge=challenge)
        now = self._clock.now_us()
        new = Passkey(
            id=self._new_id(),
            person=person,
            credential=found.credential,
            public_key=found.public_key,
            sign_count=found.sign_count,
            label=label_of(label),
            backed_up=found.backed_up,
            created_at=now,
            used_at=0,
        )
        record = Record(
            kind="approver.passkey_added",
            data={"passkey": new.id, "backed_up": new.backed_up, "via": via},
            person=person,
            principal=person,
            private={"name": person, "label": new.label, "public_key": new.public_key.hex()},
        )
        outcome = await self._sequencer.submit(Unit(records=(record,), steps=(PutPasskey(new, MOST),)))
        if isinstance(outcome, Unmet):
            raise PasskeyError(Wrong.FULL if outcome.why == "full" else Wrong.EXISTS)
        return new

    async def use(
        self, answer: Json, *, challenge: bytes, person: str = "", record: Record | None = None
    ) -> Passkey:
        """Verify that a live passkey signed a challenge; `person`: whose it must be; `record`: kept with its use.

        Raises: PasskeyError; StoreError.
        """
        stored = self._rows.passkey(ceremony.credential_in(answer))
        if stored is None:
            raise PasskeyError(Wrong.UNKNOWN)
        if person and stored.person != person:
            raise PasskeyError(Wrong.OWNER)
        known = Known(stored.public_key, stored.sign_count, self.handle(stored.person))
        count = ceremony.asserted(answer, party=self.party, challenge=challenge, known=known)
        step = UsePasskey(stored.id, stored.sign_count, count, self._clock.now_us())
        proof = () if record is None else (replace(record, data={**record.data, "passkey": stored.id}),)
        if isinstance(await self._sequencer.submit(Unit(records=proof, steps=(step,))), Unmet):
            raise PasskeyError(Wrong.COUNTER, detail="used or revoked meanwhile")
        now = self._rows.passkey(stored.credential)
        if now is None or now.id != stored.id:
            raise PasskeyError(Wrong.UNKNOWN, detail="revoked right after it was used")
        return stored

    async def revoke(self, passkey_id: str, *, by: str, own: str = "") -> Passkey:
        """Revoke a passkey; `own`: only if it is this person's. Raises: UnknownPasskeyError; StoreError."""
        found = next((one for one in self._rows.passkeys(own) if one.id == passkey_id), None)
        if found is None:
            raise UnknownPasskeyError("there is no such passkey")
        record = Record(
            kind="approver.passkey_revoked",
            data={"passkey": found.id},
            person=found.person,
            principal=by,
            private={"name": found.person, "label": found.label, "by": by},
        )
        step = EndPasskey(found.id, self._clock.now_us())
        outcome = await self._sequencer.submit(Unit(records=(record,), steps=(step,)))
        if not isinstance(outcome, Committed):
            raise UnknownPasskeyError("there is no such passkey")
        return found

    def handle(self, person: str) -> bytes:
        """Return the user handle of a person: always the same, and no name (WebAuthn, section 14.6.1)."""
        pseudonym = self._sequencer.pseudonym(person)
        return hashlib.sha256(b"stayhand passkey user 1\n" + pseudonym.encode("utf-8")).digest()


def label_of(text: str, nameless: str = "passkey") -> str:
    """Return what somebody calls a thing of his, printable and short; never empty."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(plain.split())[:MOST_LABEL_CHARS].strip() or nameless
