"""RFC 8291: its own example byte by byte, read back by another implementation, and what is refused."""

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from firewall.codecs.push.message import point, public_key, sealed
from tests.support.push_browser import PushBrowser, opened, unb64

# RFC 8291, section 5 and appendix A.
TEXT = b"When I grow up, I want to be a watermelon"
SENDER = unb64("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
SENDER_PUBLIC = unb64("BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8")
RECEIVER = unb64("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94")
RECEIVER_PUBLIC = unb64("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4")
AUTH = unb64("BTBZMqHH6r4Tts7J_aSIgg")
SALT = unb64("DGv6ra1nlYgDCS1FRnbzlw")
BODY = unb64(
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_y"
    "l95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def _key(scalar: bytes) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1())


def test_the_example_of_the_rfc_comes_out_byte_by_byte() -> None:
    """The same keys, salt and text give the body that RFC 8291 prints."""
    assert point(_key(SENDER).public_key()) == SENDER_PUBLIC
    assert sealed(TEXT, receiver=RECEIVER_PUBLIC, auth=AUTH, sender=_key(SENDER), salt=SALT) == BODY


def test_the_other_implementation_reads_the_example() -> None:
    """What the tests read messages with reads the RFC's own, and nothing that was changed."""
    assert opened(BODY, _key(RECEIVER), AUTH) == TEXT
    with pytest.raises(InvalidTag):
        opened(BODY[:-1] + bytes([BODY[-1] ^ 1]), _key(RECEIVER), AUTH)


@given(text=st.binary(max_size=200), salt=st.binary(min_size=16, max_size=16))
def test_every_text_comes_back_and_its_length_does_not_show(text: bytes, salt: bytes) -> None:
    """Padded, each body is as long as every other, and the browser has the text whole."""
    browser = PushBrowser(_key(RECEIVER), AUTH)
    kept = text.rstrip(b"\0")
    body = sealed(kept, receiver=RECEIVER_PUBLIC, auth=AUTH, sender=_key(SENDER), salt=salt, padded=200)
    assert len(body) == 86 + 200 + 1 + 16
    assert browser.read(body) == kept


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        RECEIVER_PUBLIC[:-1],
        b"\x02" + RECEIVER_PUBLIC[1:33],
        b"\x06" + RECEIVER_PUBLIC[1:],
        RECEIVER_PUBLIC[:-1] + bytes([RECEIVER_PUBLIC[-1] ^ 1]),
        b"\x04" + bytes(64),
    ],
    ids=["nothing", "short", "compressed", "hybrid", "off the curve", "the origin"],
)
def test_what_is_no_point_of_the_curve_is_refused(raw: bytes) -> None:
    """A key off the curve could give ours away bit by bit."""
    with pytest.raises(ValueError, match=r".*"):
        public_key(raw)
    with pytest.raises(ValueError, match=r".*"):
        sealed(TEXT, receiver=raw, auth=AUTH, sender=_key(SENDER), salt=SALT)


@pytest.mark.parametrize(
    ("text", "auth", "salt", "padded"),
    [
        (bytes(4000), AUTH, SALT, 0),
        (TEXT, AUTH, SALT, 4000),
        (TEXT, AUTH[:-1], SALT, 0),
        (TEXT, AUTH, SALT[:-1], 0),
    ],
    ids=["text", "padding", "secret", "salt"],
)
def test_what_does_not_fit_one_record_is_refused(text: bytes, auth: bytes, salt: bytes, padded: int) -> None:
    """Nothing is cut and nothing goes over several records."""
    with pytest.raises(ValueError, match="no message of Web Push"):
        sealed(text, receiver=RECEIVER_PUBLIC, auth=auth, sender=_key(SENDER), salt=salt, padded=padded)
