"""`oauth` of an MCP server: one way to authenticate, addresses that nobody listens to."""

import pytest
from pydantic import ValidationError

from firewall.settings.mcp import McpServer

PLAIN = {"name": "far", "environment": "staging", "url": "https://far.example/mcp", "oauth": {}}
SECRET = {"env": "FAR_SECRET"}


def test_a_login_and_a_machine() -> None:
    """A login needs nothing but the address; a machine needs an id and its secret."""
    assert McpServer.model_validate(PLAIN).references == (None, None)
    oauth = {"flow": "machine", "client_id": "c", "client_secret": SECRET}
    found = McpServer.model_validate(PLAIN | {"oauth": oauth})
    assert [ref.env for ref in found.references if ref is not None and not isinstance(ref, str)] == ["FAR_SECRET"]


@pytest.mark.parametrize(
    "change",
    [
        {"credential": SECRET},
        {"url": "http://far.example/mcp"},
        {"url": "", "command": ["serve"]},
        {"oauth": {"issuer": "http://login.example"}},
        {"oauth": {"client_secret": SECRET}},
        {"oauth": {"flow": "machine"}},
        {"oauth": {"flow": "device"}},
    ],
)
def test_what_is_refused(change: dict[str, object]) -> None:
    """Two credentials, tokens in the clear, programs, secrets of nobody."""
    with pytest.raises(ValidationError):
        McpServer.model_validate(PLAIN | change)
