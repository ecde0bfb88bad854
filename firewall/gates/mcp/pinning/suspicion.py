"""Why a definition that nobody has approved is not shown at first use. Pure."""

from collections.abc import Iterable, Mapping
from itertools import chain

from firewall.classify.content.inert import Hidden, inert
from firewall.classify.content.instructions import aimed
from firewall.core.pins import ABOUT, Pin, look_of

_HARMLESS = frozenset({Hidden.CONTROL})
_MAX_NAME = 128
_MAX_DEPTH = 64
_SIGNS = frozenset("_-./")


class Looks:
    """Pins by what their names look like, alone and with their servers' before them."""

    def __init__(self, pins: Iterable[Pin]) -> None:
        self._pins: dict[str, list[Pin]] = {}
        for pin in pins:
            self.add(pin)

    def add(self, pin: Pin) -> None:
        """Take another pin."""
        if pin.tool != ABOUT:
            look = look_of(pin.tool)
            for key in (look, look_of(pin.server) + look, look_of(f"mcp{pin.server}") + look):
                self._pins.setdefault(key, []).append(pin)

    def is_shadow(self, server: str, name: str, digest: str) -> bool:
        """Tell whether a name could be taken for one that is pinned, or for one with its server's before it."""
        look = look_of(name)
        near = chain(self._pins.get(look, ()), self._pins.get(look_of(server) + look, ()))
        return any(_shadows(server, name, pin, digest) for pin in near)


def suspicion(server: str, name: str, definition: Mapping[str, object], looks: Looks, digest: str) -> str:
    """Return why a definition needs a person, as a word of the log; empty: it does not.

    `looks`: everything that is pinned; `digest`: SHA-256 of the definition without its server's identity.
    """
    if name != ABOUT and not is_plain(name):
        return "odd-name"
    texts = list(texts_of(definition))
    if any(inert(text).hidden - _HARMLESS for text in texts):
        return "hidden-text"
    if aimed("\n".join(texts)) is not None:
        return "aimed-text"
    if name == ABOUT:
        return ""
    return "shadowing" if looks.is_shadow(server, name, digest) else ""


def is_plain(name: str) -> bool:
    """Tell whether a name is one that the specification takes: letters and digits of ASCII, `_ - . /`."""
    return 0 < len(name) <= _MAX_NAME and name.isascii() and all(char.isalnum() or char in _SIGNS for char in name)


def texts_of(value: object, depth: int = 0) -> Iterable[str]:
    """Yield every text in a value, names of members included."""
    if depth > _MAX_DEPTH:
        yield "\x1bnested too deeply"  # FAIL-CLOSED: what is not looked at counts as hidden
    elif isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield str(name)
            yield from texts_of(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item, depth + 1)


def _shadows(server: str, name: str, pin: Pin, digest: str) -> bool:
    """Tell whether a name could be taken for one that is pinned, or for one with its server's before it."""
    if pin.tool == ABOUT or (pin.server == server and pin.tool == name):
        return False
    mine, theirs = look_of(name), look_of(pin.tool)
    if pin.server == server:
        return mine == theirs
    if mine == theirs:
        return not (name == pin.tool and pin.said == digest)  # the same program, configured twice
    return mine in (look_of(pin.server) + theirs, look_of(f"mcp{pin.server}") + theirs) or (
        look_of(server) + mine == look_of(pin.server) + theirs
    )
