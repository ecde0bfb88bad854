"""`/infra/{target}/{path}`: which target is meant, and the path that its server will be sent.

The path is judged as it stands and sent as it stands. What a server, a proxy or a framework could read as another
path is refused; a target whose API needs `%2F`, `//` or `;` in paths says so (`raw_paths`), dots never pass.
"""

import re

from firewall.core.errors import FirewallError, ProtocolError

_PLACE = re.compile(rb"/infra/([a-z0-9][a-z0-9-]{0,62})(/.*)?", re.DOTALL)
_CHARACTERS = re.compile(rb"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)+")
_AMBIGUOUS = re.compile(rb"//|;|%(?:2[fF]|5[cC]|3[bB])")
_NEVER = re.compile(rb"%(?:0[0-9A-Fa-f]|1[0-9A-Fa-f]|7[fF])")
_USUAL = bytes(range(0x61, 0x7B)) + bytes(range(0x41, 0x5B)) + b"0123456789/-_"
"""What is no part of any way to read a path as another, but for two slashes in a row."""
_DOTS = re.compile(rb"(?:^|/|%2[fF]|%5[cC])(?:\.|%2[eE]){1,2}(?:[/;]|%2[fF]|%5[cC]|%3[bB]|$)")


class TargetError(FirewallError):
    """The grant does not permit the target, or there is none: the two look alike from outside."""

    code = "target_not_found"
    status = 404


def place_of(raw_path: bytes) -> tuple[str, bytes]:
    """Return the target's name and the raw path behind it, `/` where there is none.

    Raises: TargetError where no target is named.
    """
    found = _PLACE.fullmatch(raw_path)
    if found is None:
        raise TargetError("no target is named: the address is /infra/TARGET/PATH")
    return found[1].decode("ascii"), found[2] or b"/"


def checked(path: bytes, *, raw: bool) -> str:
    """Return a path that can be read in one way only; `raw`: the target's API takes `%2F`, `//` and `;`.

    Raises: ProtocolError `path_refused` (400).
    """
    if path[:1] == b"/" and not path.translate(None, _USUAL) and path.find(b"//") < 0:
        return path.decode("ascii")
    plain = _CHARACTERS.fullmatch(path) and not _NEVER.search(path) and not _DOTS.search(path)
    if not plain or (not raw and _AMBIGUOUS.search(path)):
        raise ProtocolError("the path can be read in more than one way", code="path_refused")
    return path.decode("ascii")
