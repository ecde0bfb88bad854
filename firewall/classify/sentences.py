"""One plain sentence about an action: what happens, to what, where, and whether it can be taken back.

Readers say what happens and to what; this adds what every sentence must hold and theirs may lack. An approver has
ten seconds for it. Pure text.
"""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import lru_cache

from firewall.core.action import LOCAL, UNRESOLVED
from firewall.core.effect import Effect

MAX_SUMMARY_CHARS = 400
_QUOTED = re.compile(r"`[^`]*`")
_BEHIND = re.compile(r"`[^`]*`|;| \(")
_SAID = {
    Effect.DESTRUCTIVE: re.compile(
        r"no undo|undo:|\blost\b|\bgone\b|cannot be (?:taken back|undone)|nothing brings|not come back"
    ),
    Effect.EXFIL: re.compile(r"cannot be taken back"),
    Effect.SECRET: re.compile(r"cannot be taken back"),
    Effect.PRIVILEGE: re.compile(r"undo:|by hand"),
    Effect.DISRUPTIVE: re.compile(r"undo:|no data is lost"),
    Effect.UNKNOWN: re.compile(
        r"not (?:seen|known|understood|in the catalogue|an address)|cannot be (?:seen|read)|no pack"
    ),
    Effect.EXEC: re.compile(r"not (?:seen|known|understood|in the catalogue)|cannot be (?:seen|read)"),
    Effect.WRITE: re.compile(r"undo:|built again|changed back|files stay"),
}
_ENDS: Mapping[Effect, str] = {
    Effect.DESTRUCTIVE: "no undo that we know of",
    Effect.EXFIL: "what is sent out cannot be taken back",
    Effect.SECRET: "what was shown cannot be taken back",
    Effect.PRIVILEGE: "can be undone by hand only",
    Effect.DISRUPTIVE: "no data is lost",
    Effect.UNKNOWN: "what it does is not known",
    Effect.EXEC: "what it does is not seen here",
}
_BESIDE: Mapping[Effect, tuple[re.Pattern[str], str]] = {
    Effect.SECRET: (re.compile(r"credential|secret|password|token|\bkeys?\b", re.IGNORECASE), "shows credentials"),
    Effect.EXFIL: (
        re.compile(r"\bsends?\b|publish|public|upload|copies|shares?\b|outside|pushes", re.IGNORECASE),
        "sends data out",
    ),
    Effect.DESTRUCTIVE: (
        re.compile(
            r"delete|deleting|remov|drop|destroy|overwr|replac|lost|loses|\bgone\b|empt|eras|wip|truncates?|"
            r"throws away|rewrit|reset|changes every|discard|clears?\b|purg|forget|terminat|disables?|turns off|"
            r"takes|cut|ends|undo",
            re.IGNORECASE,
        ),
        "data or configuration may be lost",
    ),
}
"""A lesser-known effect that the sentence does not speak of is named."""
_ON_MACHINE = re.compile(r"on `[^`]+`: ")


def sentence(told: str, *, effects: set[Effect], environment: str, undo: str, is_elevated: bool) -> str:
    """Return what a reader told as a whole sentence of bounded length; empty stays empty."""
    if not told:
        return ""
    if len(told) > MAX_SUMMARY_CHARS:
        return _sentence(told, effects, environment, undo, is_elevated)
    return _known(told, frozenset(effects), environment, undo, is_elevated)


def _sentence(told: str, effects: AbstractSet[Effect], environment: str, undo: str, is_elevated: bool) -> str:  # noqa: FBT001 - a cache calls it
    if is_elevated and "more rights" not in told:
        told = _with_rights(told)
    clear = _QUOTED.sub("``", told)
    told = _somewhere(told, clear, environment)
    missing = [words for effect, (said, words) in _BESIDE.items() if effect in effects and not said.search(clear)]
    ends = missing + [end for end in (_ending(clear, effects, undo),) if end]
    tail = "".join(f"; {end}" for end in ends)
    return _bounded(told, MAX_SUMMARY_CHARS - len(tail)) + tail


def _with_rights(told: str) -> str:
    """Say more rights first; the machine that a sentence begins with stands before them."""
    machine = _ON_MACHINE.match(told)
    at = machine.end() if machine else 0
    place = f"{told[: at - 2]}, " if at else ""
    return f"{place}with more rights than the agent has: {told[at:]}"


def _bounded(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _somewhere(told: str, clear: str, environment: str) -> str:
    """Say a named environment behind what is done."""
    if environment in ("", LOCAL, UNRESOLVED) or environment in clear:
        return told
    return placed(told, f"in {environment}")


def placed(told: str, where: str) -> str:
    """Say where, behind what is done: before the first `;` or bracket that stands outside of quotes."""
    for match in _BEHIND.finditer(told) if ";" in told or " (" in told else ():
        if match[0][0] != "`":
            return f"{told[: match.start()]} {where}{told[match.start() :]}"
    return f"{told} {where}"


_known = lru_cache(maxsize=1024)(_sentence)
"""Agents do the same things to the same places again and again: what is said of it is said in the same words."""


def _ending(clear: str, effects: AbstractSet[Effect], undo: str) -> str:
    """Return what must still be said about taking it back."""
    worst = None
    for effect in _ENDS:
        if effect in effects:
            worst = effect
            break
    if worst is None:
        is_silent = Effect.WRITE not in effects or not undo or _SAID[Effect.WRITE].search(clear)
        return "" if is_silent else _undone(undo)
    if Effect.UNKNOWN in effects and worst in (Effect.PRIVILEGE, Effect.DISRUPTIVE):
        # Nobody can promise anything about what is not known.
        worst = Effect.UNKNOWN
    if _SAID[worst].search(clear):
        return ""
    if undo and worst in (Effect.DESTRUCTIVE, Effect.DISRUPTIVE, Effect.PRIVILEGE):
        return _undone(undo)
    return _ENDS[worst]


def _undone(undo: str) -> str:
    return undo if undo.startswith(("what it", "undo")) else f"undo: {undo}"
