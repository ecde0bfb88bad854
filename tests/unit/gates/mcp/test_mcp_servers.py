"""Credentials of MCP servers among those that must not leak."""

from pathlib import Path

import pytest

from firewall.gates.mcp.port import Server
from firewall.gates.mcp.servers import keys_of
from firewall.references import References
from firewall.settings.mcp import McpServer
from firewall.tokens.vault import key as vault_key
from firewall.tokens.vault.store import Vault


def test_a_servers_credential_is_no_targets_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target of the same name holds another credential: what is a server's is let through to nobody."""
    monkeypatch.setenv("SHOP_KEY", "key-of-the-server-5b1d9e7a3c")
    fields = {"name": "shop", "environment": "staging", "url": "https://shop.example/mcp"}
    settings = McpServer.model_validate({**fields, "credential": {"env": "SHOP_KEY"}})
    references = References(Vault(tmp_path / "vault.db", vault_key.from_file(tmp_path / "vault.key")))
    read = keys_of({"shop": Server("shop", "staging", "x", settings)}, references)
    assert [name for name, _ in read()] == ["mcp/shop"]
