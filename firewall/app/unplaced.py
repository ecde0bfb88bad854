"""Calls whose place nobody knows: whether one could lie in production.

It could where the installation names something as production: a row of environments.toml, a target, an MCP server,
or the grant of the agent that asks. Where nothing is, there is no production to be strict about.
"""

from dataclasses import dataclass

from firewall.approvals.people import folded
from firewall.core.action import PRODUCTION
from firewall.core.approval import Approval
from firewall.core.errors import FirewallError
from firewall.policy.in_force import Rules
from firewall.settings.settings import Settings
from firewall.tokens import grant_json
from firewall.tokens.service import Tokens


@dataclass(frozen=True, slots=True)
class Unplaced:
    """Answers for an installation, by the policy in force."""

    settings: Settings
    rules: Rules
    tokens: Tokens

    def __call__(self, approval: Approval) -> bool:
        """Tell whether a call could lie in production, if nobody knows where it lands."""
        targets = (one.environment for one in self.settings.target)
        servers = (one.environment for one in self.settings.mcp_server)
        if any(map(_is_production, (*self.rules().environments.names(), *targets, *servers))):
            return True
        try:
            return _is_production(grant_json.parse(self.tokens.row(approval.token).grant).environment)
        except FirewallError:  # FAIL-CLOSED: nobody can say what this agent was given
            return True


def _is_production(environment: str) -> bool:
    return folded(environment) in PRODUCTION
