"""Hosts that agents may read from without a target: the `[[egress]]` rows of hosts.toml.

Data alone; what a request there does is judged by `requests`, and nothing here makes a verdict milder.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from firewall.classify.reader import Reader
from firewall.core.errors import ConfigError

ADDRESS_BYTES = 512
"""Path and query of an ordinary address; longer ones could carry what the agent has read."""
QUERY_BYTES = 192
_NAME = re.compile(r"(?:\*\.)?[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?\.[a-z][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class EgressRow:
    """A family of hosts to read from."""

    hosts: tuple[str, ...]
    """Names, `*.suffix` for everything below one."""
    what: str
    """What they are, in plain words."""
    git: bool = False
    """Repositories are fetched there with POST (git-upload-pack)."""
    plain: bool = False
    """Plain http is served as well: what is read there is signed by other means."""
    query_bytes: int = QUERY_BYTES
    """How long a query may be before it could be somebody's data."""
    signed: bool = False
    """Addresses there are signed by the host that leads to them, and long."""

    def serves(self, host: str) -> bool:
        """Tell whether a host is of this family."""
        return is_among(host, self.hosts)


def is_among(host: str, names: tuple[str, ...]) -> bool:
    """Tell whether a host is one of the names, or below one that begins with `*.`."""
    return any(host == name or (name[0] == "*" and host.endswith(name[1:])) for name in names)


def read_egress(table: Reader) -> tuple[EgressRow, ...]:
    """Compile the rows.

    Raises: ConfigError naming the row.
    """
    return tuple(_row(row) for row in table.rows("egress"))


def without_egress(hosts: Mapping[str, object]) -> Mapping[str, object]:
    """Return hosts.toml without these rows, for the reader of the others."""
    return {key: value for key, value in hosts.items() if key != "egress"}


def _row(row: Reader) -> EgressRow:
    found = EgressRow(
        hosts=row.strings("hosts"),
        what=row.string("what"),
        git=row.boolean("git"),
        plain=row.boolean("plain"),
        query_bytes=row.integer("query_bytes", QUERY_BYTES),
        signed=row.boolean("signed"),
    )
    row.finish()
    if not found.hosts or not found.what:
        raise ConfigError(f"{row.where} needs `hosts` and `what`")
    for name in found.hosts:
        if not _NAME.fullmatch(name):
            raise ConfigError(f"{row.where}: `{name}` is no host name", hint="write a name, or `*.` and a domain")
    return found
