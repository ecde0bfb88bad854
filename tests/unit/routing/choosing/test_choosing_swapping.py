"""Somebody else first: compiled, written and put in force, or none of it; and taken back."""

from pathlib import Path

import pytest

from firewall.core.errors import ConfigError
from firewall.routing.choosing.in_force import Routes, routes_of
from firewall.routing.choosing.swapping import Swaps
from firewall.routing.providers import Providers
from firewall.settings.load import load_settings
from tests.support.choosing import HOUSES

TEXT = '# kept\r\n[[route]]\r\nname = "r"\r\nchain = ["saas/a", "euro/b"]  # kept\r\n'


@pytest.fixture
def routes(tmp_path: Path) -> Routes:
    """Return the routes of a configuration on disk."""
    path = tmp_path / "stayhand.toml"
    path.write_bytes(TEXT.encode())
    path.chmod(0o640)
    return routes_of(load_settings(str(path), {}), Providers(HOUSES))


def first(routes: Routes) -> str:
    """Return who is asked first now."""
    candidate = routes().named("r").chain[0].candidate
    return candidate.name if candidate else ""


def test_a_swap_is_written_and_in_force_and_can_be_taken_back(routes: Routes, tmp_path: Path) -> None:
    """The file keeps its mode, its comments and its line ends; undoing needs no memory of the process."""
    path, swaps = Path(routes.settings.path), Swaps(tmp_path / "swaps.json")
    done = swaps.swap(routes, "r", "own/c")
    assert (done.was, done.now, done.digest) == ("saas/a", "own/c", routes().digest)
    assert first(routes) == "own/c"
    assert path.read_bytes() == TEXT.replace("saas/a", "own/c").encode()
    assert path.stat().st_mode & 0o777 == 0o640
    assert Swaps(tmp_path / "swaps.json").undo(routes, "r").now == "saas/a"
    assert (first(routes), path.read_bytes()) == ("saas/a", TEXT.encode())
    assert swaps.undo(routes, "r").now == "own/c"


def test_a_swap_that_cannot_be_compiled_changes_nothing(routes: Routes, tmp_path: Path) -> None:
    """Neither the file nor what is in force."""
    before = routes()
    for to in ("nobody/c", "r", "euro/"):
        with pytest.raises(ConfigError):
            Swaps(tmp_path / "swaps.json").swap(routes, "r", to)
    assert routes() is before
    assert Path(routes.settings.path).read_bytes() == TEXT.encode()


def test_a_file_that_cannot_be_written_leaves_the_old_routes_in_force(tmp_path: Path) -> None:
    """What is in force is what is written: here no name is left for the new file beside the old one."""
    path = tmp_path / f"{'x' * 245}.toml"
    path.write_bytes(TEXT.encode())
    routes = routes_of(load_settings(str(path), {}), Providers(HOUSES))
    before = routes()
    with pytest.raises(ConfigError, match="cannot write"):
        Swaps(tmp_path / "swaps.json").swap(routes, "r", "own/c")
    assert routes() is before
    assert path.read_bytes() == TEXT.encode()
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_only_the_last_change_that_still_stands_is_taken_back(routes: Routes, tmp_path: Path) -> None:
    """Without a change, and after somebody else's, nothing is guessed."""
    swaps = Swaps(tmp_path / "swaps.json")
    with pytest.raises(ConfigError, match="there is no change"):
        swaps.undo(routes, "r")
    swaps.swap(routes, "r", "own/c")
    Path(routes.settings.path).write_text(TEXT.replace("saas/a", "vpc/d"), encoding="utf-8")
    with pytest.raises(ConfigError, match="was changed since"):
        swaps.undo(routes, "r")
    swaps.path.write_text("[1]", encoding="utf-8")
    with pytest.raises(ConfigError, match="there is no change"):
        swaps.undo(routes, "r")
