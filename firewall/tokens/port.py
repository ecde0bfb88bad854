"""What tokens and people read from the store; written through the sequencer only."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class TokenRow(Protocol):
    """A stored token; times are unix microseconds, `revoked_at` 0 while it is not."""

    @property
    def id(self) -> str:
        """Its public id."""
        ...

    @property
    def kind(self) -> str:
        """Its kind."""
        ...

    @property
    def holder(self) -> str:
        """The person of an admin or approver token."""
        ...

    @property
    def parent(self) -> str:
        """Id of the token that it was narrowed from."""
        ...

    @property
    def grant(self) -> str:
        """The grant as JSON."""
        ...

    @property
    def created_at(self) -> int:
        """When it was minted."""
        ...

    @property
    def expires_at(self) -> int:
        """When it ends."""
        ...

    @property
    def revoked_at(self) -> int:
        """When it was revoked."""
        ...


class TokenRows(Protocol):
    """Looking tokens up."""

    def by_fingerprint(self, fingerprint: bytes) -> TokenRow | None:
        """Return the token whose SHA-256 this is."""
        ...

    def by_id(self, token_id: str) -> TokenRow | None:
        """Return the token with this id."""
        ...

    def listing(self, limit: int, after: str = "") -> Sequence[TokenRow]:
        """Return tokens, newest first; `after`: only those behind this one."""
        ...

    def roots(self, limit: int, after: str = "") -> Sequence[TokenRow]:
        """Return tokens that were narrowed from none, newest first; `after`: only those behind this one."""
        ...

    def descendants(self, token_id: str, limit: int) -> Sequence[TokenRow]:
        """Return what was narrowed from a token, and from those, each behind the one that it was narrowed from."""
        ...

    def uses(self, ids: Sequence[str]) -> Mapping[str, int]:
        """Return when tokens were used last (unix microseconds), those that were and as far as it was kept."""
        ...

    def revoked_of(self, holder: str) -> Sequence[str]:
        """Return the ids of the revoked tokens that a person holds."""
        ...

    def family(self, token_id: str) -> Sequence[str]:
        """Return the ids of a token and of everything below it, itself first."""
        ...

    def erasures(self) -> int:
        """Return how many people were erased."""
        ...


class PersonRow(Protocol):
    """A stored approver or admin."""

    @property
    def name(self) -> str:
        """The name that is typed to sign in."""
        ...

    @property
    def role(self) -> str:
        """`approver` or `admin`."""
        ...

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups that rows may ask for."""
        ...

    @property
    def passphrase_hash(self) -> str:
        """argon2id, encoded."""
        ...

    @property
    def created_at(self) -> int:
        """When he was added, or added again after he had been removed."""
        ...

    @property
    def changed_at(self) -> int:
        """When his role or his groups became what they are; 0: before this was noted."""
        ...

    @property
    def passphrase_at(self) -> int:
        """When his passphrase was set; 0: before this was noted."""
        ...


class PeopleRows(Protocol):
    """Looking people up."""

    def get(self, name: str) -> PersonRow | None:
        """Return a person who has not been removed."""
        ...

    def listing(self) -> Sequence[PersonRow]:
        """Return everybody who has not been removed."""
        ...
