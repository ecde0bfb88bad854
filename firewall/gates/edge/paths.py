"""Which paths of our own routes come in, decided on the raw bytes of the request target.

Whatever a router, a proxy or a framework could read as another path is refused here, so nobody behind needs to
normalise. Paths below a foreign prefix (`/infra/`) belong to another server and are judged by their own gate.
Spec: RFC 3986, section 6.2.2.
"""

import re
from functools import lru_cache

from firewall.core.errors import ProtocolError

# A segment: never empty, and an escape never hides a character that means something or could stand plainly.
_PLAIN = rb"[A-Za-z0-9._~!$&'()*+,=:@-]"
_ESCAPE = rb"%(?:2[0-246-9A-Ca-c]|3[AaCcDdEe]|40|5[BbDdEe]|60|7[BbCcDd])"
_OWN = re.compile(rb"/|(?:/(?:" + _PLAIN + rb"++|" + _ESCAPE + rb")++)++/?")
_KEPT_BYTES = 64
_DOTS = re.compile(rb"/\.{1,2}(?:/|$)")


def check_path(raw_path: bytes, *, foreign_prefixes: tuple[bytes, ...] = ()) -> None:
    """Refuse a path of our own that could be read in two ways.

    Raises: ProtocolError `path_refused` (400).
    """
    if foreign_prefixes and raw_path.startswith(foreign_prefixes):
        return
    if not (_known_plain if len(raw_path) <= _KEPT_BYTES else _is_plain)(raw_path):
        raise ProtocolError("the path is not written plainly", code="path_refused")


def _is_plain(raw_path: bytes) -> bool:
    return _OWN.fullmatch(raw_path) is not None and _DOTS.search(raw_path) is None


_known_plain = lru_cache(maxsize=256)(_is_plain)
"""Few paths come often; long ones are not worth the memory."""
