"""Verdicts: allow, ask, deny, each with a reason code and the policy row that decided it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from firewall.core.reason import Reason


@dataclass(frozen=True, slots=True)
class Obligations:
    """What a row demands beyond its verdict (DESIGN 6.3); unknown ones are refused at load."""

    ttl_s: int = 0
    """Seconds from opening to decision; 0: the configured default."""
    group: str = ""
    """Approvers must belong to this group; empty: any approver."""
    require: str = ""
    """A condition over what is known of the world; it must hold, and be known, or the answer is no."""

    def text(self) -> str:
        """Return the row's own spelling, in a fixed order, for digests and pages."""
        parts = [f"ttl={self.ttl_s}s"] if self.ttl_s else []
        parts += [f"group={self.group}"] if self.group else []
        return ";".join([*parts, *([f"require={self.require}"] if self.require else [])])


@dataclass(frozen=True, slots=True)
class Allow:
    """The action may go."""

    reason: Reason
    row: str = ""
    """The deciding row as `file:line`, or empty where no row decided."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """Hold the action until people agree."""

    reason: Reason
    row: str = ""
    detail: str = ""
    obligations: Obligations = field(default_factory=Obligations)


@dataclass(frozen=True, slots=True)
class Deny:
    """The action may not go, whoever agrees."""

    reason: Reason
    row: str = ""
    detail: str = ""


Verdict = Allow | Ask | Deny

_STRICTNESS = {Allow: 0, Ask: 1, Deny: 2}


def strictness(verdict: Verdict) -> int:
    """Return 0 for allow, 1 for ask, 2 for deny."""
    return _STRICTNESS[type(verdict)]


def strictest_verdict(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the strictest verdict, the first of equals; of none, a deny (nothing was judged)."""
    found = list(verdicts)
    if not found:
        return Deny(Reason.CLASSIFY_FAILED, detail="nothing was judged")
    return max(found, key=strictness)


def word(verdict: Verdict) -> str:
    """Return `allow`, `ask` or `deny`."""
    match verdict:
        case Allow():
            return "allow"
        case Ask():
            return "ask"
        case Deny():
            return "deny"
