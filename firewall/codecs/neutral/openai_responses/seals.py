"""Sealed reasoning of this API: the seal only counts with the id of its item, so both travel as one."""


def sealed(identity: str, content: str) -> str:
    """Return the seal of a reasoning item."""
    return f"{identity} {content}"


def unsealed(seal: str) -> tuple[str, str]:
    """Return (id, encrypted content) of a seal."""
    identity, _, content = seal.partition(" ")
    return identity, content
