"""A call as it was understood, before the policy is asked: what judging needs, read once."""

from collections.abc import Mapping
from dataclasses import dataclass

from firewall.core.action import Action
from firewall.core.call import ToolCall
from firewall.core.fast_init import fast_init, maker
from firewall.guard.foreign import Foreign
from firewall.guard.ports import Rules
from firewall.guard.requester import Requester


@fast_init
@dataclass(frozen=True, slots=True)
class Read:
    """One call, understood."""

    call: ToolCall
    requester: Requester
    rules: Rules
    actions: tuple[Action, ...]
    files: Mapping[str, str]
    """Path to SHA-256 hex of what it runs or reads as configuration."""
    bound: bytes
    """The arguments that an approval binds."""
    touched: str
    """How it touches the firewall itself; empty: it does not."""
    foreign: tuple[Foreign, ...]
    used: tuple[Foreign, ...]
    """Credentials that it would use and that we did not issue."""


read_of = maker(Read)
"""Makes what was read."""
