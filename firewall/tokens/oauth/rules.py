"""Which grant of ours an access token of another issuer stands for: by configuration alone, row by row.

INVARIANT: a grant is never wider than its row; a token adds nothing to it and only shortens its time.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from firewall.codecs.oauth.claims import Claims
from firewall.core.errors import FirewallError
from firewall.core.grant import Grant

_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
Wanted = str | bool | tuple[str, ...]


class UnmappedError(FirewallError):
    """A good token that stands for nobody here."""

    code = "principal_unknown"
    status = 403


class ScopeError(FirewallError):
    """A good token without the scopes that a row wants."""

    code = "insufficient_scope"
    status = 403

    def __init__(self, scopes: Sequence[str]) -> None:
        super().__init__("the access token has not all the scopes that this needs")
        self.scopes = tuple(scopes)


@dataclass(frozen=True, slots=True)
class Rule:
    """One `[[oauth_issuer.grant]]`."""

    grant: Grant
    """With the owner left empty where a claim names it, and any time."""
    row: str
    """Tells this row from all others, also after others were added or moved."""
    scopes: tuple[str, ...] = ()
    claims: Mapping[str, Wanted] = field(default_factory=dict)
    subjects: frozenset[str] = frozenset()
    clients: frozenset[str] = frozenset()
    owner_claim: str = ""
    people: Mapping[str, str] = field(default_factory=dict)
    """Approvers by their address, lower case."""

    def means(self, said: Claims) -> bool:
        """Tell whether a token is meant, its scopes aside."""
        return (
            (not self.subjects or said.subject in self.subjects)
            and (not self.clients or said.client in self.clients)
            and all(_has(said.all.get(name), wanted) for name, wanted in self.claims.items())
        )

    def owner(self, said: Claims) -> str:
        """Return who answers for the agent. Raises: UnmappedError where the claim names nobody."""
        if not self.owner_claim:
            return self.grant.owner
        found = said.all.get(self.owner_claim)
        if not isinstance(found, str) or not _OWNER.fullmatch(found):
            raise UnmappedError("the access token names nobody who answers for the agent")
        return self.people.get(found.lower(), found)

    def granted(self, said: Claims) -> Grant:
        """Return the grant of a token that this is the rule for. Raises: UnmappedError as `owner` does."""
        return replace(self.grant, owner=self.owner(said), expires_at=datetime.fromtimestamp(said.expires_s, UTC))


def rule_for(rules: Sequence[Rule], said: Claims, *, sees: Callable[[Grant], bool] | None) -> Rule:
    """Return the rule for a verified token; `sees`: whether a grant reaches what is asked for, None: all there is.

    INVARIANT: who lacks a scope hears the same of a name that is there and of one that is not: the scopes of every
    row that means the token. Raises: ScopeError, UnmappedError.
    """
    meant = [rule for rule in rules if rule.means(said)]
    if not meant:
        raise UnmappedError("the access token stands for nobody here")
    held = [rule for rule in meant if said.scopes.issuperset(rule.scopes)]
    if sees is None:
        if not held:
            raise ScopeError(meant[0].scopes)
        return held[0]
    for rule in held:
        if sees(rule.grant):
            return rule
    if len(held) < len(meant):
        raise ScopeError(tuple(dict.fromkeys(scope for rule in meant for scope in rule.scopes)))
    return held[0]


def _has(found: object, wanted: Wanted) -> bool:
    """Tell whether a claim has a value: of its type, alone or in a list."""
    if isinstance(wanted, bool):
        return found is wanted
    values = (wanted,) if isinstance(wanted, str) else wanted
    held = found if isinstance(found, list) else [found]
    return any(isinstance(one, str) and one in values for one in held)
