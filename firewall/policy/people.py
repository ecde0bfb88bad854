"""Who can approve and who asks, as far as a policy needs to know."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from firewall.core.fast_init import fast_init, maker


@dataclass(frozen=True, slots=True)
class Approvers:
    """The configured approvers: whether a row's demand can be met is decided at load."""

    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Approver name to the groups that they belong to."""
    solo: bool = False
    """The owner may approve his own agent outside production (`[approvals] solo`)."""

    def of(self, group: str) -> frozenset[str]:
        """Return the names of a group's members; every approver for the empty group."""
        return frozenset(name for name, groups in self.groups.items() if not group or group in groups)

    def reaches(self, group: str, *, environment: str, owner: str = "") -> bool:
        """Tell whether somebody of `group` may decide.

        The owner is excluded unless `solo` lets him decide there; an empty `owner` stands for whichever
        member asks, so the group must then have a second one.
        """
        members = self.of(group)
        owner_may = self.solo and environment != "production"
        if owner_may:
            return bool(members)
        return bool(members - {owner}) if owner else len(members) > 1


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
