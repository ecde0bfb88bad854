"""VAPID: a token that another library verifies, for one service, for half a day."""

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from firewall.codecs.push.vapid import LIFE_S, application_key, authorization, signing_key
from tests.support.push_browser import b64, unb64

SEED = bytes(range(48))
NOW = 1_795_262_400


def _verified(field: str) -> tuple[dict[str, object], str]:
    scheme, _, rest = field.partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    raw = unb64(parts["k"])
    key = ECKey.import_key({"kty": "EC", "crv": "P-256", "x": b64(raw[1:33]), "y": b64(raw[33:])})
    assert scheme == "vapid"
    token = jwt.decode(parts["t"], key, algorithms=["ES256"])
    assert token.header == {"typ": "JWT", "alg": "ES256"}
    return dict(token.claims), parts["k"]


def test_a_push_service_verifies_who_sends() -> None:
    """The token is signed by the key that stands beside it and names the service, its end and whom to write to."""
    key = signing_key(SEED)
    field = authorization(key, audience="https://push.example", subject="mailto:ops@example.com", now_s=NOW)
    claims, shown = _verified(field)
    assert claims == {"aud": "https://push.example", "exp": NOW + LIFE_S, "sub": "mailto:ops@example.com"}
    assert shown == application_key(key)
    assert LIFE_S <= 24 * 3600


def test_nobody_to_write_to_is_left_out() -> None:
    """An empty subject would be refused; RFC 8292 lets it be absent."""
    claims, _ = _verified(authorization(signing_key(SEED), audience="https://push.example", subject="", now_s=NOW))
    assert set(claims) == {"aud", "exp"}


def test_a_seed_gives_one_key_for_ever() -> None:
    """Browsers subscribed under it; another seed gives another."""
    assert application_key(signing_key(SEED)) == application_key(signing_key(SEED))
    assert application_key(signing_key(SEED)) != application_key(signing_key(SEED[::-1]))
    assert len(unb64(application_key(signing_key(SEED)))) == 65
    assert signing_key(b"\xff" * 48).private_numbers().private_value > 0
    assert signing_key(bytes(48)).private_numbers().private_value == 1
    with pytest.raises(ValueError, match="no seed"):
        signing_key(SEED[:-1])
