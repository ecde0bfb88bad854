"""Slack's signature: the vendor's own example, and every byte of it."""

import pytest

from firewall.approvals.channels.slack_clicks import WINDOW_S, check, signature_of
from firewall.core.errors import AuthError

SECRET = b"8f742231b10e8888abcd99yyyzzz85a5"
STAMP = "1531420618"
BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554"
    b"%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"


def test_the_example_of_slacks_documentation_holds() -> None:
    """docs.slack.dev/authentication/verifying-requests-from-slack: its secret, request and signature."""
    assert signature_of(BODY, stamp=STAMP, secret=SECRET) == SIGNATURE
    for drift_s in (-WINDOW_S, 0, WINDOW_S):
        now_us = (int(STAMP) + drift_s) * 1_000_000
        check(BODY, stamp=STAMP, signature=SIGNATURE, secret=SECRET, now_us=now_us)


@pytest.mark.parametrize(
    ("body", "stamp", "signature", "secret"),
    [
        (BODY + b"x", STAMP, SIGNATURE, SECRET),
        (BODY, "1531420619", SIGNATURE, SECRET),
        (BODY, STAMP, SIGNATURE[:-1] + "4", SECRET),
        (BODY, STAMP, SIGNATURE.removeprefix("v0="), SECRET),
        (BODY, STAMP, "", SECRET),
        (BODY, STAMP, SIGNATURE, SECRET + b"x"),
        (BODY, STAMP, signature_of(BODY, stamp=STAMP, secret=b""), b""),
        (BODY, "", signature_of(BODY, stamp="", secret=SECRET), SECRET),
    ],
)
def test_anything_else_is_refused(body: bytes, stamp: str, signature: str, secret: bytes) -> None:
    """One other byte anywhere, and an app without a secret, which could be signed for by everybody."""
    with pytest.raises(AuthError):
        check(body, stamp=stamp, signature=signature, secret=secret, now_us=int(STAMP) * 1_000_000)
