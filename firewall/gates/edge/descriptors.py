"""How many connections the process bears: each takes a file descriptor, and so do stores, upstreams and lookups.

Most systems begin a process with 1,024 of them and let it take more. Without any left nothing is accepted on any
listener and nothing is opened for a verdict: whoever fills one listener would stop all.
"""

import resource
from dataclasses import replace

from firewall.gates.edge.protocol import Limits

WANTED = 16_384
KEPT = 256
"""For stores, readers, files and lookups of names."""
_LEAST = 16


def fitting(limits: Limits, listeners: int) -> Limits:
    """Take as many descriptors as may be had, and return limits under which full listeners leave some.

    Each connection of an agent may need another one upstream, so half of them are for that.
    """
    return replace(limits, connections=min(limits.connections, share(_raised(), listeners)))


def share(descriptors: int, listeners: int) -> int:
    """Return how many connections each of some listeners may have."""
    return max(_LEAST, (descriptors - KEPT) // (2 * max(1, listeners)))


def _raised() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return WANTED if soft == resource.RLIM_INFINITY else soft
