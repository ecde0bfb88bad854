"""Throw-away AWS access keys: what an agent holds instead of real ones.

The id is the token's id, the secret is HMAC-SHA-256 of it under a key of this installation; nothing is stored.
INVARIANT: such a key opens nothing but our own gate, and there exactly what its token opens, while that lives.
"""

import hmac
from dataclasses import dataclass, field

from firewall.core.ids import is_id
from firewall.core.secret import Secret
from firewall.core.token import base62

_LABEL = b"stayhand aws access key 1\x00"
_CHARS = 43


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A pair as AWS programs take it."""

    id: str
    secret: str = field(repr=False)


class AccessKeys:
    """Derives the secret of a token's access key; `root` is derived from the installation's keys."""

    def __init__(self, root: Secret) -> None:
        self._root = root

    def of_token(self, token_id: str) -> AccessKey:
        """Return the key of a token.

        Raises: ValueError for what is no token's id.
        """
        if not is_id(token_id, "tok"):
            raise ValueError("not the id of a token")
        made = hmac.digest(self._root.reveal().encode("ascii"), _LABEL + token_id.encode("ascii"), "sha256")
        return AccessKey(token_id, base62(int.from_bytes(made, "big"), _CHARS))
