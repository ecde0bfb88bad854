"""The pages of tokens, wired."""

from firewall.app.base import Base
from firewall.console.api.admin import TokenDesk
from firewall.console.tokens.room import TokenRoom


def token_room(base: Base, desk: TokenDesk) -> TokenRoom:
    """Return the room of tokens; `desk` is the one that the JSON API has."""
    return TokenRoom(base.tokens, desk, base.clock)
