"""Metadata of our resources (RFC 9728) as an ASGI application: public, the same for everybody."""

from collections.abc import Callable, Mapping

import orjson
from starlette.types import Receive, Scope, Send

from firewall.gates.edge.send import send_whole

_FIELDS = [(b"content-type", b"application/json"), (b"cache-control", b"public, max-age=300")]


class Published:
    """Serves `/.well-known/oauth-protected-resource…`."""

    def __init__(self, document: Callable[[str], Mapping[str, object] | None]) -> None:
        """`document`: the metadata that stands at a path, None where there is none."""
        self._document = document

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        del receive  # what comes with a GET is nobody's
        if scope["method"] not in ("GET", "HEAD"):
            await send_whole(send, 405, [(b"allow", b"GET, HEAD")], b"")
            return
        found = self._document(scope["raw_path"].decode("latin-1"))
        if found is None:
            await send_whole(send, 404, [], b"")
            return
        await send_whole(send, 200, list(_FIELDS), orjson.dumps(found))
