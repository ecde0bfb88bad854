"""One route of the control side: who may use it, what answers, and what a browser may do with the answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from firewall.console.asking import Asker
from firewall.console.auth import Access

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
