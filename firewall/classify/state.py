"""What a caller knows and hands in: of an agent's open sessions, and why a file was not read."""

from dataclasses import dataclass
from enum import StrEnum


class Unread(StrEnum):
    """Why nobody has read a file that a call names."""

    MISSING = "there is no such file"
    OUTSIDE = "it lies outside the workspace"
    LINK = "a link leads out of the workspace"
    SPECIAL = "it is no plain file"
    REFUSED = "it cannot be opened"
    BINARY = "it is no text"
    LARGE = "it is too large"
    MANY = "more files than are read"


@dataclass(frozen=True, slots=True)
class Session:
    """What is known of one open session."""

    programs: tuple[str, ...] = ()
    """What may run in it, of what the guard itself let open; empty: not known."""
    pending: str = ""
    """What was typed and may be the beginning of what is typed next."""
    lost: bool = False
    """More was typed than is kept."""
