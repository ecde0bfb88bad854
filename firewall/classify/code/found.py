"""What a piece of code was found to do: for the readers of languages, and for whoever hands them code."""

from dataclasses import dataclass, field

from firewall.classify.draft import Draft, Source
from firewall.classify.rows import Verb


@dataclass(frozen=True, slots=True)
class Touch:
    """A path that the code does something with; None: which one is not known."""

    verb: Verb
    path: str | None
    span: tuple[int, int]
    recursive: bool = False


@dataclass(slots=True)
class Found:
    """What a piece of code was found to do."""

    drafts: list[Draft] = field(default_factory=list)
    shell: list[Source] = field(default_factory=list)
    """Shell text that it hands to a shell."""
    reads: tuple[str, ...] | None = None
    """The files that it reads when it can be seen to do nothing else."""
    touches: list[Touch] = field(default_factory=list)
    """Files that it does something with, besides `reads`."""
    parsed: bool = False
    """Its syntax was understood."""
