"""`stayhand route explain`: the way of a call, without a server."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from firewall.cli.route import route

CONFIG = """
[[provider]]
name = "a"
dialect = "anthropic"
base_url = "https://api.anthropic.com"
api_key = { env = "STAYHAND_TEST_NOT_SET" }

[[provider]]
name = "own"
dialect = "anthropic"
base_url = "https://llm.example.internal"
api_key = { env = "STAYHAND_TEST_NOT_SET" }
hosting = "self"

[[route]]
name = "night"
models = ["coder"]
when = { hours = "22:00-06:00" }
chain = ["a/claude-haiku-5-5"]

[[route]]
name = "coder"
chain = ["a/claude-sonnet-5", "own/m"]
"""
MODELS = '[[constraint]]\nname = "inside"\nwhen = { sensitivity = ["internal"] }\nhosting = ["self"]\n'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with a configuration."""
    (tmp_path / "stayhand.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "models.toml").write_text(MODELS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STAYHAND_CONFIG", raising=False)
    return tmp_path


def asked(*options: str, stdin: str = "") -> Result:
    """Ask by day, unless the options say when."""
    when = () if "--at" in options else ("--at", "2026-11-21T12:00+00:00")
    return CliRunner().invoke(route, ["explain", *options, *when], input=stdin)


def test_it_says_who_is_asked_and_what_that_costs() -> None:
    """Every route up to the one that decides, every candidate in order with its worst case."""
    said = asked("--model", "coder", "--tokens", "1000", "--max-tokens", "100")
    assert said.exit_code == 0, said.output
    assert "route       night: no, hours" in said.stdout
    assert "route       coder: fits" in said.stdout
    assert "asked 1     a/claude-sonnet-5, at most $0.00" in said.stdout
    assert "asked 2     own/m, at most a price that nobody knows" in said.stdout
    assert "a/claude-haiku-5-5" in asked("--model", "coder", "--at", "2026-11-21T23:00+00:00").stdout


def test_it_says_who_is_left_out_and_why() -> None:
    """Constraints that bind are named, and a call that nobody is left for ends with exit 1 and its code."""
    found = json.loads(asked("--model", "coder", "--tag", "sensitivity=internal", "--json").stdout)
    assert found["left_out"] == [{"name": "a/claude-sonnet-5", "why": "constraint:inside"}]
    assert [one["name"] for one in found["candidates"]] == ["own/m"]
    assert found["constraints"] == ["inside"]
    said = asked("--model", "other", "--tag", "sensitivity=internal")
    assert said.exit_code == 1
    assert "left out    a/other: constraint:inside" in said.stdout
    assert "refused     403 constraint_unmet" in said.stdout
    granted = asked("--model", "coder", "--grant", "own/*", "--json")
    assert json.loads(granted.stdout)["left_out"] == [{"name": "a/claude-sonnet-5", "why": "grant"}]


def test_a_request_says_what_is_asked(folder: Path) -> None:
    """From a file or the standard input; what cannot be read is an error in plain words."""
    request = {"model": "coder", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
    for said in (asked("request.json", "--json"), asked("-", "--json", stdin=json.dumps(request))):
        assert json.loads(said.stdout)["facts"]["output_tokens"] == 5
    for dialect in ("openai-chat", "openai-responses", "gemini"):
        assert asked("--model", "x", "--dialect", dialect, "--json").exit_code == 1, "nobody speaks it here"
    assert asked("--model", "coder", "--at", "yesterday").exit_code == 2
    broken = asked("-", stdin="{")
    assert (broken.exit_code, "stayhand: error:" in broken.stderr) == (1, True)


def test_a_configuration_that_is_wrong_is_said_with_its_file(folder: Path) -> None:
    """As the server would say it at its start."""
    (folder / "stayhand.toml").write_text(CONFIG.replace('"own/m"', '"nobody/m"'), encoding="utf-8")
    said = asked("--model", "coder")
    assert said.exit_code == 1
    assert "names the provider `nobody`" in said.stderr


def test_the_text_is_searched_as_the_server_would_search_it(folder: Path) -> None:
    """What it holds is a fact like others; policies that cannot be read are an error in plain words."""
    (folder / "policies" / "models.toml").write_text(MODELS.replace("internal", "personal:iban"), encoding="utf-8")
    turn = {"role": "user", "content": "pay DE89 3704 0044 0532 0130 00"}
    request = json.dumps({"model": "coder", "max_tokens": 5, "messages": [turn]})
    assert json.loads(asked("-", "--json", stdin=request).stdout)["constraints"] == ["inside"]
    (folder / "policies" / "personal.toml").write_text("[[kind]", encoding="utf-8")
    said = asked("-", stdin=request)
    assert (said.exit_code, "personal.toml" in said.stderr) == (1, True)
