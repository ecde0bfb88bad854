"""Checks access tokens of the configured issuers: whose, signed by whom, for whom, until when.

Which issuer a token is from it says itself, and must be exactly one of ours; what it says is believed once that
issuer's key has verified it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from firewall.codecs.oauth import compact
from firewall.codecs.oauth.claims import Claims, Expected, check
from firewall.codecs.oauth.keys import signed_by
from firewall.core.errors import AuthError
from firewall.core.ports import Clock
from firewall.tokens.oauth.keyring import Keyring
from firewall.tokens.oauth.rules import Rule


@dataclass(frozen=True, slots=True)
class Issuer:
    """One `[[oauth_issuer]]`."""

    expected: Expected
    algorithms: frozenset[str]
    keyring: Keyring
    rules: Sequence[Rule]


class Issuers:
    """All of them, by identifier."""

    def __init__(self, issuers: Mapping[str, Issuer], clock: Clock) -> None:
        self._issuers = issuers
        self._clock = clock

    @property
    def names(self) -> tuple[str, ...]:
        """Their identifiers, in the order of the configuration."""
        return tuple(self._issuers)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All their rules, in order."""
        return tuple(rule for one in self._issuers.values() for rule in one.rules)

    async def check(self, text: str, *, resources: frozenset[str]) -> tuple[Claims, Sequence[Rule]]:
        """Return what a token says, and the rules of its issuer. `resources`: what we are called where it came.

        Raises: AuthError; another FirewallError where the issuer's keys cannot be had.
        """
        token = compact.read(text)
        named = token.claims.get("iss")
        issuer = self._issuers.get(named) if isinstance(named, str) else None
        if issuer is None:
            raise AuthError(detail="an issuer that is not configured")
        if token.algorithm not in issuer.algorithms:
            raise AuthError(detail="an algorithm that the issuer may not use")
        keys = await issuer.keyring.fitting(token)
        if not any(signed_by(token, key) for key in keys):
            raise AuthError(detail="signed by no key of its issuer")
        claims = check(token, issuer.expected, resources=resources, now_s=self._clock.now_us() / 1e6)
        return claims, issuer.rules
