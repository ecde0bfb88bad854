"""What a browser answers about a passkey: one honest way, and every wrong one with its code."""

import hashlib
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.codecs.passkeys import ceremony
from firewall.codecs.passkeys.ceremony import Known, PasskeyError, Registered, Wrong
from firewall.codecs.passkeys.place import Party
from tests.support.softkey import ATTESTED, PRESENT, VERIFIED, SoftKey, encoded

PARTY = Party("localhost", "http://localhost:8788")
CHALLENGE = hashlib.sha256(b"asked").digest()
HANDLE = b"h" * 32


def _key(**changes: object) -> SoftKey:
    return SoftKey(**({"origin": PARTY.origin, "rp_id": PARTY.id} | changes))  # type: ignore[arg-type]  # tests name the fields


def _created(key: SoftKey) -> str:
    return key.create(
        ceremony.creation(PARTY, challenge=CHALLENGE, name="alice", handle=HANDLE, existing=[b"older"])
    )


def _registered(key: SoftKey) -> Registered:
    return ceremony.registered(ceremony.read(_created(key)), party=PARTY, challenge=CHALLENGE)


def _signed(key: SoftKey) -> str:
    return key.get(ceremony.request(PARTY, challenge=CHALLENGE, allowed=[key.credential]))


def _asserted(text: str, known: Known) -> int:
    return ceremony.asserted(ceremony.read(text), party=PARTY, challenge=CHALLENGE, known=known)


def test_an_honest_passkey_is_registered_and_signs() -> None:
    """Its public key verifies its signature; the counter comes back."""
    key = _key(count=7)
    made = _registered(key)
    assert made.credential == key.credential
    known = Known(made.public_key, made.sign_count, HANDLE)
    text = _signed(key)
    answer = ceremony.read(text)
    assert ceremony.challenge_in(answer) == CHALLENGE
    assert ceremony.credential_in(answer) == key.credential
    assert _asserted(text, known) == key.count > made.sign_count


def test_a_passkey_that_never_counts_signs_again_and_again() -> None:
    """Synchronised passkeys say 0 for ever."""
    key = _key()
    known = Known(_registered(key).public_key, 0, HANDLE)
    assert [_asserted(_signed(key), known) for _ in range(2)] == [0, 0]


def test_the_person_must_be_verified_and_the_passkey_discoverable() -> None:
    """The options leave a browser no choice about it."""
    options = ceremony.creation(PARTY, challenge=CHALLENGE, name="alice", handle=HANDLE, existing=[])
    assert options["authenticatorSelection"] == {
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    }
    assert ceremony.request(PARTY, challenge=CHALLENGE)["userVerification"] == "required"
    assert options["attestation"] == "none"


WRONG_CLIENTS: list[tuple[str, dict[str, object], Wrong]] = [
    ("another site", {"origin": "https://evil.test"}, Wrong.ORIGIN),
    ("another port", {"origin": "http://localhost:3000"}, Wrong.ORIGIN),
    ("no origin", {"origin": None}, Wrong.ORIGIN),
    ("a frame", {"crossOrigin": True}, Wrong.ORIGIN),
    ("a frame that says so oddly", {"crossOrigin": "true"}, Wrong.ORIGIN),
    ("within another site", {"topOrigin": "https://evil.test"}, Wrong.ORIGIN),
    ("another challenge", {"challenge": encoded(b"x" * 32)}, Wrong.CHALLENGE),
    ("no challenge", {"challenge": None}, Wrong.MALFORMED),
    ("another purpose", {"type": "payment.get"}, Wrong.MALFORMED),
]


@pytest.mark.parametrize(("what", "client", "wrong"), WRONG_CLIENTS, ids=[row[0] for row in WRONG_CLIENTS])
def test_what_was_signed_elsewhere_or_for_something_else_is_refused(
    what: str, client: dict[str, object], wrong: Wrong
) -> None:
    """Each with its own code, when registering and when signing."""
    assert what
    key = _key()
    known = Known(_registered(key).public_key, 0, HANDLE)
    key.client = client
    for attempt in (lambda: _asserted(_signed(key), known), lambda: _registered(key)):
        with pytest.raises(PasskeyError) as refused:
            attempt()
        assert refused.value.wrong is wrong


def test_a_person_who_was_not_verified_is_refused() -> None:
    """A touch without fingerprint, face or PIN is not enough."""
    key = _key()
    known = Known(_registered(key).public_key, 0, HANDLE)
    key.flags = PRESENT
    for attempt in (lambda: _asserted(_signed(key), known), lambda: _registered(key)):
        with pytest.raises(PasskeyError) as refused:
            attempt()
        assert refused.value.wrong is Wrong.UNVERIFIED


