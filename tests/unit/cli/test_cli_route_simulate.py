"""`stayhand route simulate` reckons the published tables again, and one's own mix through one's own routes."""

import json
from pathlib import Path

from click.testing import CliRunner

from firewall.cli.main import stayhand
from firewall.cli.route_simulate import PUBLISHED

CONFIG = """
[[provider]]
name = "openai"
dialect = "openai-chat"
base_url = "https://api.openai.com/v1"
api_key = { env = "NOBODY_HAS_THIS" }

[[route]]
name = "easy"
chain = ["openai/gpt-5.4-nano"]

[route.when]
feature = ["faq"]

[[route]]
name = "hard"
models = ["coder"]
chain = ["openai/gpt-5.4"]
"""
MIX = """
[[scenario]]
name = "mine"
rows = [
  { task = "faq", calls = 10, single_model = "gpt-5.4", input_tokens = 1000, ask = "easy", feature = "faq" },
  { task = "code", calls = 10, single_model = "gpt-5.4", input_tokens = 1000, ask = "coder" },
]
"""


def test_the_published_tables() -> None:
    """Exit 0 says that they add up; the saving and the uptime stand in the text."""
    said = CliRunner().invoke(stayhand, ["route", "simulate"])
    assert said.exit_code == 0, said.output
    for words in ("74 % saved, as published", "18 % saved, as published", "$37500.00", "99.9994 %"):
        assert words in said.output
    assert PUBLISHED.endswith(".toml")


def test_a_mix_of_one_s_own_through_one_s_own_routes(tmp_path: Path) -> None:
    """Whoever the routes choose today is paid at today's price."""
    (tmp_path / "stayhand.toml").write_text(CONFIG)
    (tmp_path / "mix.toml").write_text(MIX)
    arguments = ["--config", str(tmp_path / "stayhand.toml"), "route", "simulate", str(tmp_path / "mix.toml")]
    said = CliRunner().invoke(stayhand, [*arguments, "--routes", "--json"])
    assert said.exit_code == 0, said.output
    tasks = json.loads(said.output)["scenarios"][0]["tasks"]
    assert [task["routed_model"] for task in tasks] == ["gpt-5.4-nano", "gpt-5.4"]
    assert [task["routed_today_micros"] for task in tasks] == [2_000, 25_000]
    assert [task["single_today_micros"] for task in tasks] == [25_000, 25_000]


def test_a_file_that_is_no_mix_is_an_error(tmp_path: Path) -> None:
    """With a code and without a traceback."""
    (tmp_path / "mix.toml").write_text("scenario = 7")
    said = CliRunner().invoke(stayhand, ["route", "simulate", str(tmp_path / "mix.toml")])
    assert said.exit_code == 1
