"""The outermost application of the forward proxy: the edge's checks, for requests that name other people's hosts.

Paths belong to those hosts and are judged by the gate; Host was compared with the place before. What remains is
what every listener does: internal fields stay out, names that read as others are refused, bodies are bounded.
"""

from starlette.types import Receive, Scope

from firewall.core.errors import ProtocolError
from firewall.gates.edge.headers import admit
from firewall.gates.edge.middleware import Edge
from firewall.gates.egress import places
from firewall.gates.egress.passage import STATE, Passage

_CODINGS = frozenset({b"identity", b"gzip", b"x-gzip"})
"""git compresses what it asks for; the gate undoes it before judging."""


class Front(Edge):
    """Checks that every request to the forward proxy passes before the gate."""

    def _admit(self, scope: Scope, receive: Receive) -> tuple[Scope, Receive]:
        kept, _ = admit(scope["headers"], trusted=False)
        fields = dict(kept)
        passage = scope["state"].get(STATE)
        if not isinstance(passage, Passage) or not places.agrees(passage.place, fields.get(b"host", b"")):
            raise ProtocolError("the Host header names another place", code="egress_host_disagrees")
        coding = fields.get(b"content-encoding", b"identity").strip().lower()
        if coding not in _CODINGS:
            raise ProtocolError(
                "send the body without content-encoding", code="content_encoding_refused", status=415
            )
        return {**scope, "headers": kept}, self._bounded(fields, receive)
