"""Tokens as the pages show them: each under the one that it was narrowed from, with its state and its last use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from firewall.console.tokens.words import ago, may_of, moment
from firewall.core.grant import Grant
from firewall.tokens import grant_json
from firewall.tokens.port import TokenRow


class Standing(StrEnum):
    """What a token is worth now."""

    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"
    PARENT = "ended with its parent"


@dataclass(frozen=True, slots=True)
class Seen:
    """One token, and what was narrowed from it."""

    id: str
    kind: str
    grant: Grant | None
    holder: str
    standing: Standing
    created_at: str
    expires_at: str
    ended_at: str
    """When it was revoked; empty: it was not."""
    used: str
    used_at: str
    """Empty: it never was, as far as anybody noted."""
    children: tuple["Seen", ...] = ()
    more: int = 0
    """Of its descendants, at least so many are not shown."""

    @property
    def title(self) -> str:
        """Whose it is, in one line."""
        if self.grant is not None:
            return f"{self.grant.agent} for {self.grant.owner}"
        return f"{self.kind} token of {self.holder}" if self.holder else f"{self.kind} token"

    @property
    def environment(self) -> str:
        """Where it may act; empty for tokens that are no agent's."""
        return self.grant.environment if self.grant is not None else ""

    @property
    def may(self) -> tuple[tuple[str, str], ...]:
        """What it could do, in words."""
        return may_of(self.grant) if self.grant is not None else ()

    @property
    def is_live(self) -> bool:
        """It can be used now."""
        return self.standing is Standing.LIVE

    @property
    def can_narrow(self) -> bool:
        """A child can be made of it."""
        return self.is_live and self.grant is not None


def seen(row: TokenRow, used: Mapping[str, int], *, now_us: int, parent_is_live: bool = True) -> Seen:
    """Return one token without its children."""
    at = used.get(row.id, 0)
    return Seen(
        id=row.id,
        kind=row.kind,
        grant=grant_json.parse(row.grant) if row.grant else None,
        holder=row.holder,
        standing=_standing(row, now_us, parent_is_live=parent_is_live),
        created_at=moment(row.created_at),
        expires_at=moment(row.expires_at),
        ended_at=moment(row.revoked_at) if row.revoked_at else "",
        used=f"used {ago(at, now_us)}" if at else "never used",
        used_at=moment(at) if at else "",
    )


def tree(
    root: TokenRow,
    below: Sequence[TokenRow],
    used: Mapping[str, int],
    *,
    now_us: int,
    parent_is_live: bool = True,
) -> Seen:
    """Return a token with its descendants under it; `below` has each behind the one that it was narrowed from."""
    top = seen(root, used, now_us=now_us, parent_is_live=parent_is_live)
    known = {root.id: top}
    parents: dict[str, str] = {}
    for row in below:
        parent = known.get(row.parent)
        if parent is None:
            continue
        known[row.id] = seen(row, used, now_us=now_us, parent_is_live=parent.is_live)
        parents[row.id] = row.parent
    for child, parent_id in reversed(parents.items()):
        parent = known[parent_id]
        known[parent_id] = replace(parent, children=(known[child], *parent.children))
    return known[root.id]


def _standing(row: TokenRow, now_us: int, *, parent_is_live: bool) -> Standing:
    if row.revoked_at:
        return Standing.REVOKED
    if row.expires_at <= now_us:
        return Standing.EXPIRED
    return Standing.LIVE if parent_is_live else Standing.PARENT
