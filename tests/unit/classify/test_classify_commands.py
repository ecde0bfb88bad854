"""The commands that a call says in so many words, whatever tool carries them."""

import json
from functools import cache

import pytest

from firewall.classify.catalogue import Catalogue
from firewall.classify.commands import commands_of
from firewall.core.call import CallForm, ToolCall
from firewall.policy.defaults import shipped
from firewall.policy.load import load


@cache
def _catalogue() -> Catalogue:
    return load(shipped()).catalogue


def _of(name: str, arguments: object, form: CallForm = CallForm.JSON) -> tuple[str, ...]:
    raw = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return commands_of(ToolCall("c", name, raw.encode(), form), _catalogue())


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("Bash", {"command": "ls -l", "description": "x"}),
        ("exec_command", {"cmd": "ls -l", "workdir": "/"}),
        ("functions/exec_command", {"cmd": "ls -l"}),
    ],
)
def test_a_shell_tools_command_is_its_text(name: str, arguments: object) -> None:
    """Whatever the argument is called."""
    assert _of(name, arguments) == ("ls -l",)


def test_a_script_says_each_command_of_its_calls() -> None:
    """As often as it stands there, and only what is known to the letter."""
    script = (
        'await tools.exec_command({"cmd": "ls"}); await tools.exec_command({"cmd": "ls"}); '
        'const what = await tools.exec_command({"cmd": "rm " + unknown()}); '
        'await tools.exec_command({"cmd": "pwd"});'
    )
    assert sorted(_of("exec", script, CallForm.TEXT)) == ["ls", "ls", "pwd"]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("Write", {"file_path": "a", "content": "ls"}),
        ("nobody_knows", {"command": "ls"}),
        ("Bash", {"command": ["ls"]}),
        ("Bash", {"command": "ls", "cmd": "pwd"}),
        ("Bash", "{"),
        ("exec", "await tools.exec_command("),
    ],
)
def test_nothing_is_guessed(name: str, arguments: object) -> None:
    """What is no one text of a shell tool is no command."""
    form = CallForm.TEXT if name == "exec" else CallForm.JSON
    assert _of(name, arguments, form) == ()
