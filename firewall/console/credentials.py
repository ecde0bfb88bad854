"""Who a credential of the control side belongs to: tokens of its kinds, and passphrases."""

from dataclasses import replace

from firewall.approvals.people import Approver
from firewall.core.errors import AuthError
from firewall.core.token import TokenKind
from firewall.settings.settings import Settings
from firewall.tokens.people import People
from firewall.tokens.service import Tokens


class Credentials:
    """The console's `Authenticator`: control tokens and passphrases."""

    def __init__(self, tokens: Tokens, people: People, settings: Settings) -> None:
        self._tokens = tokens
        self._people = people
        self._emails = {one.name: one.email for one in settings.approver if one.email}
        self._groups = {one.name: one.groups for one in settings.approver}

    def token(self, text: str) -> Approver | None:
        """Return the holder of a live admin, approver or service token."""
        try:
            bearer = self._tokens.check(text)
        except AuthError:
            return None
        if bearer.kind is TokenKind.AGENT:
            return None
        person = self._people.get(bearer.holder)
        if bearer.kind is not TokenKind.SERVICE and person is None:
            return None  # a person who was removed takes his tokens with him
        role = bearer.kind.value
        if person is not None and bearer.kind is not TokenKind.SERVICE and person.role != "admin":
            role = person.role  # a token gives no more than its holder may now; only an admin's keeps its own kind
        groups = self._all_groups(bearer.holder)
        return Approver(
            bearer.holder,
            role,
            groups,
            via="token",
            auth="token",
            aliases=self._aliases(bearer.holder),
            proof_at=bearer.minted_us,
        )

    def passphrase(self, name: str, passphrase: str) -> Approver | None:
        """Verify a passphrase; slow, call it in a thread."""
        checked = self._people.check(name, passphrase)
        person = None if checked is None else self.person(checked.name)
        return None if person is None or checked is None else replace(person, proof_at=checked.passphrase_at)

    def person(self, name: str) -> Approver | None:
        """Return somebody who may still sign in."""
        person = self._people.get(name)
        if person is None:
            return None
        return Approver(person.name, person.role, self._all_groups(name), aliases=self._aliases(name))

    def mark(self, name: str) -> str:
        """As the port says."""
        person = self._people.get(name)
        return "" if person is None else person.mark

    def _all_groups(self, name: str) -> tuple[str, ...]:
        person = self._people.get(name)
        return tuple({*(person.groups if person else ()), *self._groups.get(name, ())})

    def _aliases(self, name: str) -> tuple[str, ...]:
        return (self._emails[name],) if name in self._emails else ()
