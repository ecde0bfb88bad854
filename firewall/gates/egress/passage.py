"""What an agent's connection to the forward proxy stands for, once it has been let in."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from firewall.core.secret import Secret
from firewall.gates.egress.places import Place

STATE = "passage"
"""The key in an ASGI scope's state."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Where a connection leads, and on whose behalf."""

    place: Place
    token: Secret
    """The agent's; it goes no further than this process."""


def token_in(fields: Sequence[tuple[bytes, bytes]]) -> str:
    """Return the agent's token out of Proxy-Authorization, Basic or Bearer; empty: there is none.

    In Basic it may stand as the password or as the name: programs differ in what they make of a proxy's address.
    """
    values = [value for name, value in fields if name == b"proxy-authorization"]
    if len(values) != 1:
        return ""
    scheme, _, value = values[0].decode("latin-1").strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        text = base64.b64decode(value.strip(), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    name, _, password = text.partition(":")
    return password if password.startswith("shd_") or not name.startswith("shd_") else name
