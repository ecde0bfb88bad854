"""Who answered, as header fields of the answer (DESIGN 6.4)."""

from firewall.gates.edge.send import Headers
from firewall.routing.call import Heard


def told(heard: Heard, *, attempts: int) -> Headers:
    """Return what the client is told about who answered; `attempts`: requests that were sent for it in all."""
    headers = [
        (b"x-stayhand-attempts", b"%d" % attempts),
        (b"x-stayhand-model", heard.candidate.model.encode("ascii", "replace")),
        (b"x-stayhand-route", heard.route.encode("ascii", "replace")),
    ]
    if heard.dropped:
        headers.append((b"x-stayhand-dropped", ", ".join(heard.dropped).encode("ascii", "replace")))
    if heard.cache:
        headers.append((b"x-stayhand-cache", heard.cache.encode("ascii")))
    if heard.degraded:
        headers.append((b"x-stayhand-degraded", heard.degraded.encode("ascii")))
    return headers
