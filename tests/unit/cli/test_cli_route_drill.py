"""`stayhand route drill`: what it is asked that makes no sense together."""

import pytest
from click.testing import CliRunner

from firewall.cli.route import route


@pytest.mark.parametrize("more", [["--every", "1m"], ["--scenario", "503"]])
def test_a_share_of_all_traffic_fails_once_and_in_one_way(more: list[str]) -> None:
    """Nobody believes that it drills a scenario, or again, while it fails real calls: refused at once."""
    done = CliRunner().invoke(route, ["drill", "--share", "5", *more])
    assert done.exit_code == 2
    assert "--share" in done.output


def test_a_drill_says_whom_it_asks() -> None:
    """Without a route there is nothing to drill."""
    done = CliRunner().invoke(route, ["drill"])
    assert done.exit_code == 2
    assert "a route's name" in done.output
