"""The doctor's words about what is not there yet."""

from pathlib import Path

from firewall.cli.doctor import Finding, _policy, _vault, _witness
from firewall.policy.defaults import copy_to
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


def test_rows_that_are_held_back_are_said_with_what_is_missing(tmp_path: Path) -> None:
    """Loudly, one line a row: who could not approve now, and what to do once somebody can."""
    copy_to(tmp_path / "policies")
    path = tmp_path / "stayhand.toml"
    path.write_text(f'[server]\ndata_dir = "{tmp_path}/data"\n')
    said = list(_policy(load_settings(str(path), {})))
    assert [one.level for one in said] == ["ok", "warn", "warn"]
    assert "destructive actions in `production` are denied, whoever agrees" in said[1].what
    assert "no approver belongs to the group `oncall`" in said[1].what
    assert "`unresolved` where `grant_environment == 'production'`" in said[2].what
    assert "stayhand policy load" in said[1].hint
    assert "passkey" not in said[1].what.partition("since")[2]
    path.write_text(f'[server]\ndata_dir = "{tmp_path}/data"\npublic_url = "http://stayhand.example.com"\n')
    assert (
        "nobody could have a passkey: http://stayhand.example.com"
        in list(_policy(load_settings(str(path), {})))[1].what
    )
    people = "".join(f'[[approver]]\nname = "{name}"\ngroups = ["oncall"]\n' for name in ("alice", "bob", "carl"))
    path.write_text(f'[server]\ndata_dir = "{tmp_path}/data"\n{people}')
    said = list(_policy(load_settings(str(path), {})))
    assert ["though your approvers can meet the row" in one.what for one in said[1:]] == [True, True]


def test_a_witness_that_is_gone_or_lies_beside_the_log_is_said(tmp_path: Path) -> None:
    """Without it the server would not start; beside the log it proves nothing against who can change the log."""
    path, heads = tmp_path / "stayhand.toml", tmp_path / "its heads"
    (tmp_path / "data").mkdir()
    path.write_text(
        f'[server]\ndata_dir = "{tmp_path}/data"\n[audit]\nwitness = ["{heads}", "https://w.example/h"]\n'
    )
    settings = load_settings(str(path), {})
    (gone,) = _witness(settings)
    assert (gone.level, gone.hint.endswith(f"touch '{heads}'")) == ("error", True)
    assert "the server does not start without it" in gone.what
    heads.touch()
    (beside,) = _witness(settings)
    assert beside.level == "warn"
    assert "lies on the log's own disk" in beside.what
