"""Which request heads and header fields come in: tables and pure rules, no sockets.

`check_head` is asked by the protocol before a request exists, `admit` by the middleware for what stays of it.
Specs: RFC 9112 (message syntax), RFC 9110 (fields), RFC 6455 (upgrade).
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter
from typing import NoReturn

from firewall.core.errors import ProtocolError

Fields = Sequence[tuple[bytes, bytes]]

SINGLE = frozenset(
    {
        b"authorization",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"expect",
        b"host",
        b"origin",
        b"transfer-encoding",
        b"x-api-key",
        b"x-goog-api-key",
    }
)
"""Fields that we read and that may stand once; so may everything under `x-stayhand-`."""

OURS = b"x-stayhand-"
READ_OF_OURS = frozenset({b"x-stayhand-token", b"x-stayhand-tags", b"x-stayhand-cache", b"x-stayhand-phase"})
"""The only ones of ours that a client may send (DESIGN 6.4)."""

FORWARDED = frozenset({b"forwarded", b"via", b"x-real-ip", b"x-client-ip", b"true-client-ip"})
"""What a proxy says about who asked; with everything under `x-forwarded-`, believed from trusted proxies alone."""

DROPPED = frozenset(
    {
        b"x-http-method",
        b"x-http-method-override",
        b"x-method-override",
        b"x-original-url",
        b"x-rewrite-url",
    }
)
"""Fields that some framework believes about method or path; nothing behind us may see them."""
DROPPED_PREFIXES = (OURS, b"x-litellm-", b"x-portkey-")

_COMMON = frozenset(
    {
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"anthropic-beta",
        b"anthropic-version",
        b"authorization",
        b"connection",
        b"content-length",
        b"content-type",
        b"host",
        b"user-agent",
        b"x-api-key",
        b"x-goog-api-key",
        b"x-stayhand-token",
    }
)
"""Come in as they are; known at one look."""

_SHADOWED = SINGLE | READ_OF_OURS | FORWARDED | DROPPED | {b"connection", b"cookie", b"upgrade"}
_HOST = re.compile(rb"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_KEPT_BYTES = 64
_HASH, _UNDERSCORE = b"#_"
_NAME = itemgetter(0)
_REFUSED_METHODS = frozenset({b"CONNECT", b"TRACE", b"PRI"})


def check_head(method: bytes, target: bytes, version: str, fields: Fields, *, may_upgrade: bool = False) -> bool:
    """Refuse a request head that two readers could understand differently; tell whether it asks to leave HTTP.

    `may_upgrade`: what serves the target hears such requests (`upgrade.wish_of`).
    Raises: ProtocolError with a stable code: 400, 405 (method), 417 (expect), 426 (websocket), 505 (version).
    """
    if version != "1.1":
        raise ProtocolError("this server speaks HTTP/1.1 only", code="http_version", status=505)
    if method in _REFUSED_METHODS:
        raise ProtocolError("this method is not served", code="method_refused", status=405)
    if target[:1] != b"/" or _HASH in target:
        raise ProtocolError("the request target must be a path", code="target_refused")
    held = dict(fields)
    if len(held) == len(fields):  # nothing stands twice
        upgrade = held.get(b"upgrade")
        if upgrade is not None and not may_upgrade:
            refuse_upgrade(upgrade)
        _check_framing(held)
        return upgrade is not None
    return _check_each(fields, may_upgrade=may_upgrade)


def _check_each(fields: Fields, *, may_upgrade: bool) -> bool:
    """Do the same where some name stands twice."""
    single: dict[bytes, bytes] = {}
    upgrades = False
    for name, value in fields:
        if name in SINGLE or name.startswith(OURS):
            if name in single:
                raise ProtocolError(f"the header `{name.decode('ascii')}` stands twice", code="header_duplicate")
            single[name] = value
        elif name == b"upgrade":
            if not may_upgrade:
                refuse_upgrade(value)
            upgrades = True
    _check_framing(single)
    return upgrades


def _check_framing(single: dict[bytes, bytes]) -> None:
    coding = single.get(b"transfer-encoding")
    if coding is not None and coding.strip().lower() != b"chunked":
        raise ProtocolError("transfer-encoding must be chunked", code="transfer_encoding_refused")
    if coding is not None and b"content-length" in single:
        raise ProtocolError("content-length and transfer-encoding exclude each other", code="framing_ambiguous")
    if b"expect" in single and single[b"expect"].strip().lower() != b"100-continue":
        raise ProtocolError("this expectation cannot be met", code="expectation_refused", status=417)
    host = single.get(b"host", b"")
    if not (_known_host if len(host) <= _KEPT_BYTES else _is_host)(host):
        raise ProtocolError("the host header must be one plain name or address", code="host_malformed")


def _is_host(value: bytes) -> bool:
    return _HOST.fullmatch(value.strip()) is not None


_known_host = lru_cache(maxsize=256)(_is_host)
"""Few hosts come often; long ones are not worth the memory."""


def refuse_upgrade(value: bytes) -> NoReturn:
    """Refuse to leave HTTP; `value` is the Upgrade field. Raises: ProtocolError."""
    if b"websocket" in value.lower():
        # Codex tries a websocket first and falls back to POST at once on 426 alone.
        raise ProtocolError("websockets are not served here, use POST", code="websocket_refused", status=426)
    raise ProtocolError("protocol upgrades are not served here", code="upgrade_refused")


def admit(fields: list[tuple[bytes, bytes]], *, trusted: bool) -> tuple[list[tuple[bytes, bytes]], list[bytes]]:
    """Return the fields that may come in, the same list where all may, and the names with `_` that were dropped.

    `trusted`: the peer is a proxy that we were told to believe.
    Raises: ProtocolError `header_shadows` when a name with `_` would read as one of ours behind another server.
    """
    if _COMMON.issuperset(map(_NAME, fields)):
        return fields, []
    kept: list[tuple[bytes, bytes]] = []
    odd: list[bytes] = []
    for field in fields:
        name = field[0]
        if name in _COMMON:
            kept.append(field)
        elif _UNDERSCORE in name:
            _refuse_twin(name)
            odd.append(name)
        elif not _is_dropped(name, trusted=trusted):
            kept.append(field)
    return kept, odd


def _is_dropped(name: bytes, *, trusted: bool) -> bool:
    if name.startswith(DROPPED_PREFIXES):
        return name not in READ_OF_OURS
    if name in DROPPED:
        return True
    return not trusted and (name.startswith(b"x-forwarded-") or name in FORWARDED)


def _refuse_twin(name: bytes) -> None:
    plain = name.replace(b"_", b"-").strip(b"-")
    if plain in _SHADOWED or plain.startswith((OURS, b"x-forwarded-")):
        raise ProtocolError(
            f"the header `{name.decode('ascii')}` could be taken for `{plain.decode('ascii')}`",
            code="header_shadows",
        )
