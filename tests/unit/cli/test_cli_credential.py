"""`stayhand credential`: where a value may come from."""

import click
import pytest
from click.testing import CliRunner

from firewall.cli.credential import MOST, credential

VALUE = "typed-canary-5b1d9e7a3c"


def test_no_command_takes_a_value_as_a_word() -> None:
    """Neither an option nor an argument of any of the commands holds a value: names and flags alone."""
    for name in credential.list_commands(click.Context(credential)):
        command = credential.get_command(click.Context(credential), name)
        assert command is not None
        assert {param.name for param in command.params} <= {"name", "purpose", "as_json"}


@pytest.mark.parametrize("words", [["add", "x", VALUE], ["rotate", "x", VALUE], ["add", "x", f"--value={VALUE}"]])
def test_a_value_among_the_words_is_a_usage_error(words: list[str]) -> None:
    """It ends before anybody is asked."""
    assert CliRunner().invoke(credential, words).exit_code == 2


@pytest.mark.parametrize(
    ("given", "said"), [("", "no value came"), ("\n", "no value came"), ("x" * (MOST + 1), "too long")]
)
def test_a_value_that_is_none_is_refused_without_being_shown(given: str, said: str) -> None:
    """Nothing on standard input, or far too much of it."""
    done = CliRunner().invoke(credential, ["add", "one"], input=given)
    assert done.exit_code == 1
    assert said in done.output
    assert "xxxx" not in done.output
