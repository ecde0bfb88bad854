"""Addresses that stand in a command's words, whatever its program does with them."""

import re
from itertools import islice

from firewall.classify.http import plain_host
from firewall.classify.shell.analysis import Command

_URL = re.compile(
    r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*://(?:[^/@\s]*@)?(?P<host>\[[^\]\s]+\]|[^/:?#\s\[\]]+)"
    r"(?::(?P<port>\d+))?(?P<path>/[^\s?#]*)?",
    re.IGNORECASE,
)
MAX_ADDRESS_CHARS = 2000
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443, "ssh": 22, "git": 9418, "ftp": 21}
_HOST_PORT = re.compile(r"(?:[^/\s]*:)?(?P<host>\[[^\]\s/]+\]|[^\s:/@\[\]]+):(?P<port>\d{2,5})(?P<path>/\S*)?")


def addresses_of(command: Command) -> list[str]:
    """Return the addresses that stand in a command's words, whatever the program does with them."""
    found: list[str] = []
    for word in command.words[1:20]:
        for match in islice(_URL.finditer(word.text[:MAX_ADDRESS_CHARS]), 4) if "://" in word.text else ():
            port = match.group("port") or _PORTS.get(match.group(0).partition(":")[0].lower(), 0)
            found.append(f"{plain_host(match.group('host'))}:{port}{match.group('path') or '/'}")
        if (
            len(word.text) < MAX_ADDRESS_CHARS
            and "://" not in word.text
            and (plain := _HOST_PORT.fullmatch(word.text))
        ):
            found.append(f"{plain_host(plain.group('host'))}:{plain.group('port')}{plain.group('path') or '/'}")
    return found
