"""Who can approve and who asks, as far as a policy needs to know."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from firewall.core.action import PRODUCTION, UNRESOLVED
from firewall.core.demand import Demand, seats
from firewall.core.fast_init import fast_init, maker

EVERYWHERE = frozenset({"*", "elsewhere", UNRESOLVED})
"""What may stand in the environment column and means production as well."""


NO_PASSKEYS = "nobody said where approvers sign in"


@dataclass(frozen=True, slots=True)
class Approvers:
    """The configured approvers: whether a row's demand can be met is decided at load."""

    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Approver name to the groups that they belong to."""
    solo: bool = False
    """The owner may approve his own agent outside production (`[approvals] solo`)."""
    no_passkeys: str = NO_PASSKEYS
    """Why none of them could have a passkey; empty: they could."""

    def of(self, group: str) -> frozenset[str]:
        """Return the names of a group's members; every approver for the empty group."""
        return frozenset(name for name, groups in self.groups.items() if not group or group in groups)

    def meet(self, demand: Demand) -> bool:
        """Tell whether they are enough for a demand, if none of them owns the agent."""
        return seats(demand, self.groups.values())

    def left(self, demand: Demand, *, environment: str) -> str:
        """Return whose own agents nobody could approve, the first by name; empty: there is no such approver.

        The owner is excluded unless `solo` lets him decide there.
        """
        if self.solo and environment not in EVERYWHERE and environment.casefold() not in PRODUCTION:
            return ""
        for name in sorted(self.groups):
            if not seats(demand, (groups for other, groups in self.groups.items() if other != name)):
                return name
        return ""


@fast_init
@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks; an empty field is not known."""

    owner: str = ""
    agent: str = ""
    grant_environment: str = ""
    """The environment of the grant; for an action that lands in an unresolved one."""


requester_of = maker(Requester)
"""Makes who asks."""
