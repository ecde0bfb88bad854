"""Signatures that have been used for something that changes things: each is good once.

A signed request can be copied while its date is fresh. Reads may be repeated; for the rest the signature is kept
as long as its date could still be accepted. FAIL-CLOSED: when too many are kept, the next change is refused.
"""

from collections import OrderedDict

from firewall.core.errors import LimitError
from firewall.gates.infra.aws.sigv4 import WINDOW_S, SignatureError

_KEPT_US = 2 * WINDOW_S * 1_000_000
_MOST = 50_000


class Used:
    """Signatures, oldest first."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._until: OrderedDict[str, int] = OrderedDict()

    def check(self, signature: str) -> None:
        """Refuse a signature that was used. Raises: SignatureError `signature_used`."""
        if signature in self._until:
            raise SignatureError("this very request was sent before: sign it anew", code="signature_used")

    def take(self, signature: str, now_us: int) -> None:
        """Use a signature.

        Raises: SignatureError when it was used before; LimitError when no more can be kept.
        """
        self.check(signature)
        while self._until and next(iter(self._until.values())) <= now_us:
            self._until.popitem(last=False)
        if len(self._until) >= self._most:
            raise LimitError("too many changes within minutes", retry_after_s=WINDOW_S)
        self._until[signature] = now_us + _KEPT_US
