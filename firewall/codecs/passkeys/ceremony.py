"""What a browser is asked about a passkey, and what it answers (WebAuthn Level 3, sections 7.1 and 7.2).

The library verifies; around it we are strict: what a browser signed is read one way only, its origin and challenge
are compared before anything else, the person must have been verified, and a counter must have moved.
"""

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from firewall.codecs.passkeys.place import Party
from firewall.core import strict_json
from firewall.core.errors import FirewallError, ProtocolError

TIMEOUT_MS = 120_000
MOST_CREDENTIAL_BYTES = 1023
"""WebAuthn, section 4: the longest credential id."""
_VERIFIED = 0x04
_COUNTER = slice(33, 37)
_CREATE, _GET = "webauthn.create", "webauthn.get"
_TEXT = re.compile(r"[A-Za-z0-9_-]+")
Json = Mapping[str, object]


class Wrong(StrEnum):
    """Why a passkey is not accepted; stable codes."""

    MALFORMED = "passkey_malformed"
    ORIGIN = "passkey_origin"
    CHALLENGE = "passkey_challenge"
    UNVERIFIED = "passkey_unverified"
    COUNTER = "passkey_counter"
    SIGNATURE = "passkey_signature"
    OWNER = "passkey_owner"
    UNKNOWN = "passkey_unknown"
    EXISTS = "passkey_exists"
    FULL = "passkey_full"


_WORDS = {
    Wrong.MALFORMED: "the browser's answer cannot be read",
    Wrong.ORIGIN: "this passkey was used at another address than ours",
    Wrong.CHALLENGE: "this was asked too long ago, or answered before: try again",
    Wrong.UNVERIFIED: "the device did not check who you are (fingerprint, face or PIN)",
    Wrong.COUNTER: "this passkey's counter went back, so there may be a copy of it: tell your admin",
    Wrong.SIGNATURE: "the passkey's signature is wrong",
    Wrong.OWNER: "this passkey is somebody else's",
    Wrong.UNKNOWN: "this passkey is not known here, or was revoked",
    Wrong.EXISTS: "this passkey is registered already",
    Wrong.FULL: "there are too many passkeys: revoke one first",
}


class PasskeyError(FirewallError):
    """A passkey that is not accepted."""

    status = 403

    def __init__(self, wrong: Wrong, *, detail: str = "") -> None:
        super().__init__(_WORDS[wrong], code=wrong.value, detail=detail)
        self.wrong = wrong


@dataclass(frozen=True, slots=True)
class Registered:
    """A verified new credential."""

    credential: bytes
    public_key: bytes
    sign_count: int
    backed_up: bool


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored of the passkey that should have signed."""

    public_key: bytes
    sign_count: int
    handle: bytes
    """Of its owner."""


def load() -> None:
    """Load what verifies, a quarter of a second: a thread may do it before it is needed."""
    import webauthn  # noqa: F401 - for its effect


def creation(
    party: Party, *, challenge: bytes, name: str, handle: bytes, existing: Sequence[bytes]
) -> dict[str, object]:
    """Return the options of `navigator.credentials.create()`, bytes as base64url.

    The passkey lies in the device, so that nobody types a name to sign in, and no attestation is asked for.
    """
    return {
        "rp": {"id": party.id, "name": "Stayhand"},
        "user": {"id": encoded(handle), "name": name, "displayName": name},
        "challenge": encoded(challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": one} for one in (-8, -7, -257)],
        "timeout": TIMEOUT_MS,
        "excludeCredentials": [_descriptor(one) for one in existing],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
    }


def request(party: Party, *, challenge: bytes, allowed: Sequence[bytes] = ()) -> dict[str, object]:
    """Return the options of `navigator.credentials.get()`; without `allowed` the browser offers what it has."""
    return {
        "rpId": party.id,
        "challenge": encoded(challenge),
        "timeout": TIMEOUT_MS,
        "allowCredentials": [_descriptor(one) for one in allowed],
        "userVerification": "required",
    }


def read(text: str) -> dict[str, object]:
    """Read what our script sent of a browser's answer. Raises: PasskeyError."""
    try:
        return strict_json.loads_object(text.encode("utf-8", "replace"), what="credential")
    except ProtocolError as error:
        raise PasskeyError(Wrong.MALFORMED, detail=error.public) from None


def challenge_in(answer: Json) -> bytes:
    """Return the challenge that an answer says it is for. Raises: PasskeyError."""
    return _bytes(_client_data(answer).get("challenge"))


