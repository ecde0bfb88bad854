"""`[[mcp_server]]`."""

import pytest
from pydantic import ValidationError

from firewall.settings.mcp import McpServer
from firewall.settings.values import SecretRef


def test_a_server_is_an_address_or_a_program() -> None:
    """Either is enough by itself."""
    at = McpServer(name="github", environment="production", url="https://mcp.example.com/mcp/")
    run = McpServer(
        name="files", environment="local", command=("mcp-files", "--root", "/srv"), env={"KEY": SecretRef(env="K")}
    )
    assert (at.command, run.url, at.header) == ((), "", "Authorization: Bearer {credential}")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({}, "`url` or a `command`"),
        ({"url": "https://a.example/", "command": ("x",)}, "`url` or a `command`"),
        ({"url": "ftp://a.example/"}, "plain http"),
        ({"url": "https://a.example/?key=1"}, "plain http"),
        ({"url": "https://"}, "plain http"),
        ({"url": "https://a.example/", "header": "Authorization"}, "header"),
        ({"url": "https://a.example/", "env": {"A": "b"}}, "`env`"),
        ({"url": "https://a.example/", "folder": "/srv"}, "`env`"),
        ({"command": ("",)}, "`command`"),
        ({"command": ("bin/mcp-files",)}, "whole path"),
        ({"command": ("./mcp-files",)}, "whole path"),
        ({"command": ("~/bin/mcp-files",)}, "whole path"),
        ({"command": ("a", "b\0c")}, "`command`"),
        ({"command": ("a",), "env": {"A=B": "c"}}, "environment variable"),
        ({"command": ("a",), "credential": {"env": "A"}}, "`env`"),
        ({"command": ("a",), "name": "two__parts"}, "pattern"),
        ({"command": ("a",), "name": "a" * 33}, "pattern"),
        ({"command": ("a",), "environment": ""}, "environment"),
        ({"command": ("a",), "unknown": 1}, "unknown"),
    ],
)
def test_what_could_mean_two_things_is_refused(wrong: dict[str, object], says: str) -> None:
    """With words that name the setting."""
    with pytest.raises(ValidationError, match=says):
        McpServer.model_validate({"name": "one", "environment": "staging"} | wrong)
