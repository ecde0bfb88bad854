"""A request that came through the forward proxy, as the infrastructure gate takes it.

Addresses in the answer stay as the target wrote them: the program asks them through the proxy and is judged again.
"""

from starlette.types import Scope

from firewall.core.secret import Secret
from firewall.gates.egress.hosts import Behind
from firewall.gates.infra.gate import GATE

_OURS = frozenset({b"x-stayhand-token", b"proxy-authorization"})


def as_target(scope: Scope, behind: Behind, token: Secret) -> Scope:
    """Return a request with its path at the infrastructure gate, and the agent's token in our own field."""
    kept = [pair for pair in scope["headers"] if pair[0] not in _OURS]
    own = (b"x-stayhand-token", token.reveal().encode("latin-1", "replace"))
    raw = b"/infra/" + behind.target.spec.name.encode("ascii") + behind.path
    return {
        **scope,
        "headers": [*kept, own],
        "raw_path": raw,
        "path": raw.decode("ascii", "replace"),
        "state": {**scope["state"], GATE: "egress"},
    }
