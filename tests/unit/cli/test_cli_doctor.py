"""The doctor's words about what is not there yet."""

from pathlib import Path

import pytest

from firewall.cli.doctor import _policy
from firewall.cli.doctoring import asked, kept
from firewall.cli.doctoring.finding import Finding
from firewall.cli.doctoring.serving import found_in
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
    assert list(kept.vault_of(load_settings(str(path), {}))) == [
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
    (gone,) = kept.witness(settings)
    assert (gone.level, gone.hint.endswith(f"touch '{heads}'")) == ("error", True)
    assert "the server does not start without it" in gone.what
    heads.touch()
    (beside,) = kept.witness(settings)
    assert beside.level == "warn"
    assert "lies on the log's own disk" in beside.what


@pytest.mark.parametrize(
    ("parts", "level", "what", "hint"),
    [
        ({"circuits": "0 of 3 open"}, "ok", "circuits to providers: 0 of 3 open", ""),
        ({"circuits": "1 of 3 open"}, "warn", "circuits to providers: 1 of 3 open", "stayhand route report"),
        ({"shared": "shared, 2 told of"}, "ok", "circuits between processes: shared, 2 told of", ""),
        ({"shared": "away (refused)"}, "warn", "circuits between processes: away (refused)", "storage.shared"),
        ({"channels": "2 well"}, "ok", "channels to people: 2 well", ""),
        (
            {"channels": "failing: mail (refused)"},
            "warn",
            "channels to people: failing: mail",
            "docs/approvals.md",
        ),
        ({"witness": "failing: gone"}, "error", "the log's witness: failing: gone", "before the server stops"),
        ({"reviews": "1 of alice"}, "warn", "uses of break-glass that nobody reviewed: 1 of", "approvals reviews"),
        ({"erasing": "pending"}, "warn", "an erasure: pending", "end what reads the log's file"),
    ],
)
def test_what_a_server_says_of_its_parts_is_one_line_each(
    parts: dict[str, object], level: str, what: str, hint: str
) -> None:
    """Each with what to do where something is to be done."""
    (found,) = found_in(parts)
    assert (found.level, found.what[: len(what)]) == (level, what)
    assert hint in found.hint
    assert bool(found.hint) is bool(hint)


def test_parts_that_are_no_text_say_nothing() -> None:
    """A server of another version may say something else there."""
    assert list(found_in({"circuits": 3, "shared": None, "channels": [], "witness": "well", "reviews": {}})) == []


def test_who_is_asked_is_said_from_the_configuration_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A target with its environment and address; a provider that is spoken to in the clear is a warning."""
    monkeypatch.setenv("SHOP_KEY", "of-the-shop")
    path = tmp_path / "stayhand.toml"
    provider = '[[provider]]\nname = "near"\ndialect = "anthropic"\nbase_url = "http://127.0.0.1:9"\n'
    shop = TARGET.replace('{ vault = "shop" }', '{ env = "SHOP_KEY" }')
    path.write_text(f'[server]\ndata_dir = "{tmp_path}/data"\n{provider}api_key = "client"\n{shop}')
    settings = load_settings(str(path), {})
    assert [one.what for one in asked.targets(settings)] == ["target shop (staging) at https://shop.example.com"]
    assert [one.level for one in asked.providers(settings)] == ["ok", "warn"]
    assert list(asked.mcp_servers(settings)) == []
    assert list(asked.logged_in(settings)) == []
