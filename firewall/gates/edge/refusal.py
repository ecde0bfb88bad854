"""How a refusal at the edge becomes bytes; each dialect can bring a renderer of its own.

Must not know: sockets, ASGI. INVARIANT: every refusal carries a stable code and shows `public` text alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import orjson

from firewall.core.errors import FirewallError, LimitError

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
}


@dataclass(frozen=True, slots=True)
class Rendered:
    """A whole answer, ready to be framed."""

    status: int
    content_type: bytes
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """Besides content-type and content-length; names in lower case."""


Render = Callable[[str, FirewallError], Rendered]
"""Takes the request's path (empty where it could not be read) and the error."""


def render_json(path: str, error: FirewallError) -> Rendered:  # noqa: ARG001 - the path picks a dialect in others
    """Render `{"error": {"message", "code", "type"}}`, the shape where no dialect is spoken."""
    kind = _TYPES.get(error.status, "api_error" if error.status >= 500 else "invalid_request_error")
    body = orjson.dumps({"error": {"message": error.public, "code": error.code, "type": kind}})
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if isinstance(error, LimitError):
        headers = ((b"retry-after", b"%d" % error.retry_after_s),)
    return Rendered(error.status, b"application/json", body, headers)
