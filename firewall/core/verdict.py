"""Verdicts: allow, ask, deny, each with a reason code and the policy row that decided it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from firewall.core.demand import Demand, strictest
from firewall.core.reason import Reason


@dataclass(frozen=True, slots=True)
class Obligations:
    """What a row demands beyond its verdict (DESIGN 6.3); unknown ones are refused at load."""

    ttl_s: int = 0
    """Seconds from opening to decision; 0: the configured default."""
    demands: tuple[Demand, ...] = ()
    """Who must agree; none: one approver, whoever it is."""
    auth: str = ""
    """What approvers must show: `passkey`; `link`: a personal link is enough; empty: a session or a token."""
    typed: bool = False
    """Whoever approves types the resource's name."""
    require: str = ""
    """A condition over what is known of the world; it must hold, and be known, or the answer is no."""

    @property
    def groups(self) -> str:
        """The groups that are asked, for people: `dba and oncall`; empty: any approver."""
        return " and ".join(sorted({group for one in self.demands for group in one.groups} - {""}))

    @property
    def people(self) -> int:
        """How many different people it takes, at least."""
        return max((one.people for one in self.demands), default=1)

    def text(self) -> str:
        """Return the row's own spelling, in a fixed order, for digests and pages; what several rows ask by `&`."""
        parts = [f"ttl={self.ttl_s}s"] if self.ttl_s else []
        parts += [" & ".join(one.text() for one in self.demands)] if self.demands else []
        parts += [f"auth={self.auth}"] if self.auth else []
        parts += ["typed=resource"] if self.typed else []
        return ";".join([*parts, *([f"require={self.require}"] if self.require else [])])


_AUTH = ("link", "", "passkey")
"""The mildest first."""


def weight(asked: Obligations) -> tuple[int, int, bool]:
    """Return how much is asked of people, for comparing: how many, what they show, what they type."""
    return asked.people, _AUTH.index(asked.auth), asked.typed


def joined(found: Iterable[Obligations]) -> Obligations:
    """Return what binds where several rows ask: everybody whom one names, the shortest time, a passkey over all.

    A personal link is enough only where every row says so. Requirements are asked of the world, not of people, and
    are left out.
    """
    rows = list(found)
    times = [one.ttl_s for one in rows if one.ttl_s > 0]
    return Obligations(
        ttl_s=min(times, default=0),
        demands=strictest(demand for one in rows for demand in one.demands),
        auth=max((one.auth for one in rows), key=_AUTH.index, default=""),
        typed=any(one.typed for one in rows),
    )


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
    also: tuple[str, ...] = field(default=(), compare=False)
    """The other rows that ask beside the deciding one: what they oblige to stands joined in `obligations`."""


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


def word(verdict: Verdict) -> str:
    """Return `allow`, `ask` or `deny`."""
    match verdict:
        case Allow():
            return "allow"
        case Ask():
            return "ask"
        case Deny():
            return "deny"
