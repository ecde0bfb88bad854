"""Whether break-glass, as it is configured, names people who could use it and others to review it. Pure."""

from firewall.core.errors import ConfigError
from firewall.policy.people import Approvers
from firewall.settings.sections import BreakGlassSettings

_WHERE = "`[approvals.break_glass]`"
_ADD = "add approvers: [[approver]] in stayhand.toml, or `stayhand approver add NAME --group GROUP`"


def demand_usable(wanted: BreakGlassSettings | None, approvers: Approvers) -> None:
    """Refuse what nobody could use, or nobody else review. Raises: ConfigError."""
    if wanted is None:
        return
    strangers = sorted(set(wanted.people) - set(approvers.groups))
    if strangers:
        raise ConfigError(f"{_WHERE} names `{strangers[0]}`, who is no approver", hint=_ADD)
    empty = sorted(group for group in wanted.groups if not group or not approvers.of(group))
    if empty:
        raise ConfigError(f"{_WHERE} names the group `{empty[0]}`, to which no approver belongs", hint=_ADD)
    if approvers.no_passkeys:
        raise ConfigError(
            f"{_WHERE} takes a passkey, and nobody could have one: {approvers.no_passkeys}",
            hint="set `server.public_url` to https with a name, or to localhost",
        )
    if len(approvers.groups) < 2:
        raise ConfigError(f"{_WHERE}: nobody is left to review what the only approver does", hint=_ADD)
