"""Where a login at an MCP server waits for its answer."""

import socket

import pytest

from firewall.cli.client import CommandError
from firewall.cli.mcp_login import _waiting, usual_port


def test_the_usual_port_is_a_servers_own() -> None:
    """The same each time, below those that systems give out, and seldom another server's."""
    ports = {usual_port(f"server-{number}") for number in range(50)}
    assert usual_port("linear") == usual_port("linear")
    assert all(20_000 <= port < 30_000 for port in ports)
    assert len(ports) > 45


def test_a_port_that_is_taken_is_passed_over_unless_it_was_asked_for() -> None:
    """The usual one gives way to a free one; one that was named does not."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("firewall.cli.mcp_login.usual_port", lambda _: port)
            with _waiting(0, "linear") as waiting:
                assert str(port) not in waiting.address
        with pytest.raises(CommandError), _waiting(port, "linear"):
            pass
