"""Which gate of the agents' listener serves a path."""

from collections.abc import Awaitable, Mapping

from starlette.types import ASGIApp, Receive, Scope, Send


class Branch:
    """Sends what begins with a prefix to its gate, everything else to the first one."""

    def __init__(self, otherwise: ASGIApp, prefixes: Mapping[bytes, ASGIApp]) -> None:
        self._otherwise = otherwise
        self._prefixes = tuple(prefixes.items())

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request."""
        raw_path: bytes = scope["raw_path"]
        for prefix, gate in self._prefixes:
            if raw_path.startswith(prefix):
                return gate(scope, receive, send)
        return self._otherwise(scope, receive, send)
