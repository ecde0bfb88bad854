"""Our own reach (DESIGN 2.10): whatever touches the firewall itself is denied before any policy.

Paths are compared after links are resolved, so that a link made beforehand does not help. Where an action
cannot be seen through (unknown, exec, an unseen part), the text itself is searched for our places: a miss proves
nothing and is judged by policy, a hit is denied.
"""

import ipaddress
import os
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from firewall.core.action import Action, Reach
from firewall.core.effect import Effect

_ANY = "0.0.0.0"  # noqa: S104 - compared with, never bound
_LOOPBACK = frozenset(
    {"localhost", "127.0.0.1", "::1", "[::1]", _ANY, "0", "[::]", "::", "127.1", "ip6-localhost", "ip6-loopback"}
    | {"localhost.localdomain", "localhost6", "localhost4", "[::127.0.0.1]", "::127.0.0.1", "64:ff9b::7f00:1"}
)
_OPAQUE = frozenset({Effect.EXEC, Effect.UNKNOWN})
_OUR_MODULES = re.compile(r"-m\s*(?:firewall|audit)\b")


_LONG_PATTERN = 500
_MAY_BE_ABSENT = re.compile(r".[*?{]")
_META = re.compile(r"[\^$.*+?{}]+")


@dataclass(frozen=True, slots=True)
class Territory:
    """What belongs to the firewall on this machine."""

    paths: tuple[str, ...]
    """Absolute, links resolved: configuration folder, data, policies, keys, witness files."""
    ports: tuple[int, ...]
    """Ports on which non-agent routes listen."""
    hosts: tuple[str, ...]
    """Names under which the control side is reached, besides loopback."""
    process_ids: tuple[int, ...]
    """Our process, its group and its session: ending any of them ends us."""
    process_names: tuple[str, ...]
    """Names and command lines by which a signal could find us."""
    spellings: tuple[str, ...]
    """How our places are written in text: absolute, with `~`, with `$HOME`, with variables."""
    home: str = ""
    """The home folder of the server's own user, where an agent's may be as well."""


def territory(
    *,
    paths: Iterable[Path],
    ports: Iterable[int],
    hosts: Iterable[str],
    process_ids: Iterable[int],
    process_names: Iterable[str],
) -> Territory:
    """Describe our territory; resolves links and adds the usual spellings of paths under the home folder."""
    real = sorted({os.path.realpath(path) for path in paths} | {str(path.absolute()) for path in paths})
    home = os.path.realpath(Path.home())
    spelled = set(real)
    for path in real:
        if path.startswith(home + "/"):
            rest = path[len(home) :]
            spelled |= {rest.lstrip("/"), f"~{rest}", f"$HOME{rest}", f"${{HOME}}{rest}"}
    spelled |= {"XDG_STATE_HOME/stayhand", "XDG_STATE_HOME}/stayhand", "XDG_CONFIG_HOME/stayhand", "stayhand.db"}
    spelled |= {f"{host}:{port}" for host in (*_LOOPBACK, *hosts) if len(host) > 1 for port in ports}
    return Territory(
        home=home,
        paths=tuple(real),
        ports=tuple(ports),
        hosts=tuple(hosts),
        process_ids=tuple(sorted({number for number in process_ids if number > 1})),
        process_names=tuple(process_names),
        spellings=tuple(sorted(spelled)),
    )


def touches(ground: Territory, action: Action, raw: str) -> str:
    """Return in plain words how an action touches the firewall, or an empty text."""
    reach = action.reach
    return (
        _by_path(ground, reach)
        or _by_address(ground, reach)
        or _by_program(reach)
        or _by_signal(ground, reach)
        or _by_text(ground, action, raw)
    )


def _by_path(ground: Territory, reach: Reach) -> str:
    for path in reach.paths:
        real = os.path.realpath(path)
        if any(real == own or real.startswith(own + "/") for own in ground.paths):
            return "it touches the firewall's own files"
    for tree in reach.trees:
        real = os.path.realpath(tree)
        below = real.rstrip("/") + "/"
        if any(real == own or real.startswith(own + "/") or own.startswith(below) for own in ground.paths):
            return "it touches a folder that holds the firewall's own files"
    return ""


def _by_address(ground: Territory, reach: Reach) -> str:
    for address in reach.addresses:
        host, _, port = address.partition("/")[0].rpartition(":")
        name = host.lower().rstrip(".")
        if port.isdigit() and int(port) in ground.ports and (_is_loopback(name) or name in ground.hosts):
            return "it addresses the firewall's control side"
    return ""


def _is_loopback(name: str) -> bool:
    """Tell whether a host is this machine, in any spelling that the C library takes (0x7f000001, 2130706433)."""
    if name in _LOOPBACK or name.endswith((".localhost", ".nip.io", ".sslip.io", ".localtest.me", ".lvh.me")):
        return True
    address = _address_of(name)
    if address is None:
        return name.startswith("127.")
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    found = mapped or address
    return found.is_loopback or found.is_unspecified


def _address_of(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    bare = name.strip("[]").partition("%")[0]
    try:
        return ipaddress.ip_address(bare)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(bare))
    except (OSError, ValueError):
        return None


def _by_program(reach: Reach) -> str:
    for line in reach.programs:
        name = line.split(maxsplit=1)[0].rpartition("/")[2] if line.strip() else ""
        if name == "stayhand" or _OUR_MODULES.search(line):
            return "it runs the firewall's own command line"
    return ""


def _by_signal(ground: Territory, reach: Reach) -> str:
    for signal in reach.signals:
        if signal in (*(f"{sign}{number}" for number in ground.process_ids for sign in ("", "-")), "-1"):
            return "it signals the firewall's process"
        if signal and not signal.lstrip("-").isdigit() and signal != "*" and _finds_us(signal, ground):
            return "it signals the firewall's process by name"
    return ""


def _finds_us(pattern: str, ground: Territory) -> bool:
    """Tell whether a pattern of pkill or killall could match us, without ever running it.

    FAIL-CLOSED: what has alternatives, groups or classes, or is very long, could. Of the rest every literal run is
    mandatory (but for a character that may be absent), so a run that no name of ours holds clears it.
    """
    if len(pattern) > _LONG_PATTERN or any(char in pattern for char in "|([\\"):
        return True
    runs = [run for run in _META.split(_MAY_BE_ABSENT.sub(".", pattern.casefold())) if run]
    names = [name.casefold() for name in ground.process_names]
    return any(all(run in name for run in runs) for name in names)


def _by_text(ground: Territory, action: Action, raw: str) -> str:
    if not (action.unseen or _OPAQUE.intersection(action.effects)):
        return ""
    # The arguments as they came, and as they read once their own escapes are undone.
    if any(spelling in raw or spelling in action.text for spelling in ground.spellings):
        return "it names the firewall's own files or addresses and cannot be seen through"
    return ""
