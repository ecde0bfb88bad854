"""The commands that a shell text was read as, for people who want to see how it was taken."""

import pytest

from firewall.classify.shell.trace import MAX_SHOWN, commands_of
from firewall.classify.tool import start_scope
from tests.support.understanding import shipped_context


def _lines(text: str) -> list[str]:
    context = shipped_context()
    return ["  " * one.depth + one.text for one in commands_of(text, context, start_scope(context))]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("ls; pwd", ["ls", "pwd"]),
        ("ls && (rm -r a | tee b)", ["ls", "rm -r a", "tee b"]),
        ("'r'm -r\"f\" 'a b'", ["rm -rf 'a b'"]),
        ("find . -name '*.py' -exec rm {} +", ["find . -name '*.py' -exec rm '{}' +", "  rm ⟨{}⟩"]),
        ("f() { rm -r $1; }; f build", ["f build", "  rm -r build"]),
        ("rm -rf $X *.log", ["rm -rf $X *.log"]),
        ("echo `rm x`", ["rm x", "echo `rm x`"]),
        ("", []),
    ],
)
def test_commands_in_order(text: str, lines: list[str]) -> None:
    """Quotes and constants are resolved, what came out of a wrapper is one deeper, unknown words stand out."""
    assert _lines(text) == lines


def test_a_loop_shows_each_command_once_for_each_value() -> None:
    """The same words at the same place are not repeated."""
    assert _lines("for i in a b; do rm -r $i; ls; done") == ["rm -r a", "ls", "rm -r b"]


def test_long_commands_are_cut() -> None:
    """A line is bounded."""
    (line,) = _lines(f"echo {'x' * 1000}")
    assert len(line) == MAX_SHOWN
    assert line.endswith("…")
