"""Which policies folder a command looks at: the named one, else the configured one, else the shipped one."""

from pathlib import Path

import click

from firewall.cli.report import config_of, fail, say
from firewall.core.errors import ConfigError
from firewall.policy.defaults import shipped
from firewall.policy.in_force import approvers_of
from firewall.policy.load import load
from firewall.policy.people import Approvers
from firewall.policy.problem import PolicyProblems
from firewall.policy.snapshot import Snapshot
from firewall.settings.load import find_settings, load_settings


def where(directory: Path | None) -> tuple[Path, Approvers | None]:
    """Find the folder, and who could approve; None where there is no installation that could tell."""
    given = config_of(click.get_current_context())
    try:
        find_settings(given)
    except ConfigError:
        folder = directory or shipped()
        if directory is None:
            say(f"there is no stayhand.toml; looking at the shipped policies in {folder}")
        return folder, None
    try:
        settings = load_settings(given)
    except ConfigError as error:
        fail(error.public, hint=error.hint)
    return directory or settings.policy_dir, approvers_of(settings)


def load_or_fail(folder: Path, approvers: Approvers | None) -> Snapshot:
    """Load a folder, or say everything that is wrong with it and end."""
    try:
        return load(folder, approvers=approvers)
    except PolicyProblems as error:
        for problem in error.problems:
            say(problem.text())
        fail(f"the policies in `{folder}` were refused", hint="run `stayhand policy check`")