def test_nobody_present_is_refused() -> None:
    """Verified, but nobody was there."""
    key = _key(flags=VERIFIED)
    with pytest.raises(PasskeyError) as refused:
        _registered(key)
    assert refused.value.wrong is Wrong.SIGNATURE


@pytest.mark.parametrize("stored", [5, 6])
def test_a_counter_that_does_not_move_is_refused(stored: int) -> None:
    """Two devices hold the same key."""
    key = _key(count=3)
    known = Known(_registered(key).public_key, stored, HANDLE)
    with pytest.raises(PasskeyError) as refused:
        _asserted(_signed(key), known)
    assert refused.value.wrong is Wrong.COUNTER


def test_a_counter_is_believed_only_of_a_good_signature() -> None:
    """Who holds no key cannot make us believe that there is a copy of one."""
    key, other = _key(count=3), _key(count=3)
    known = Known(_registered(key).public_key, 900, HANDLE)
    other.credential = key.credential
    with pytest.raises(PasskeyError) as refused:
        _asserted(_signed(other), known)
    assert refused.value.wrong is Wrong.SIGNATURE


def test_a_passkey_of_somebody_else_is_refused() -> None:
    """The user handle that the device keeps names its owner."""
    key = _key()
    known = Known(_registered(key).public_key, 0, b"o" * 32)
    with pytest.raises(PasskeyError) as refused:
        _asserted(_signed(key), known)
    assert refused.value.wrong is Wrong.OWNER


def test_another_relying_party_is_refused() -> None:
    """The hash of its id is in what the device signs."""
    key = _key(rp_id="evil.test")
    with pytest.raises(PasskeyError) as refused:
        _registered(key)
    assert refused.value.wrong is Wrong.SIGNATURE


def _without(name: str) -> Callable[[dict[str, object]], object]:
    return lambda answer: {key: value for key, value in answer.items() if key != name}


MANGLED: list[tuple[str, Callable[[dict[str, object]], object]]] = [
    ("no id", _without("id")),
    ("no raw id", _without("rawId")),
    ("two ids", lambda answer: answer | {"id": "AAAA"}),
    ("no response", _without("response")),
    ("a list", lambda answer: [answer]),
    ("response of another type", lambda answer: answer | {"response": "x"}),
    ("padding", lambda answer: answer | {"response": {"clientDataJSON": "AA=="}}),
    ("no base64", lambda answer: answer | {"response": {"clientDataJSON": "\u00e4"}}),
    ("client data twice", lambda answer: answer | {"response": {"clientDataJSON": encoded(b'{"a":1,"a":2}')}}),
    ("short data", lambda answer: answer | {"response": _response(answer) | {"authenticatorData": "AAAA"}}),
    ("a long id", lambda answer: answer | {"id": "A" * 1400, "rawId": "A" * 1400}),
]


def _looked_up(text: str, known: Known) -> int:
    """Do what the store does: find the credential, then verify."""
    ceremony.credential_in(ceremony.read(text))
    return _asserted(text, known)


def _response(answer: dict[str, object]) -> dict[str, object]:
    found = answer["response"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(("what", "mangle"), MANGLED, ids=[row[0] for row in MANGLED])
def test_an_answer_that_cannot_be_read_is_refused(
    what: str, mangle: Callable[[dict[str, object]], object]
) -> None:
    """With one code, before any key is looked at."""
    assert what
    key = _key()
    known = Known(_registered(key).public_key, 0, HANDLE)
    text = json.dumps(mangle(json.loads(_signed(key))))
    with pytest.raises(PasskeyError) as refused:
        _looked_up(text, known)
    assert refused.value.wrong is Wrong.MALFORMED


@given(st.binary(max_size=300))
def test_whatever_stands_for_an_attestation_it_is_refused_and_nothing_else_happens(junk: bytes) -> None:
    """Strangers' CBOR never raises anything but our own refusal."""
    answer = json.loads(_created(_key()))
    answer["response"]["attestationObject"] = encoded(junk)
    with pytest.raises(PasskeyError):
        ceremony.registered(answer, party=PARTY, challenge=CHALLENGE)


@given(st.binary(min_size=37, max_size=200), st.binary(max_size=80))
def test_no_bytes_without_the_key_are_a_signature(data: bytes, signature: bytes) -> None:
    """An assertion that the key did not make is always refused."""
    key = _key()
    known = Known(_registered(key).public_key, 0, HANDLE)
    answer = json.loads(_signed(key))
    answer["response"] |= {"authenticatorData": encoded(data), "signature": encoded(signature)}
    with pytest.raises(PasskeyError):
        ceremony.asserted(answer, party=PARTY, challenge=CHALLENGE, known=known)


def test_flags_are_what_the_specification_says() -> None:
    """The numbers of the test's own authenticator are those of section 6.1."""
    assert (PRESENT, VERIFIED, ATTESTED) == (0x01, 0x04, 0x40)
