"""Targets from the configuration."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from firewall.core.errors import ConfigError
from firewall.core.grant import Grant, permits_target
from firewall.core.target import TargetKind
from firewall.gates.infra.targets import targets_of
from firewall.settings.load import load_settings

ONE = """
[[target]]
name = "shop"
environment = "staging"
base_url = "https://api.example.com/v1"
credential = { env = "SHOP_TOKEN" }
"""


def loaded(tmp_path: Path, text: str) -> object:
    """Return the targets of a configuration."""
    path = tmp_path / "stayhand.toml"
    path.write_text(text)
    return targets_of(load_settings(str(path), {}))


def test_a_target_is_careful_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bearer, public addresses only, plain paths, its own host in the catalogue, not scoped."""
    monkeypatch.setenv("SHOP_TOKEN", "tgt-canary")
    (target,) = loaded(tmp_path, ONE).values()  # type: ignore[attr-defined]  # a mapping
    credential = target.credential()
    assert (credential.header, credential.prefix, credential.secret.reveal()) == (
        "authorization",
        "Bearer ",
        "tgt-canary",
    )
    assert (target.spec.host, target.spec.kind, target.spec.scoped) == ("api.example.com", TargetKind.REST, False)
    assert (target.endpoint.private, target.raw_paths) == (False, False)
    assert "canary" not in repr(target)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "shop"', 'name = "Shop"', "name"),
        ('kind = "rest"', 'kind = "soap"', "kind"),
        ('header = "X: {credential}"', 'header = "X"', "header"),
        ('header = "X: {credential}"', 'header = "X: {credential} tail"', "header"),
        ("https://api.example.com", "http://api.example.com", "unencrypted"),
        ("https://api.example.com", "https://127.0.0.1", ""),
        ('env = "SHOP_TOKEN"', 'env = "NOT_SET"', "not set"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, words: str
) -> None:
    """A wrong target stops the start, with its key or its reason."""
    monkeypatch.setenv("SHOP_TOKEN", "tgt-canary")
    text = (ONE + 'kind = "rest"\nheader = "X: {credential}"\n').replace(old, new)
    if words:
        with pytest.raises(ConfigError, match=words):
            loaded(tmp_path, text)
    else:  # an address of this machine was written by the operator himself
        assert loaded(tmp_path, text)


def test_a_name_stands_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two targets of one name would make a policy row mean either."""
    monkeypatch.setenv("SHOP_TOKEN", "tgt-canary")
    with pytest.raises(ConfigError, match="`shop`"):
        loaded(tmp_path, ONE + ONE)


def test_a_grant_knows_targets_of_its_environment_that_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both must fit: the environment and the globs."""
    monkeypatch.setenv("SHOP_TOKEN", "tgt-canary")
    (target,) = loaded(tmp_path, ONE).values()  # type: ignore[attr-defined]  # a mapping
    assert permits_target(_grant("staging", "sh*"), target.spec)
    assert not permits_target(_grant("staging", "x*"), target.spec)
    assert not permits_target(_grant("production", "*"), target.spec)


def _grant(environment: str, glob: str) -> Grant:
    expires = datetime(2026, 11, 22, tzinfo=UTC)
    return Grant(environment=environment, owner="alice", agent="claude", expires_at=expires, targets=(glob,))
