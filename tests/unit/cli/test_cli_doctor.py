"""The doctor's words about what is not there yet."""

from pathlib import Path

from firewall.cli.doctor import Finding, _vault
from firewall.settings.load import load_settings

TARGET = """
[[target]]
name = "shop"
environment = "staging"
base_url = "https://shop.example.com"
credential = { vault = "shop" }
"""


def test_a_vault_that_was_never_made_has_lost_no_key(tmp_path: Path) -> None:
    """Whoever names a credential before he adds one is told to add it, not to restore a backup that cannot be."""
    path = tmp_path / "stayhand.toml"
    path.write_text(f'[server]\ndata_dir = "{tmp_path}/data"\n{TARGET}')
    assert list(_vault(load_settings(str(path), {}))) == [
        Finding("ok", "no vault yet: the first credential makes it, and its key"),
        Finding(
            "error", "target shop: there is no credential `shop` in the vault", "stayhand credential add shop"
        ),
    ]
