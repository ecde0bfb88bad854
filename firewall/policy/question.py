"""What is asked about one effect of one action, and who may answer: the index, or casbin, its oracle."""

from dataclasses import dataclass
from typing import Protocol

from firewall.core.decide import Answers
from firewall.core.effect import Effect
from firewall.policy.facts import Facts


@dataclass(frozen=True, slots=True)
class Place:
    """Where a question is asked for."""

    environment: str
    by_name_only: bool = False
    """Only rows that name this environment, not those that say `*` or `elsewhere`."""


@dataclass(frozen=True, slots=True)
class Question:
    """One effect of one action, as rows see it."""

    roles: frozenset[str]
    place: Place
    tool: str
    operation: str
    resource: str
    effect: Effect
    facts: Facts


class Answering(Protocol):
    """Finds the rows that fit; combining them is `firewall.core.decide`'s."""

    def answers(self, question: Question) -> Answers:
        """Say which deny row, which ask rows and which allow row fit; whatever it raises becomes a deny."""
        ...
