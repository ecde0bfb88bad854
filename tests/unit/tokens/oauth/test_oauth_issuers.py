"""Whose tokens are checked, and by what: the configuration alone says so."""

import pytest

from firewall.codecs.oauth.claims import Expected
from firewall.core.errors import AuthError
from firewall.tokens.oauth.issuers import Issuer, Issuers
from firewall.tokens.oauth.keyring import Keyring
from tests.support.approving import StillClock
from tests.support.signing import ISSUER, RESOURCE, claims, ec_signer, keys, rsa_signer, token

HERE = frozenset({f"{RESOURCE}/mcp"})


def issuers(*algorithms: str) -> Issuers:
    """Return one issuer that may sign so."""

    async def fetch() -> bytes:
        return keys(rsa_signer(), ec_signer())

    one = Issuer(Expected(ISSUER), frozenset(algorithms), Keyring(fetch, lambda: 0.0), [])
    return Issuers({ISSUER: one}, StillClock())


async def test_a_good_token_says_who() -> None:
    """Issuer, key and time are those of the configuration and of the clock."""
    said, rules = await issuers("RS256").check(token(rsa_signer()), resources=HERE)
    assert (said.subject, rules) == ("user-1", [])


@pytest.mark.parametrize(
    "text",
    [
        token(ec_signer()),
        token(rsa_signer(), claims(iss="https://login.example.com")),
        token(rsa_signer(), claims(iss=None)),
        token(rsa_signer(), claims(iss=[ISSUER])),
        token(rsa_signer("rsa-1", 2049)),
        "no token",
    ],
    ids=["algorithm", "issuer", "no issuer", "issuers", "key", "text"],
)
async def test_others_are_refused(text: str) -> None:
    """An algorithm that the issuer may not use, another issuer, another key."""
    with pytest.raises(AuthError):
        await issuers("RS256").check(text, resources=HERE)
