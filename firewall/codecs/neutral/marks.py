"""Marks on thinking that crosses dialects: which provider it is from, so that nobody else ever gets it.

Clients keep thinking with its signature and send it back, to whatever provider answers by then. A provider refuses
a signature that is not its own, and the session is stuck. So whatever a writer of answers puts where its dialect
keeps a signature is a mark: the provider's name and the provider's own seal. Readers of requests tell the mark,
and `firewall.codecs.neutral.returning` takes marked thinking out of a request that stays in its dialect.
"""

import base64
import binascii

MARK = "stayhand.v1."
"""How every mark begins; no provider's own signature holds a dot."""


def marked(origin: str, seal: str) -> str:
    """Return the mark for thinking of the provider `origin`, whose own seal may be empty."""
    return MARK + ".".join(
        base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in (origin, seal)
    )


def unmarked(signature: str) -> tuple[str, str]:
    """Return (origin, seal) of a mark, ("", signature) for anything else."""
    parts = signature[len(MARK) :].split(".") if signature.startswith(MARK) else []
    if len(parts) != 2:
        return "", signature
    try:
        origin, seal = (
            base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True).decode()
            for part in parts
        )
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return "", signature
    return origin, seal
