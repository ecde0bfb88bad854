"""Erasing a person: the step that forgets a name and says for good which key is to be destroyed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EraseSubject:
    """Forget whatever is stored of a name, and that its key is erased, where nothing of it lives any more.

    INVARIANT: no unit behind it is sealed in the same commit, and its key is destroyed before the next one begins.
    """

    key: str
    """Id of the subject's key; it is never used again."""
    name: str
    """A person's name; empty: nobody is known by it."""
    pseudonym: str
    """His pseudonymous id under that key; empty without a name."""
    at: int
    roster: int = -1
    """Number of changes among people that whoever asked for it was weighed by; -1: nobody was."""


@dataclass(frozen=True, slots=True)
class Erasable:
    """Somebody who has a key."""

    key: str
    """Its id."""
    name: str
    """Empty: nothing that is stored names whose it is."""
    pseudonym: str
    """`per_…` under this key; empty without a name."""


@dataclass(frozen=True, slots=True)
class Living:
    """What there still is of somebody."""

    tokens: tuple[str, ...] = ()
    """Tokens that he owns or holds, neither revoked nor expired; parents first."""
    approvals: tuple[str, ...] = ()
    """Pending, or approved and not used up."""
    unreviewed: int = 0
    """Uses of break-glass that nobody reviewed, by him or for his agents."""
