"""The documentation cannot drift from the code: whatever users type, read or configure is written down."""

from functools import cache
from typing import get_args

import click
import pytest
from firewall.cli.main import main
from pydantic import BaseModel

from firewall.core.reason import Reason
from firewall.settings import Settings
from tests.meta.tree import shown, texts


@cache
def _docs() -> str:
    return "\n".join(
        text for path, text in texts() if shown(path) == "README.md" or shown(path).startswith("docs/")
    )


def _commands(group: click.Command, prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(group, click.Group):
        return [prefix]
    return [name for key, command in group.commands.items() for name in _commands(command, (*prefix, key))]


def _keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    found: list[str] = []
    for name, field in model.model_fields.items():
        inner = [kind for kind in (field.annotation, *get_args(field.annotation)) if _is_model(kind)]
        if inner and not prefix:
            found += [key for kind in inner for key in _keys(kind, f"{name}.")]
        else:
            found.append(prefix + name)
    return found


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_code_is_documented(reason: Reason) -> None:
    """A refusal's reason can be looked up."""
    assert f"`{reason.value}`" in _docs()


def test_every_command_is_documented() -> None:
    """Each command stands in the documentation as it is typed."""
    missing = [" ".join(name) for name in _commands(main) if f"stayhand {' '.join(name)}" not in _docs()]
    assert missing == []


def test_every_command_has_help() -> None:
    """Each command explains itself in its first line."""

    def silent(command: click.Command) -> list[str]:
        below = command.commands.values() if isinstance(command, click.Group) else ()
        own = [] if (command.help or "").strip() else [str(command.name)]
        return own + [name for inner in below for name in silent(inner)]

    assert silent(main) == []


def test_every_settings_key_is_documented() -> None:
    """Each key of stayhand.toml stands in the documentation under its section."""
    hidden = {"path"}  # where the settings were read from; not a key of the file
    missing = [key for key in _keys(Settings) if key not in hidden and f"`{key}`" not in _docs()]
    assert missing == []
