"""The agent's token in a proxy's own field."""

import base64

import pytest

from firewall.gates.egress.passage import token_in

TOKEN = "shd_staging_agent_x"


def _basic(text: str) -> bytes:
    return b"Basic " + base64.b64encode(text.encode())


@pytest.mark.parametrize(
    "value",
    [
        _basic(f"stayhand:{TOKEN}"),
        _basic(f"{TOKEN}:"),
        _basic(f"{TOKEN}:x"),
        f"bearer {TOKEN}".encode(),
        f"Bearer  {TOKEN} ".encode(),
    ],
)
def test_the_token_is_found_where_programs_put_it(value: bytes) -> None:
    """As a password, as a name, as a bearer token."""
    assert token_in([(b"host", b"x"), (b"proxy-authorization", value)]) == TOKEN


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [(b"authorization", f"Bearer {TOKEN}".encode())],
        [(b"proxy-authorization", b"Basic !!!")],
        [(b"proxy-authorization", b"Basic /w==")],
        [(b"proxy-authorization", f"Digest {TOKEN}".encode())],
        [(b"proxy-authorization", f"Bearer {TOKEN}".encode())] * 2,
    ],
)
def test_elsewhere_there_is_none(fields: list[tuple[bytes, bytes]]) -> None:
    """Other fields, other schemes, broken ones and two at once give no token."""
    assert token_in(fields) == ""
