"""The routes in force: swapped as a whole, and only for good ones."""

from dataclasses import replace
from pathlib import Path

import pytest

from firewall.core.errors import ConfigError
from firewall.policy.defaults import shipped
from firewall.routing.call import Candidate
from firewall.routing.choosing.in_force import model_file, routes_of
from firewall.routing.port import Endpoint
from firewall.routing.providers import Providers
from firewall.settings.load import load_settings
from tests.support.choosing import HOUSES, NOW_US

ROUTE = '[[route]]\nname = "r"\nchain = ["saas/a", "saas/b"]\n'


def test_a_load_swaps_the_whole_table_or_nothing(tmp_path: Path) -> None:
    """What is wrong is said with its file, and the last good table stays; what is good is in force as a whole."""
    path, models = tmp_path / "stayhand.toml", tmp_path / "policies" / "models.toml"
    models.parent.mkdir()
    path.write_text(ROUTE, encoding="utf-8")
    models.write_text("", encoding="utf-8")
    routes = routes_of(load_settings(str(path), {}), Providers(HOUSES))
    first = routes()
    path.write_text(ROUTE.replace("saas/a", "nobody/a"), encoding="utf-8")
    models.write_text('[[model]]\nname = "a"\ncontext_window = 5\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="nobody"):
        routes.load()
    assert routes() is first
    path.write_text(ROUTE, encoding="utf-8")
    digest = routes.load()
    assert routes().models.of("saas", "a").context_window == 5
    assert digest == routes().digest != first.digest
    models.write_text("[[model]", encoding="utf-8")
    with pytest.raises(ConfigError, match="is not valid TOML"):
        routes.load()
    assert routes().digest == digest


def test_prices_of_our_own_and_of_the_list_are_quoted(tmp_path: Path) -> None:
    """The worst case of a call in micro-USD, from models.toml first, then the list; None where neither knows."""
    path, models = tmp_path / "stayhand.toml", tmp_path / "policies" / "models.toml"
    models.parent.mkdir()
    path.write_text(ROUTE, encoding="utf-8")
    own = '[[model]]\nname = "a"\ninput_micros_per_million = 2000000\noutput_micros_per_million = 10000000\n'
    models.write_text(own, encoding="utf-8")
    routes = routes_of(load_settings(str(path), {}), Providers(HOUSES))
    listed = replace(HOUSES[0], endpoint=Endpoint("saas", "https://api.anthropic.com"))
    assert routes.worst_micros(Candidate(HOUSES[0], "a"), 1000, 100, NOW_US) == 3000
    assert routes.worst_micros(Candidate(HOUSES[0], "unheard-of"), 1000, 100, NOW_US) is None
    assert (routes.worst_micros(Candidate(listed, "claude-sonnet-5"), 1000, 100, NOW_US) or 0) >= 3000


def test_the_price_list_knows_windows_where_there_are_routes(tmp_path: Path) -> None:
    """Without a route nobody is chosen, and the list is not asked."""
    path = tmp_path / "stayhand.toml"
    houses = [replace(HOUSES[0], endpoint=Endpoint("saas", "https://api.anthropic.com"))]
    for text, window in ((ROUTE, 1_000_000), ("", None)):
        path.write_text(text, encoding="utf-8")
        routes = routes_of(load_settings(str(path), {}), Providers(houses))
        assert routes().models.of("saas", "claude-sonnet-5").context_window == window


def test_a_folder_without_the_file_uses_the_shipped_one(tmp_path: Path) -> None:
    """Policies made before there was a models.toml stay good."""
    path = tmp_path / "stayhand.toml"
    path.write_text("", encoding="utf-8")
    settings = load_settings(str(path), {})
    assert model_file(settings) == shipped() / "models.toml"
    assert routes_of(settings, Providers(HOUSES))().models.of("g", "gemini-2.5-pro").context_window == 1048576
