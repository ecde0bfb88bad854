"""Refusals at the edge of the agents' listener: in the dialect that a path speaks, as a problem at targets."""

from firewall.core.errors import FirewallError
from firewall.gates.edge.refusal import Rendered
from firewall.gates.infra import problem
from firewall.gates.models.refused import render_for

_TARGETS = "/infra/"


def rendered(path: str, error: FirewallError) -> Rendered:
    """Render an error as the gate at `path` does: `application/problem+json` for targets (RFC 9457)."""
    if not path.startswith(_TARGETS):
        return render_for(path, error)
    status, headers, body = problem.of_error(error)
    kind = next(value for name, value in headers if name == b"content-type")
    return Rendered(status, kind, body, tuple(pair for pair in headers if pair[0] != b"content-type"))
