"""What is said of a credential's scope: our own words and numbers, nothing that the provider wrote."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much it matters."""

    OK = "ok"
    WARN = "warn"
    UNSAFE = "unsafe"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Scope:
    """One thing that is known of a credential."""

    level: Level
    what: str
    hint: str = ""


def narrow(what: str) -> Scope:
    """Say that a credential reaches no more than it should."""
    return Scope(Level.OK, what)


def unclear(what: str, hint: str = "") -> Scope:
    """Say that the provider does not tell, or not all."""
    return Scope(Level.WARN, what, hint)


def broad(what: str, hint: str) -> Scope:
    """Say that a credential is over-scoped."""
    return Scope(Level.UNSAFE, f"over-scoped: {what}", hint)


def refused(status: int) -> Scope:
    """Say that the provider does not accept the credential."""
    return Scope(
        Level.ERROR,
        f"the provider refuses the credential ({status})",
        "stayhand credential rotate, or mint a new one",
    )


def offline(why: str) -> Scope:
    """Say that nobody could be asked."""
    return Scope(Level.SKIPPED, f"its scope was not checked: {why}")


def silent(status: int) -> Scope:
    """Say that an answer could not be used."""
    return Scope(Level.SKIPPED, f"its scope is not known: the provider answered {status}")
