"""MCP servers from the configuration: who each is, and how a line to it is made."""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from urllib.parse import urlsplit, urlunsplit

from firewall.core.errors import ConfigError
from firewall.core.secret import Secret
from firewall.gates.mcp.oauth.held import Shelf
from firewall.gates.mcp.port import Server
from firewall.gates.mcp.upstream.greeting import Wanted
from firewall.gates.mcp.upstream.http import Address, HttpLine
from firewall.gates.mcp.upstream.lines import Line, Open
from firewall.gates.mcp.upstream.process import Program
from firewall.gates.mcp.upstream.refusing import Login
from firewall.gates.mcp.upstream.stdio import StdioLine
from firewall.references import References
from firewall.routing.port import Credential, Endpoint, Timeouts, is_private_by_configuration
from firewall.routing.port import Upstream as Carrier
from firewall.settings.mcp import McpServer
from firewall.settings.settings import Settings
from firewall.settings.values import SecretRef
from firewall.tokens.vault.sealing import Purpose

_NOBODY: Mapping[str, Login] = MappingProxyType({})


def servers_of(settings: Settings) -> Mapping[str, Server]:
    """Return the configured servers by name, in the order of their names.

    Raises: ConfigError for a name that stands twice.
    """
    found: dict[str, Server] = {}
    for one in sorted(settings.mcp_server, key=lambda one: one.name):
        if one.name in found:
            raise ConfigError(f"two MCP servers are named `{one.name}`")
        anchored = one.model_copy(update={"folder": str(settings.anchored(one.folder))}) if one.folder else one
        found[one.name] = Server(one.name, one.environment, identity_of(anchored), anchored)
    return MappingProxyType(found)


def identity_of(one: McpServer) -> str:
    """Return who a server is: its address, or a hash of what is started; secrets have no part in it."""
    if one.url:
        return one.url
    what = {
        "command": list(one.command),
        "env": {name: value if isinstance(value, str) else "" for name, value in sorted(one.env.items())},
        "folder": one.folder,
    }
    return f"sha256:{hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()}"


def line_maker(
    servers: Mapping[str, Server], references: References, carrier: Carrier, logins: Mapping[str, Login] = _NOBODY
) -> Open:
    """Return what makes lines to these servers; their secrets are read anew whenever they are used.

    `logins`: what authenticates at servers whose tokens end. Raises: ConfigError for an address or a secret that
    cannot be used.
    """
    made = {
        name: _maker(server.settings, references, carrier, logins.get(name)) for name, server in servers.items()
    }

    def make(server: Server, wanted: Wanted) -> Line:
        return made[server.name](wanted)

    return make


def keys_of(servers: Mapping[str, Server], references: References) -> Callable[[], list[tuple[str, Secret]]]:
    """Return a function that reads the credentials of all servers, with their names; for what must not leak.

    Raises: ConfigError; the function itself leaves out what cannot be read now.
    """
    readers = [
        (name, references.reader(ref, f"MCP server `{name}`", Purpose.MCP))
        for name, server in servers.items()
        for ref in server.settings.references
        if isinstance(ref, SecretRef)
    ]
    shelf = Shelf(references.vault)
    logged_in = [name for name, server in servers.items() if server.settings.oauth is not None]

    def read() -> list[tuple[str, Secret]]:
        found: list[tuple[str, Secret]] = []
        for name, reader in readers:
            try:
                found.append((f"mcp/{name}", reader()))  # no target has such a name
            except ConfigError:  # it cannot be used either then
                continue
        for name in logged_in:
            with suppress(ConfigError):  # it cannot be used either then
                held = shelf.read(name)
                found += [(f"mcp/{name}", one) for one in (held.secrets if held is not None else ())]
        return found

    return read


def _maker(
    one: McpServer, references: References, carrier: Carrier, login: Login | None
) -> Callable[[Wanted], Line]:
    if one.url:
        address = replace(_address(one, references), login=login)
        return lambda wanted: HttpLine(address, carrier, wanted)
    program = _program(one, references)
    return lambda wanted: StdioLine(program, wanted, idle_s=one.timeout_s, total_s=one.total_s)


def _address(one: McpServer, references: References) -> Address:
    parts = urlsplit(one.url)
    base = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
    times = Timeouts(first_byte_s=one.timeout_s, idle_s=one.timeout_s, total_s=max(one.timeout_s, one.total_s))
    private = is_private_by_configuration(one.url, one.hosting)
    name, _, value = one.header.partition(":")
    return Address(
        name=one.name,
        endpoint=Endpoint(
            one.name, base, private=private, timeouts=times, keyless=one.credential is None and one.oauth is None
        ),
        path=parts.path or "/",
        credential=_credential(one, references, name.strip().lower(), value.strip().removesuffix("{credential}")),
        max_answer_bytes=one.max_answer_mib << 20,
    )


def _credential(
    one: McpServer, references: References, header: str, prefix: str
) -> Callable[[], Credential | None]:
    if one.credential is None:
        return lambda: None
    key = references.reader(one.credential, f"MCP server `{one.name}`", Purpose.MCP)
    return lambda: Credential(header, key(), prefix)


def _program(one: McpServer, references: References) -> Program:
    plain = {name: value for name, value in one.env.items() if isinstance(value, str)}
    secret = {
        name: references.reader(ref, f"MCP server `{one.name}`", Purpose.MCP)
        for name, ref in one.env.items()
        if isinstance(ref, SecretRef)
    }
    return Program(
        name=one.name,
        command=one.command,
        env=lambda: plain | {name: reader().reveal() for name, reader in secret.items()},
        folder=one.folder,
        max_answer_bytes=one.max_answer_mib << 20,
    )
