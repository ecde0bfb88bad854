"""A browser that is about to sign in, before it has a session: known by a random cookie, kept as a hash.

It binds a challenge or a login under way to the browser that asked for it, and gives no right by itself.
"""

import hashlib
import re
import secrets
from typing import Literal

from starlette.requests import Request

from firewall.console.cookies import cookie_of

LIFE_S = 600
_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")


class Browsers:
    """Gives browsers their cookie. `same_site` is Lax where another site leads back here, otherwise Strict."""

    def __init__(self, name: str, *, is_https: bool, same_site: Literal["Strict", "Lax"] = "Strict") -> None:
        self._name = f"__Host-stayhand-{name}" if is_https else f"stayhand-{name}"
        self._attributes = f"Path=/; HttpOnly; SameSite={same_site}{'; Secure' if is_https else ''}"

    def known(self, request: Request) -> str:
        """Return the key of the browser that asks; empty: it has no cookie of ours."""
        value = cookie_of(request, self._name)
        return _key(value) if _VALUE.fullmatch(value) else ""

    def begin(self) -> tuple[str, str]:
        """Return the key of a browser that begins, and its Set-Cookie header."""
        value = secrets.token_urlsafe(32)
        return _key(value), f"{self._name}={value}; {self._attributes}; Max-Age={LIFE_S}"

    def forget(self) -> str:
        """Return the Set-Cookie header that removes the cookie."""
        return f"{self._name}=; {self._attributes}; Max-Age=0"


def _key(value: str) -> str:
    return hashlib.sha256(b"stayhand browser 1\n" + value.encode("ascii")).hexdigest()
