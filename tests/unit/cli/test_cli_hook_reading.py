"""What `stayhand hook check` takes for ours in an agent's file, and what it never runs."""

import json
import re

import pytest

from firewall.cli.hook_reading import foreign_in, lines_in, options_of, switched_off
from firewall.cli.hook_setup import MARK, installed_text, missing_in, program_line
from firewall.codecs.hooks.shapes import AGENTS

PROGRAM = ("/opt/stay hand/stayhand",)
URL = "http://127.0.0.1:8787"
OPTIONS = ["--url", URL, "--token-file", "/run/it's here", "--wait", "20"]
GROUPED = ("claude-code", "codex", "gemini", "qwen")


def _line(agent: str) -> str:
    return program_line(agent, PROGRAM, OPTIONS)


@pytest.mark.parametrize("agent", AGENTS)
def test_what_install_writes_is_ours(agent: str) -> None:
    """The line of an installation is read back with its options, whatever must be quoted in them."""
    text = installed_text(agent, "", _line(agent), wait_s=20)
    assert set(lines_in(agent, text)) == {_line(agent)}
    assert options_of(agent, _line(agent), PROGRAM) == dict(zip(OPTIONS[::2], OPTIONS[1::2], strict=True))
    assert foreign_in(agent, text, PROGRAM, URL) == []


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize(
    "line",
    [
        f"touch owned # {MARK}",
        "touch owned; {ours}",
        "{ours}\ntouch owned",
        "{ours} ; touch owned",
        "X=1 {ours}",
        "/opt/evil {ours}",
        f"'unclosed # {MARK}",
    ],
)
def test_any_other_line_is_not_ours(agent: str, line: str) -> None:
    """A line that bears our mark and is not what `install` writes is reported."""
    text = installed_text(agent, "", line.format(ours=_line(agent)))
    assert "not ours, and not run" in foreign_in(agent, text, PROGRAM, "")[0]


@pytest.mark.parametrize("agent", AGENTS)
def test_another_program_or_address_is_not_ours(agent: str) -> None:
    """Another program's line is not ours; another firewall's is not where one is named."""
    text = installed_text(agent, "", _line(agent))
    assert foreign_in(agent, text, ("/opt/other/stayhand",), "")
    assert (
        "http://127.0.0.1:8787, not http://127.0.0.1:1"
        in foreign_in(agent, text, PROGRAM, "http://127.0.0.1:1")[0]
    )


@pytest.mark.parametrize("agent", ["opencode", "cline"])
def test_more_in_a_program_of_ours_is_not_ours(agent: str) -> None:
    """Where the file is a program, nothing else may stand in it."""
    text = installed_text(agent, "", _line(agent))
    assert foreign_in(agent, f"{text}\ntouch owned\n", PROGRAM, "")


def test_two_lines_of_ours_must_be_one() -> None:
    """A second entry with other options is reported: only one of them would be looked at."""
    settings = json.loads(installed_text("claude-code", "", _line("claude-code")))
    other = program_line("claude-code", PROGRAM, ["--url", "http://10.0.0.1:1"])
    settings["hooks"]["SessionStart"][0]["hooks"][0]["command"] = other
    assert "differ" in foreign_in("claude-code", json.dumps(settings), PROGRAM, "")[0]


@pytest.mark.parametrize("agent", GROUPED)
@pytest.mark.parametrize("matcher", ["Bash", "NeverMatches", "^$", 1])
def test_a_matcher_that_leaves_calls_out_is_missing(agent: str, matcher: object) -> None:
    """An entry that is not asked about every call does not count."""
    settings = json.loads(installed_text(agent, "", _line(agent)))
    event = next(iter(settings["hooks"]))
    settings["hooks"][event][0]["matcher"] = matcher
    assert missing_in(agent, json.dumps(settings)) == [f"no hook of ours for {event}"]


def test_cursors_matcher_covers_every_tool() -> None:
    """Tools that no list names are asked about; commands and MCP calls have events of their own."""
    text = installed_text("cursor", "", _line("cursor"))
    settings = json.loads(text)
    matcher = re.compile(settings["hooks"]["preToolUse"][0]["matcher"])
    asked = ("Read", "Write", "StrReplace", "Delete", "TabWrite", "WebFetch", "Task", "ShellOutput", "tomorrows")
    assert all(matcher.search(tool) for tool in asked)
    assert not any(matcher.search(tool) for tool in ("Shell", "MCP:drop_table"))
    settings["hooks"]["preToolUse"][0]["matcher"] = "Read|Write|Edit|Delete|Grep|Task"
    assert missing_in("cursor", json.dumps(settings)) == ["no hook of ours for preToolUse"]
    settings = json.loads(text)
    settings["hooks"]["beforeShellExecution"][0]["matcher"] = "git"
    assert missing_in("cursor", json.dumps(settings)) == ["no hook of ours for beforeShellExecution"]


@pytest.mark.parametrize("field", ["if", "async", "disabled"])
def test_an_entry_that_decides_nothing_is_missing(field: str) -> None:
    """A condition, or a hook that nobody waits for, asks about no call."""
    settings = json.loads(installed_text("claude-code", "", _line("claude-code")))
    settings["hooks"]["PreToolUse"][0]["hooks"][0][field] = "Bash(git *)" if field == "if" else True
    assert missing_in("claude-code", json.dumps(settings)) == ["no hook of ours for PreToolUse"]


def test_hooks_that_are_switched_off_are_told() -> None:
    """Settings under which no hook runs are named; others are not."""
    assert switched_off('{"disableAllHooks": true}') == ['"disableAllHooks" is set']
    assert switched_off('{"disableAllHooks": false, "hooks": {}}') == []
    assert len(switched_off('{"hooksConfig": {"enabled": false, "disabled": ["stayhand"]}}')) == 2
    assert switched_off("[]") == switched_off("{") == switched_off("") == []
