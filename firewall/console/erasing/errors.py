"""What an erasure is refused with."""

from firewall.core.errors import FirewallError


class ErasureError(FirewallError):
    """An erasure that is refused: nothing was erased."""

    code = "erasure_refused"
    status = 409
