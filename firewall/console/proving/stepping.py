"""A tap for one decision: the challenge is bound to the approval, its digest and what is said of it.

INVARIANT: whoever is returned with `auth == "passkey"` has just signed exactly this, with a passkey of his own, in
the session that asked; the same signature proves nothing else, and nothing twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from firewall.approvals.glass import said_of
from firewall.approvals.people import Approver
from firewall.codecs.passkeys import ceremony
from firewall.console.proving.challenges import Challenges, Purpose
from firewall.console.sessions import Session
from firewall.core.approval import ONCE, Approval, Decision, Permit
from firewall.core.errors import ProtocolError
from firewall.core.work import Record
from firewall.tokens.passkeys import Passkeys

FIELD = "credential"
PERMIT = "permit"
"""What the page calls approving for several uses."""
GLASS = "glass"
"""What the page calls approving alone."""


class Stepping:
    """Asks for taps, and takes them."""

    def __init__(self, passkeys: Passkeys, challenges: Challenges) -> None:
        self._passkeys = passkeys
        self._challenges = challenges

    def can(self, who: Approver) -> bool:
        """Tell whether somebody has a passkey to tap with."""
        return who.via == "session" and bool(self._passkeys.of(who.name))

    def tapping(self, who: Approver) -> Approver:
        """Return somebody as he will stand once he has tapped: with the oldest of his passkeys."""
        found = self._passkeys.of(who.name)
        return replace(who, auth="passkey", proof_at=found[0].created_at) if found else who

    async def options(
        self, approval: Approval, said: str, *, who: Approver, session: Session, source: str
    ) -> dict[str, object]:
        """Return what a browser is to sign so that somebody says this of an approval."""
        await self._passkeys.ready()
        about = _about(approval, said)
        challenge = self._challenges.issue(Purpose.DECIDE, bound=session.key, source=source, about=about)
        return self._passkeys.request(challenge, who.name)

    async def proven(
        self, approval: Approval, said: str, credential: str, *, who: Approver, session: Session
    ) -> Approver:
        """Return somebody who just signed that he says this of an approval; the proof is an entry first.

        Raises: PasskeyError; StoreError.
        """
        answer = ceremony.read(credential)
        challenge = ceremony.challenge_in(answer)
        self._challenges.spend(challenge, Purpose.DECIDE, bound=session.key, about=_about(approval, said))
        record = Record(
            kind="approver.proved",
            data={"said": said, "digest": approval.digest},
            person=who.name,
            principal=who.name,
            approval=approval.id,
            private={"name": who.name, "response": answer.get("response")},
        )
        used = await self._passkeys.use(answer, challenge=challenge, person=who.name, record=record)
        return replace(who, auth="passkey", proof_at=used.created_at)


@dataclass(frozen=True, slots=True)
class Ways:
    """What people can prove themselves with, as pages offer it."""

    stepping: Stepping | None = None
    """Asks for taps; None: passkeys do not work here."""
    origin: str = ""
    """Where passkeys work."""
    provider: str = ""
    """What the OpenID provider is called; empty: there is none."""


def said_in(fields: Mapping[str, str]) -> str:
    """Return what a form of the approval page says: a decision, or which form shall be run."""
    if "decision" not in fields:
        return f"form {fields.get('form', '')}"
    if fields["decision"] == GLASS:
        return said_of(fields.get("reason", ""))
    permit = permit_in(fields)
    return fields["decision"] if permit == ONCE else f"permit {permit.uses} {permit.within_s}"


def permit_in(fields: Mapping[str, str]) -> Permit:
    """Return what a form of the approval page permits: once, unless it says how often and within which minutes.

    Raises: ProtocolError `permit_invalid` (400).
    """
    if fields.get("decision") != PERMIT:
        return ONCE
    given = [fields.get("uses", ""), fields.get("minutes", "")]
    if not all(one.isascii() and one.isdigit() and len(one) < 4 for one in given):
        raise ProtocolError("say how many uses, and within how many minutes", code="permit_invalid")
    uses, minutes = map(int, given)
    if uses < 2:
        raise ProtocolError("once is no permit: approve it", code="permit_invalid")
    return Permit(uses, minutes * 60)


def answer_in(fields: Mapping[str, str]) -> tuple[Decision, Permit]:
    """Return what a form of the approval page decides. Raises: ProtocolError (400)."""
    permit = permit_in(fields)
    if permit != ONCE:
        return Decision.APPROVE, permit
    try:
        return Decision(fields.get("decision", "")), ONCE
    except ValueError as error:
        raise ProtocolError("say approve or deny", code="decision_invalid") from error


def _about(approval: Approval, said: str) -> tuple[str, ...]:
    return approval.id, approval.digest, said
