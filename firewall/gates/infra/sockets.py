"""WebSocket handshakes of agents with a target: what must be right before one is judged, and what is judged.

A target says `websocket = true`, or nobody gets past 426. The handshake's key is random and stays out of what is
judged; the subprotocols are in it, and go to the target from there. Extensions are left out. SPDY, which kubectl
before 1.31 speaks and newer ones fall back to, is refused with what was said to the WebSocket before it.
"""

import base64
import binascii
from collections import OrderedDict
from dataclasses import dataclass

from starlette.types import Scope

from firewall.core.errors import FirewallError, ProtocolError
from firewall.core.outgoing import Outgoing
from firewall.core.secret import Secret
from firewall.gates.edge.upgrade import UPGRADE, WEBSOCKET, Upgrade, Wish
from firewall.gates.infra.targets import Target
from firewall.guard.answer import Stop
from firewall.guard.foreign import Foreign
from firewall.routing.switching import VERSION, Handshake, is_key, subprotocols

_BEARER = "base64url.bearer.authorization.k8s.io."
"""How browsers, which cannot set fields, send a token to Kubernetes: as a subprotocol."""
_ENCODED = "base64"
"""A part of the names of subprotocols under which what is said cannot be looked at: `v4.base64.channel.k8s.io`."""
_PROTOCOLS = "sec-websocket-protocol"
OURS = frozenset({"upgrade", _PROTOCOLS})
"""Fields of a judged handshake that the carrier writes itself."""
MOST = 256
"""At once, in this process."""
_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class Socket:
    """A handshake that may be judged."""

    upgrade: Upgrade
    key: bytes
    offered: tuple[str, ...]

    def handshake(self, outgoing: Outgoing) -> Handshake:
        """Return what is asked of the target; the subprotocols are those that were judged."""
        named = outgoing.header(_PROTOCOLS)
        return Handshake(self.key, tuple(named.split(", ")) if named else ())

    def proof(self) -> bytes:
        """Return the Sec-WebSocket-Accept that the client waits for."""
        return Handshake(self.key).proof()

    def fields(self) -> list[tuple[str, str]]:
        """Return the header fields that are judged beside the others."""
        asked = [("upgrade", WEBSOCKET)]
        return [*asked, (_PROTOCOLS, ", ".join(self.offered))] if self.offered else asked


def upgrade_of(scope: Scope) -> Upgrade | None:
    """Return what a request asks to leave HTTP with; None: it does not ask."""
    found = scope.get("state", {}).get(UPGRADE)
    return found if isinstance(found, Upgrade) else None


def socket_of(upgrade: Upgrade, target: Target, token: str, *, is_masked: bool = False) -> Socket:
    """Check a handshake. `token`: the agent's own, which may stand among the subprotocols and stays here.

    `is_masked`: the agent may not see secrets, so subprotocols that hide what is said are not offered for it.

    Raises: ProtocolError 426 where the target takes none, 400 where it cannot be read.
    """
    wish = upgrade.wish
    if target.sockets is None:
        raise refused(
            f"target `{target.spec.name}` takes no websockets: its [[target]] would say websocket = true"
        )
    if wish.protocol != WEBSOCKET:
        raise ProtocolError(
            f"`{wish.protocol[:20]}` is not carried, WebSocket is: use kubectl 1.31 or newer, which asks by it "
            "first and shows this where that was refused",
            code="spdy_refused",
        )
    offered = subprotocols(wish.offered) if wish.offered else ()
    if wish.versions != (VERSION,) or len(wish.keys) != 1 or not is_key(wish.keys[0].strip()) or offered is None:
        raise ProtocolError("the websocket handshake cannot be read", code="websocket_malformed")
    kept = tuple(name for name in offered if not (name.startswith(_BEARER) and _bearer(name) == token))
    if is_masked and any(_is_encoded(name) for name in kept):
        kept = tuple(name for name in kept if not _is_encoded(name))
        if not kept:
            raise refused("what is said under this subprotocol cannot be looked at: use v5.channel.k8s.io")
    return Socket(upgrade, wish.keys[0].strip(), kept)


def _is_encoded(name: str) -> bool:
    return _ENCODED in name.lower().split(".")


def refused(words: str) -> ProtocolError:
    """Return the answer to a handshake where none is heard."""
    return ProtocolError(words, code="websocket_refused", status=426)


def foreign_in(socket: Socket) -> Foreign | None:
    """Return the credential that a handshake holds among its subprotocols; None: there is none."""
    for name in socket.offered:
        if name.startswith(_BEARER):
            return Foreign("auth-header", Secret(_bearer(name) or name), f"header {_PROTOCOLS}")
    return None


def too_many() -> FirewallError:
    """Return the answer to a handshake while as many as can be are under way."""
    return FirewallError("too many websockets are open", code="overloaded", status=503)


class Said:
    """What the newest handshakes were refused with, by token and request; the oldest are forgotten first."""

    def __init__(self) -> None:
        self._stops: OrderedDict[tuple[str, str, bytes, bytes], Stop] = OrderedDict()

    def note(self, token_id: str, target: str, scope: Scope, stop: Stop) -> None:
        """Remember."""
        key = (token_id, target, scope["raw_path"], scope["query_string"])
        self._stops[key] = stop
        self._stops.move_to_end(key)
        if len(self._stops) > _REMEMBERED:
            self._stops.popitem(last=False)

    def take(self, token_id: str, target: str, scope: Scope, wish: Wish) -> Stop | None:
        """Return what was said to the WebSocket that this one falls back from, once; None: nothing."""
        if wish.protocol == WEBSOCKET:
            return None
        return self._stops.pop((token_id, target, scope["raw_path"], scope["query_string"]), None)


def _bearer(name: str) -> str:
    text = name.removeprefix(_BEARER)
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("latin-1")
    except (binascii.Error, ValueError):
        return ""
