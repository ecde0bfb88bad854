"""Scripts are read from JSON as they are written, and refused with a reason when they are none."""

import json
from pathlib import Path

import pytest

from firewall.core.errors import ConfigError, ProtocolError
from firewall.demo.script import (
    Custom,
    Fault,
    FaultKind,
    FaultPlace,
    Function,
    Scene,
    Script,
    Shell,
    Turn,
    WriteFile,
    load,
    parse,
)


def test_every_field_is_read(tmp_path: Path) -> None:
    """Each call, fault and pace of the JSON form has its place."""
    calls = [
        {"shell": "ls", "description": "List"},
        {"write": "a.txt", "content": "a"},
        {"custom": "apply_patch", "input": "raw"},
        {"function": "get_weather", "arguments": {"city": "Rome"}},
    ]
    fault = {"kind": "stall", "at": "call", "seconds": 1.5, "times": 2, "status": 503, "retry_after_s": 3}
    turn = {"text": "t", "thinking": "h", "calls": calls, "fault": fault}
    written = {"delay_ms": 20, "seed": "s", "scenes": [{"when": "w", "turns": [turn, {}]}]}
    path = tmp_path / "script.json"
    path.write_text(json.dumps(written))
    wanted = Turn(
        text="t",
        thinking="h",
        calls=(
            Shell("ls", "List"),
            WriteFile("a.txt", "a"),
            Custom("apply_patch", "raw"),
            Function("get_weather", '{"city": "Rome"}'),
        ),
        fault=Fault(FaultKind.STALL, at=FaultPlace.CALL, seconds=1.5, times=2, status=503, retry_after_s=3),
    )
    assert load(path) == Script(scenes=(Scene(when="w", turns=(wanted, Turn())),), delay_s=0.02, seed="s")


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"scenes": []},
        {"scenes": [{"when": "x"}]},
        {"scenes": [{"turns": [{"calls": [{"shall": "ls"}]}]}]},
        {"scenes": [{"turns": [{"fault": {"kind": "flood"}}]}]},
        {"scenes": [{"turns": [{"fault": {"kind": "stall", "seconds": "1"}}]}]},
        {"scenes": [{"turns": [{}]}], "delay_ms": "fast"},
    ],
)
def test_what_is_no_script_is_refused(written: dict[str, object]) -> None:
    """A misspelt or empty script is an error, never a provider that says nothing."""
    with pytest.raises((ConfigError, ValueError)):
        parse(json.dumps(written).encode())


def test_a_script_that_is_no_json_is_refused() -> None:
    """Two readings of one file are none."""
    with pytest.raises(ProtocolError):
        parse(b'{"scenes": [], "scenes": []}')


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error says which file could not be read."""
    with pytest.raises(ConfigError, match=r"none\.json"):
        load(tmp_path / "none.json")


def test_a_script_that_is_over_says_so() -> None:
    """After its last turn a scene ends in words, never in a repeated call."""
    script = Script(scenes=(Scene(when="a", turns=(Turn(calls=(Shell("ls"),)),)),))
    assert script.turn("A", 0).calls
    assert script.turn("A", 1) == Turn(text="There is nothing left to do.")
    assert script.turn("b", 0) == Turn(text="The script has no scene for this prompt.")
