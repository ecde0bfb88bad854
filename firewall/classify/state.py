"""What is known of an agent's open session: a value that the caller keeps between calls."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Session:
    """What is known of one open session."""

    programs: tuple[str, ...] = ()
    """What may run in it, of what the guard itself let open; empty: not known."""
    pending: str = ""
    """What was typed and may be the beginning of what is typed next."""
    lost: bool = False
    """More was typed than is kept."""