def credential_in(answer: Json) -> bytes:
    """Return the id of the credential that answers. Raises: PasskeyError."""
    found = _bytes(answer.get("rawId"))
    if len(found) > MOST_CREDENTIAL_BYTES or answer.get("id") != answer.get("rawId"):
        raise PasskeyError(Wrong.MALFORMED, detail="the credential's id")
    return found


def registered(answer: Json, *, party: Party, challenge: bytes) -> Registered:
    """Verify a new credential. Raises: PasskeyError."""
    from webauthn import verify_registration_response  # slow to load, and nobody needs it to start
    from webauthn.helpers.exceptions import WebAuthnException

    _check_client(answer, _CREATE, party=party, challenge=challenge)
    credential_in(answer)
    try:
        found = verify_registration_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=False,
        )
    except WebAuthnException as error:
        raise PasskeyError(Wrong.SIGNATURE, detail=str(error)) from None
    except Exception as error:  # noqa: BLE001 - strangers' CBOR, ASN.1 and keys: whatever it raises is no passkey
        raise PasskeyError(Wrong.MALFORMED, detail=type(error).__name__) from None
    if not found.user_verified:
        raise PasskeyError(Wrong.UNVERIFIED)
    if not 0 < len(found.credential_id) <= MOST_CREDENTIAL_BYTES:
        raise PasskeyError(Wrong.MALFORMED, detail="the credential's id")
    return Registered(
        found.credential_id, found.credential_public_key, found.sign_count, found.credential_backed_up
    )


def asserted(answer: Json, *, party: Party, challenge: bytes, known: Known) -> int:
    """Verify a signature of a passkey that we know, and return what its counter says now. Raises: PasskeyError."""
    from webauthn import verify_authentication_response  # slow to load, and nobody needs it to start
    from webauthn.helpers.exceptions import WebAuthnException

    _check_client(answer, _GET, party=party, challenge=challenge)
    response = _response(answer)
    handle = response.get("userHandle")
    if handle not in (None, "") and not hmac.compare_digest(_bytes(handle), known.handle):
        raise PasskeyError(Wrong.OWNER)
    data = _bytes(response.get("authenticatorData"))
    if len(data) < _COUNTER.stop:
        raise PasskeyError(Wrong.MALFORMED, detail="the authenticator's data")
    try:
        verify_authentication_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=known.public_key,
            credential_current_sign_count=0,  # compared below, once the signature is known to be good
            require_user_verification=False,
        )
    except WebAuthnException as error:
        raise PasskeyError(Wrong.SIGNATURE, detail=str(error)) from None
    except Exception as error:  # noqa: BLE001 - strangers' bytes: whatever it raises is no signature
        raise PasskeyError(Wrong.MALFORMED, detail=type(error).__name__) from None
    if not data[32] & _VERIFIED:
        raise PasskeyError(Wrong.UNVERIFIED)
    count = int.from_bytes(data[_COUNTER], "big")
    # FAIL-CLOSED: a counter that stands still is two devices with one key, but for those that never count (7.2).
    if (count or known.sign_count) and count <= known.sign_count:
        raise PasskeyError(Wrong.COUNTER)
    return count


def encoded(raw: bytes) -> str:
    """Write bytes as base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _check_client(answer: Json, kind: str, *, party: Party, challenge: bytes) -> None:
    said = _client_data(answer)
    if said.get("type") != kind:
        raise PasskeyError(Wrong.MALFORMED, detail="signed for another purpose")
    # A page of another origin, or ours within another's frame, may not borrow a passkey.
    if said.get("origin") != party.origin or said.get("crossOrigin", False) is not False or "topOrigin" in said:
        raise PasskeyError(Wrong.ORIGIN)
    if not hmac.compare_digest(_bytes(said.get("challenge")), challenge):
        raise PasskeyError(Wrong.CHALLENGE)


def _client_data(answer: Json) -> dict[str, object]:
    raw = _bytes(_response(answer).get("clientDataJSON"))
    try:
        return strict_json.loads_object(raw, what="client data")
    except ProtocolError as error:
        raise PasskeyError(Wrong.MALFORMED, detail=error.public) from None


def _response(answer: Json) -> Mapping[str, object]:
    found = answer.get("response")
    if not isinstance(found, dict):
        raise PasskeyError(Wrong.MALFORMED, detail="no response")
    return found


def _bytes(text: object) -> bytes:
    if not isinstance(text, str) or not _TEXT.fullmatch(text):
        raise PasskeyError(Wrong.MALFORMED, detail="no base64url")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise PasskeyError(Wrong.MALFORMED, detail="no base64url") from None


def _descriptor(credential: bytes) -> dict[str, str]:
    return {"type": "public-key", "id": encoded(credential)}
