"""What an address among arguments names: every host and database of a DSN, a connection string, a URL or an ARN.

INVARIANT: readers of such texts differ in which of several hosts counts, so each is named; a text that two of them
could read differently, or that leads to what is written elsewhere, is not read at all.

https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING
https://www.mongodb.com/docs/manual/reference/connection-string/
"""

import re
from collections.abc import Iterator, Mapping
from itertools import product
from math import prod
from urllib.parse import unquote

MAX_NAMED = 64
"""Hosts, ports and databases of one address, each with each; one with more is not read."""
_ARN = re.compile(r"arn:[a-z-]{2,20}:([a-z0-9-]*):([a-z0-9-]*):(\d*):(.+)", re.DOTALL)
_URL = re.compile(r"(?:jdbc:)?([A-Za-z][A-Za-z0-9+.-]*)://([^/?;]*)([^?;]*)(.*)")
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([!-~]*?))(?::(\d{0,5}))?")
_KEYWORDS = re.compile(r"\s*[A-Za-z][A-Za-z0-9 _-]*=")
_KEYWORD = re.compile(r"""\s*+([A-Za-z][A-Za-z0-9 _-]*+)\s*+=\s*+('[^'\\]*+'|[^'"\s;\\{}]*+)(?:\s*+;|(?=\s)|\Z)""")
"""Nothing that was taken is given back: what does not fit has failed, and a long text takes no longer for it."""
_ODD = re.compile(r"[\s\\#\x00-\x1f\x7f]")
"""Readers of URLs drop these, stop at them, or take them as they are."""
_ODD_NAME = re.compile(r"[@=(),;?\s\\\x00-\x1f\x7f]|://")
"""In the name of a host or a database they are what some client reads as an address."""
_SERVERS = frozenset({"server", "datasource", "address", "addr", "networkaddress", "failoverpartner"})
"""Of ADO.NET: `tcp:host,port`."""
_HOSTS = _SERVERS | {
    *("host", "hosts", "hostname", "hostaddr", "servers", "servername", "addresses", "failover"),
    *("socket", "unixsocket", "unixsock", "socketpath", "proxyhost", "socksproxyhost", "althosts", "account"),
}
_PORT_BEHIND = re.compile(r"\A(?:tcp:)?([^,]*),\s*(\d{1,5})\Z")
_PORTS = frozenset({"port", "ports", "portnumber"})
_DATABASES = frozenset({"dbname", "database", "databasename", "db", "initialcatalog", "catalog"})
_ELSEWHERE = {
    *("service", "servicefile", "odbcconnect", "dsn", "filedsn", "tns", "tnsadmin"),
    *("socketfactory", "cloudsqlinstance", "attachdbfilename", "readdefaultfile", "readdefaultgroup"),
}
"""They name something outside of the text that says where it leads."""
Words = Mapping[str, str]


def words_of_arn(text: str) -> dict[str, str]:
    """Return the words of an ARN; nothing for other texts."""
    arn = _ARN.fullmatch(text)
    if arn is None:
        return {}
    words = dict(zip(("service", "region", "account", "resource"), arn.groups(), strict=True))
    return {word: value for word, value in words.items() if value or word in ("service", "region")}


def is_plain_name(text: str) -> bool:
    """Tell whether every client takes this for the name of one host or database, and for nothing else."""
    return _ODD_NAME.search(text) is None


def words_of_address(text: str, *, is_name: bool) -> tuple[Words | None, ...]:
    """Return the words (`host`, `port`, `database`) of everything that an address leads to; None: it is not read.

    One empty mapping stands for a text that is no address. `is_name`: it is where a host or a database is named,
    so that a text which some client takes for an address is one.
    """
    if "://" in text:
        return _of_url(text)
    if not is_name:
        return ({},)
    if _KEYWORDS.match(text):
        return _of_keywords(text)
    return ({},) if is_plain_name(text) else (None,)


def _of_url(text: str) -> tuple[Words | None, ...]:
    found = _URL.fullmatch(text)
    if found is None or _ODD.search(text) or not text.count("@") == found[2].count("@") <= 1:
        return (None,)  # readers find the end of a password at different places
    scheme, authority, path, query = found.groups()
    named = _Named()
    whole = unquote(path).strip("/")
    for name in (whole.partition("/")[0], whole if scheme.lower().startswith("postgres") else ""):
        if name:
            named.databases[name] = None  # libpq takes all of the path
    hosts = unquote(authority.rpartition("@")[2])
    if hosts:
        named.add_hosts(hosts)
    for pair in re.split("[?&;]", query):
        key, _, value = pair.partition("=")
        named.add(unquote(key), unquote(value))
    return named.words()


def _of_keywords(text: str) -> tuple[Words | None, ...]:
    """Return the words of `host=a dbname=b` (libpq) or `Server=a;Database=b` (ODBC, ADO.NET)."""
    named, at = _Named(), 0
    while text[at:].strip():
        pair = _KEYWORD.match(text, at)
        if pair is None:
            return (None,)
        named.add(pair[1], pair[2].strip("'"))
        at = pair.end()
    return named.words()


class _Named:
    """Collects what one address names; an empty host or database is what its client chooses by itself."""

    def __init__(self) -> None:
        self.hosts: dict[str, None] = {}
        self.ports: dict[str, None] = {}
        self.databases: dict[str, None] = {}
        self._is_unread = False

    def add(self, keyword: str, value: str) -> None:
        """Note what a keyword of a connection string, or of an address's query, says."""
        key = re.sub(r"[^a-z]", "", keyword.lower())
        if key in _HOSTS:
            self.add_hosts(_PORT_BEHIND.sub(r"\1:\2", value) if key in _SERVERS else value)
        elif key in _PORTS:
            self.ports.update(dict.fromkeys(value.split(",")))
        elif key in _DATABASES:
            self.databases[value] = None
        elif key in _ELSEWHERE:
            self._is_unread = True

    def add_hosts(self, text: str) -> None:
        """Note the hosts of a list as it stands in authorities, some with ports."""
        for one in text.split(","):
            match = _HOST.fullmatch(one)
            if match is None:
                self._is_unread = True
                return
            self.hosts[(match[1] or match[2]).lower()] = None
            if match[3]:
                self.ports[match[3]] = None

    def words(self) -> tuple[Words | None, ...]:
        """Return each host with each port and each database: which belong together readers decide."""
        sides = self.hosts or {"": None}, self.ports or {"": None}, self.databases or {"": None}
        if self._is_unread or prod(map(len, sides)) > MAX_NAMED:
            return (None,)
        if not all(map(is_plain_name, (*self.hosts, *self.databases))):
            return (None,)
        return tuple(dict(_kept(*one)) for one in product(*sides))


def _kept(host: str, port: str, database: str) -> Iterator[tuple[str, str]]:
    yield "host", host
    if port:
        yield "port", port
    if database:
        yield "database", database
