"""What things of servers are called at `/mcp`: with their server's name in front. Pure.

Names of servers hold no underscore and no plus sign, so no two things can have one name.
"""


def prefixed(server: str, name: str, *, is_address: bool) -> str:
    """Return the name at `/mcp` of what a server calls `name`."""
    return f"mcp-{server}+{name}" if is_address else f"{server}__{name}"


def split(name: str) -> tuple[str, str] | None:
    """Return the server and its own name of what is called `name` at `/mcp`; None: nothing is called so."""
    server, sign, rest = name.partition("__")
    if name.startswith("mcp-"):
        address_server, plus, address = name.removeprefix("mcp-").partition("+")
        if plus and "_" not in address_server:
            server, sign, rest = address_server, plus, address
    return (server, rest) if sign and rest else None
