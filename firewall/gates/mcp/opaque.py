"""Cursors of servers in which a credential stands: sealed for the client, opened for their server.

A signed token is a usual form of a cursor, and a client that got it masked could not go on. INVARIANT: what
is sealed is opened for the same principal and sent to the same server alone. The key is made anew with each
process; what an earlier one sealed is refused, and the client begins again.
"""

import base64
import binascii
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.errors import INVALID_PARAMS, McpError
from firewall.codecs.mcp.messages import Message

PREFIX = "stayhand.sealed."
_NONCE = 12
_CIPHER = AESGCM(AESGCM.generate_key(256))


def sealed(text: str, *, principal: str, server: str) -> str:
    """Return a text as its client carries it; `server`: who the server is (`Server.identity`)."""
    nonce = secrets.token_bytes(_NONCE)
    data = nonce + _CIPHER.encrypt(nonce, text.encode(), _bound(principal, server))
    return PREFIX + base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def opened(message: Message, *, principal: str, server: str) -> Message:
    """Return a request for a page as its server knows it; the very same where its cursor is not sealed.

    Raises: McpError `sealed_invalid` (-32602) for what was not sealed here for this principal and server.
    """
    cursor = message.params.get("cursor")
    if not isinstance(cursor, str) or not cursor.startswith(PREFIX):
        return message
    coded = cursor.removeprefix(PREFIX)
    try:
        data = base64.b64decode(coded + "=" * (-len(coded) % 4), altchars=b"-_", validate=True)
        plain = _CIPHER.decrypt(data[:_NONCE], data[_NONCE:], _bound(principal, server)).decode()
    except (binascii.Error, InvalidTag, ValueError) as error:
        raise McpError(
            "this `cursor` does not belong to this server and to you, or has ended: begin without it",
            number=INVALID_PARAMS,
            code="sealed_invalid",
            of=message.id,
        ) from error
    return messages.changed(message, {("params", "cursor"): plain})


def _bound(principal: str, server: str) -> bytes:
    return b"stayhand mcp sealed 1\0" + principal.encode() + b"\0" + server.encode()
