"""The last column of a policy row: what it demands beyond somebody's yes, or of the world (DESIGN 6.3).

An obligation that this build cannot enforce is refused at load; it is never dropped.
"""

import re
from dataclasses import replace

from firewall.core.verdict import Obligations
from firewall.policy import when
from firewall.policy.facts import KNOWN

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
MAX_TTL_S = 24 * 3600
_UNITS = {"s": 1, "m": 60, "h": 3600}
_LATER = frozenset({"quorum", "auth", "typed", "stages"})


class ObligationError(ValueError):
    """An obligation that is unreadable or cannot be enforced; `hint` says what to write instead."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def parse(text: str) -> Obligations:
    """Read `ttl=10m;group=oncall`; empty means none.

    Raises: ObligationError for anything unknown, doubled, unreadable or not enforceable in this build.
    """
    found = Obligations()
    seen: set[str] = set()
    for part in text.split(";") if text else ():
        key, _, value = (piece.strip() for piece in part.partition("="))
        if key in seen:
            raise ObligationError(f"the obligation `{key}` stands twice")
        seen.add(key)
        found = _with(found, key, value)
    return found


def _with(found: Obligations, key: str, value: str) -> Obligations:
    if key == "ttl":
        return replace(found, ttl_s=_seconds(value))
    if key == "group":
        if not NAME.fullmatch(value):
            raise ObligationError(f"`{value}` is no group name")
        return replace(found, group=value)
    if key == "require":
        return replace(found, require=_condition(value))
    if key == "quorum" and value == "1":
        return found
    if key in _LATER:
        raise ObligationError(
            f"the obligation `{key}={value}` cannot be enforced by this build",
            hint="deny instead, or ask with `ttl` and `group` alone",
        )
    raise ObligationError(f"there is no obligation `{key}`", hint="known: ttl=10m, group=NAME, require=CONDITION")


def _condition(text: str) -> str:
    try:
        return when.parse(text, known=KNOWN).text
    except when.WhenError as error:
        raise ObligationError(f"the condition of `require={text[:80]}` cannot be read: {error}") from error


def _seconds(value: str) -> int:
    match = re.fullmatch(r"([0-9]{1,5})([smh])", value)
    if match is None:
        raise ObligationError(f"`ttl={value}` is no duration", hint="write `ttl=90s`, `ttl=10m` or `ttl=1h`")
    seconds = int(match[1]) * _UNITS[match[2]]
    if not 0 < seconds <= MAX_TTL_S:
        raise ObligationError(f"`ttl={value}` is not between a second and a day")
    return seconds
