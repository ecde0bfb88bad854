"""Refusals at the edge of the agents' listener: in the dialect that a path speaks, elsewhere as a problem."""

from firewall.core.errors import FirewallError
from firewall.gates.edge.refusal import Rendered
from firewall.gates.infra import problem
from firewall.gates.mcp import refused
from firewall.gates.models.refused import render_for

_PROBLEMS = ("/infra/", "/hooks/", "/v1/judge")
"""Where errors are problem documents (RFC 9457)."""


def rendered(path: str, error: FirewallError) -> Rendered:
    """Render an error as the gate at `path` does: JSON-RPC for MCP, else a problem (RFC 9457) or the dialect."""
    if refused.is_here(path):
        return refused.render(error)
    if not path.startswith(_PROBLEMS):
        return render_for(path, error)
    status, headers, body = problem.of_error(error)
    kind = next(value for name, value in headers if name == b"content-type")
    return Rendered(status, kind, body, tuple(pair for pair in headers if pair[0] != b"content-type"))
