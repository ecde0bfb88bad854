"""Refusals at the edge, before the gate has seen a request: JSON-RPC errors like its own."""

from firewall.codecs.mcp import messages
from firewall.core.errors import FirewallError, LimitError
from firewall.gates.edge.refusal import Rendered

PLACE = "/mcp"


def is_here(path: str) -> bool:
    """Tell whether a path is this gate's."""
    return path == PLACE or path.startswith(f"{PLACE}/")


def render(error: FirewallError) -> Rendered:
    """Render an error that belongs to no message: nothing was read of it."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if isinstance(error, LimitError):
        headers = ((b"retry-after", b"%d" % error.retry_after_s),)
    return Rendered(error.status, b"application/json", messages.failed(None, error).raw, headers)
