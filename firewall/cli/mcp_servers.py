"""The doctor's look at MCP servers: whether their programs can be started here, and where they and targets land.

No server is started, and none is asked.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from firewall.core.action import LOCAL
from firewall.core.errors import ConfigError, FirewallError
from firewall.core.strict_json import loads
from firewall.gates.mcp.servers import servers_of
from firewall.gates.mcp.upstream.process import inherited, program_at
from firewall.policy.in_force import open_rules
from firewall.references import references_of
from firewall.settings.mcp import McpServer
from firewall.settings.settings import Settings
from firewall.settings.values import SecretRef
from firewall.tokens.vault.sealing import Purpose

Said = tuple[str, str, str]
"""(level, what, hint)."""


def found_servers(settings: Settings) -> Iterator[Said]:
    """Yield a line for each MCP server: where it is, or why nobody could use it."""
    try:
        servers = servers_of(settings)
    except FirewallError as error:
        yield "error", f"MCP servers: {error.public}", getattr(error, "hint", "")
        return
    references = references_of(settings)
    for name, server in servers.items():
        what = f"MCP server `{name}`"
        try:
            for ref in server.settings.references:
                if isinstance(ref, SecretRef):
                    references.reader(ref, what, Purpose.MCP)
        except ConfigError as error:
            yield "error", error.public, error.hint
            continue
        if server.settings.url:
            yield "ok", f"{what} ({server.environment}) at {server.settings.url}", ""
        else:
            yield _program(what, server.settings)


def _program(what: str, one: McpServer) -> Said:
    """Look for a program as its start does, with the PATH of whoever asks the doctor."""
    program, folder, variables = one.command[0], one.folder, inherited(os.environ)
    variables |= {name: text for name, text in one.env.items() if isinstance(text, str)}
    found = program_at(program, variables)
    if found is None and (there := program_at(program, variables, mode=os.F_OK)) is not None:
        return "error", f"{what}: `{there}` is not executable", f"chmod +x {there}"
    if found is None:
        hint = "install it, or name it by its whole path in `command`"
        return "error", f"{what}: there is no program `{program}`", hint
    if folder and not Path(folder).is_dir():
        return "error", f"{what}: its folder `{folder}` is not there", f"mkdir -p {folder}"
    return "ok", f"{what} ({one.environment}) runs `{found}`", ""


def others_than_pinned(settings: Settings, answer: bytes) -> Iterator[Said]:
    """Yield a line for each server whose address, or whose command's hash, is not the one that was approved.

    `answer`: what `/api/mcp` says; nothing is said of what cannot be read.
    """
    try:
        rows, servers = loads(answer), servers_of(settings)
    except FirewallError:  # an error of the server's, or one that is said already
        return
    known: dict[str, set[object]] = {}
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and row.get("state") == "approved":
            known.setdefault(str(row.get("server")), set()).add(row.get("identity"))
    for name, server in servers.items():
        if known.get(name) and server.identity not in known[name]:
            what = "the hash of its command, variables and folder" if server.settings.command else "its address"
            yield (
                "warn",
                f"MCP server `{name}`: {what} is not the one whose tools were approved, so they wait",
                f"stayhand mcp diff {name}, then stayhand mcp approve {name}",
            )


def unknown_environments(settings: Settings) -> Iterator[Said]:
    """Yield a line for each environment of targets and MCP servers that no row of environments.toml has."""
    lands: dict[str, list[str]] = {}
    for target in settings.target:
        lands.setdefault(target.environment, []).append(f"target `{target.name}`")
    for server in settings.mcp_server:
        lands.setdefault(server.environment, []).append(f"MCP server `{server.name}`")
    if not lands:
        return
    try:
        known = {LOCAL, *open_rules(settings).snapshot.environments.names()}
    except FirewallError:  # said under policy already
        return
    for name in sorted(set(lands) - known):
        what = f"{', '.join(lands[name])}: environments.toml does not know the environment `{name}`"
        named = ", ".join(f"`{one}`" for one in sorted(known - {LOCAL}))
        other = f", or correct the name (known: {named})" if named else ""
        yield (
            "warn",
            what,
            f"add an [[environment]] `{name}` with the hosts, projects and paths that belong to it{other}",
        )
