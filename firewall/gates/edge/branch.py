"""Which gate of the agents' listener serves a path."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send


class Branch:
    """Sends what begins with a prefix to its gate, everything else to the first one."""

    def __init__(self, otherwise: ASGIApp, prefixes: Mapping[bytes, ASGIApp]) -> None:
        self._otherwise = otherwise
        self._prefixes = tuple(prefixes.items())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        raw_path: bytes = scope["raw_path"]
        for prefix, gate in self._prefixes:
            if raw_path.startswith(prefix):
                await gate(scope, receive, send)
                return
        await self._otherwise(scope, receive, send)
