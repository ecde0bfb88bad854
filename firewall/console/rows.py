"""One route of the control side: who may use it, what answers, and what a browser may do with it; and its tab."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from firewall.console.asking import Asker
from firewall.console.auth import ROLES, Access

POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
"""The Content-Security-Policy of every answer that sets none of its own."""
Handler = Callable[[Request, Asker], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Row:
    """One route: who may use it, and what answers."""

    method: str
    path: str
    access: Access
    handler: Handler
    needs: Access | None = None
    """Of a page or a form: whose roles are enough, beside being signed in; None: everybody's."""


@dataclass(frozen=True, slots=True)
class Tab:
    """A room's place in the navigation."""

    path: str
    """`/console/NAME`; pages below it belong to the same tab."""
    title: str
    needs: Access
    """Whose roles may open it."""

    def is_for(self, role: str) -> bool:
        """Tell whether a role may open it."""
        return role in ROLES[self.needs]
