"""Public keys of an issuer (RFC 7517), and whether one of them signed a token. Ciphers are joserfc's (ADR 0033).

INVARIANT: what verifies is a public key, with an algorithm of its own kind: never a shared secret, never `none`.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from joserfc import jwk, jws
from joserfc.errors import JoseError, SecurityWarning

from firewall.codecs.oauth.compact import Compact
from firewall.core import strict_json
from firewall.core.errors import ProtocolError

MOST_BYTES = 256 * 1024
MOST_KEYS = 64
_LEAST_RSA_BITS, _MOST_RSA_BITS = 2048, 8192
_MOST_EXPONENT_CHARS = 8
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

KINDS: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", ())),
        "ES256": ("EC", ("P-256",)),
        "ES384": ("EC", ("P-384",)),
        "ES512": ("EC", ("P-521",)),
        "EdDSA": ("OKP", ("Ed25519", "Ed448")),
        "Ed25519": ("OKP", ("Ed25519",)),
    }
)
"""Which type of key, on which curves, an algorithm takes; what is not here is not spoken."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key of an issuer."""

    id: str
    type: str
    curve: str
    algorithm: str
    """The one that it is for; empty: any of its kind."""
    key: jwk.Key

    def takes(self, algorithm: str) -> bool:
        """Tell whether a signature by this algorithm could be this key's."""
        kind, curves = KINDS.get(algorithm, ("", ()))
        fits = self.type == kind and (not curves or self.curve in curves)
        return fits and self.algorithm in ("", algorithm)


def keys_of(raw: bytes) -> tuple[PublicKey, ...]:
    """Return the keys of a JWK Set that verify signatures; others are left out, as RFC 7517 (section 5) wants it.

    Raises: ProtocolError (upstream) for what is no set of keys, or too large a one.
    """
    if len(raw) > MOST_BYTES:
        raise _bad("it is too large")
    try:
        found = strict_json.loads_object(raw, what="set of keys").get("keys")
    except ProtocolError as error:
        raise _bad(error.public) from error
    if not isinstance(found, list) or len(found) > MOST_KEYS:
        raise _bad(f"it holds no list of at most {MOST_KEYS} keys")
    made = (_key(one) for one in found if isinstance(one, dict))
    return tuple(one for one in made if one is not None)


def fitting(keys: Sequence[PublicKey], token: Compact) -> tuple[PublicKey, ...]:
    """Return the keys that may have signed a token: those of its id; without an id, the only one of its kind."""
    able = tuple(one for one in keys if one.takes(token.algorithm))
    if token.key_id:
        return tuple(one for one in able if one.id == token.key_id)
    return able if len(able) == 1 else ()


def signed_by(token: Compact, key: PublicKey) -> bool:
    """Tell whether a key signed a token."""
    if not key.takes(token.algorithm):
        return False
    algorithm = jws.JWSRegistry.algorithms[token.algorithm]
    try:
        algorithm.check_key(key.key)
        return bool(algorithm.verify(token.signed, token.signature, key.key))
    except (JoseError, ValueError, TypeError):
        return False


def _key(row: Mapping[str, object]) -> PublicKey | None:
    """Return a key that verifies signatures, None for any other."""
    kind, curve = row.get("kty"), row.get("crv", "")
    known = any(kind == one and (not curves or curve in curves) for one, curves in KINDS.values())
    use, operations = row.get("use", "sig"), row.get("key_ops", ["verify"])
    is_verifying = use == "sig" and isinstance(operations, list) and "verify" in operations
    if not known or not is_verifying or _PRIVATE & row.keys() or not _is_sound(row):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", SecurityWarning)
            key = jwk.import_key({name: value for name, value in row.items() if name in _PARTS})  # type: ignore[misc]  # checked by the library
    except (JoseError, ValueError, TypeError, SecurityWarning):
        return None
    return PublicKey(str(row.get("kid", "")), str(kind), str(curve), str(row.get("alg", "")), key)


_PARTS = frozenset({"kty", "crv", "n", "e", "x", "y"})


def _is_sound(row: Mapping[str, object]) -> bool:
    """Tell whether the parts are texts of a size that verifies in no time."""
    parts = {name: value for name, value in row.items() if name in _PARTS}
    if not all(isinstance(value, str) for value in parts.values()):
        return False
    modulus, exponent = str(parts.get("n", "")), str(parts.get("e", ""))
    bits = len(modulus) * 6
    return row.get("kty") != "RSA" or (
        _LEAST_RSA_BITS <= bits <= _MOST_RSA_BITS + 8 and 0 < len(exponent) <= _MOST_EXPONENT_CHARS
    )


def _bad(why: str) -> ProtocolError:
    return ProtocolError(
        f"the keys of an issuer cannot be used: {why}", code="oauth_keys_invalid", side="upstream"
    )
