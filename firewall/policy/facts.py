"""What a `when` may ask for: an action's own fields, who asks, and what classification noted.

A flag that classification did not set is false. A number or a text that it did not set is not known, and so is
every fact that no resolver found: a condition over it cannot be told (true on deny and ask rows, false on allow
rows).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from firewall.classify.attributes import FOUND_ATTRIBUTES, KNOWN_ATTRIBUTES
from firewall.core.action import Action, Attribute
from firewall.policy.people import Requester
from firewall.policy.when import Kind

_OWN: dict[str, Kind] = {
    "operation": str,
    "tool": str,
    "resource": str,
    "environment": str,
    "inside_workspace": bool,
    "grant_environment": str,
    "owner": str,
    "agent": str,
}

KNOWN: Mapping[str, Kind] = MappingProxyType({**KNOWN_ATTRIBUTES, **_OWN})
"""Name to kind of everything that a `when` may ask for."""

_UNSET_FLAGS = {name: False for name, kind in KNOWN.items() if kind is bool and name not in FOUND_ATTRIBUTES}


@dataclass(frozen=True, slots=True)
class Facts:
    """The values that one action gives to `when` expressions; absent: not known."""

    values: Mapping[str, Attribute]

    def at(self, environment: str) -> "Facts":
        """Return the same facts as if the action landed in `environment`."""
        if self.values.get("environment") == environment:
            return self
        return Facts({**self.values, "environment": environment})


def facts_of(action: Action, requester: Requester) -> Facts:
    """Collect what is known about an action and who asks for it."""
    own: dict[str, Attribute] = {
        "operation": action.operation,
        "tool": action.tool,
        "resource": action.resource,
        "environment": action.environment,
        "owner": requester.owner,
        "agent": requester.agent,
    }
    known = {name: value for name, value in own.items() if value}
    # Always known: a grant has exactly one environment, and who asks without a grant has none.
    given: dict[str, Attribute] = {
        "inside_workspace": action.inside_workspace,
        "grant_environment": requester.grant_environment,
    }
    return Facts({**_UNSET_FLAGS, **action.attributes, **known, **given})
