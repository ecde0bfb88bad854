"""Refusals at the edge of the agents' listener, in the dialect that the path speaks."""

from firewall.core.errors import FirewallError
from firewall.gates.edge.refusal import Rendered, render_json
from firewall.gates.models.clients import CLIENTS
from firewall.gates.models.errors import error_answer
from firewall.gates.models.routes import spoken_at


def render_for(path: str, error: FirewallError) -> Rendered:
    """Render an error in the shape of the dialect spoken at `path`; ours where none is."""
    dialect = spoken_at(path)
    if dialect is None:
        return render_json(path, error)
    status, headers, body = error_answer(error, dialect, CLIENTS["other"])
    rest = tuple(pair for pair in headers if pair[0] != b"content-type")
    return Rendered(status, b"application/json", body, rest)
