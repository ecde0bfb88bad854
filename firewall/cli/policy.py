"""`stayhand policy`: check a policies folder, explain a command, run the policies' own cases, load them.

Results on stdout, talk on stderr; exit 0 ok, 1 refused or failed, 2 usage. Only `load` speaks to the server.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from firewall.cli.explain import explain
from firewall.cli.folder import load_or_fail, where
from firewall.cli.options import Listed
from firewall.cli.policy_simulate import simulate
from firewall.cli.report import counted, result, say
from firewall.policy import cases
from firewall.policy.load import check as check_folder
from firewall.policy.problem import Problem

_folder = click.argument("directory", required=False, type=click.Path(path_type=Path), metavar="[DIR]")
_json = click.option("--json", "wants_json", is_flag=True, help="Machine-readable output.")


@click.group(cls=Listed)
def policy() -> None:
    """Look at, test and load the policies."""


policy.add_command(explain)
policy.add_command(simulate)


@policy.command()
@_folder
@_json
def check(directory: Path | None, *, wants_json: bool) -> None:
    """List every problem of a policies folder, with file and line.

    Example: stayhand policy check ./policies
    """
    folder, approvers = where(directory)
    problems = check_folder(folder, approvers=approvers)
    fatal = sum(problem.is_fatal for problem in problems)
    if wants_json:
        result({"ok": not fatal, "problems": [_problem(problem) for problem in problems]})
    else:
        for problem in problems:
            click.echo(problem.text())
    say(f"{folder}: {counted(fatal, 'problem')}, {counted(len(problems) - fatal, 'warning')}")
    sys.exit(1 if fatal else 0)


@policy.command()
@_folder
@_json
def test(directory: Path | None, *, wants_json: bool) -> None:
    """Run the cases of a policies folder against its rows.

    Example: stayhand policy test ./policies
    """
    folder, approvers = where(directory)
    refused = [one for one in check_folder(folder, approvers=approvers) if one.is_fatal]
    if refused:
        _refused(folder, refused, wants_json=wants_json)
    report = cases.run(folder, load_or_fail(folder, approvers))
    if wants_json:
        failures = [{"file": f.file, "name": f.name, "message": f.message} for f in report.failures]
        result({"ok": not failures, "cases": report.count, "failures": failures})
    else:
        for failure in report.failures:
            click.echo(failure.text())
    say(f"{folder}: {counted(report.count, 'case')}, {counted(len(report.failures), 'failure')}")
    sys.exit(1 if report.failures else 0)


def _refused(folder: Path, problems: Sequence[Problem], *, wants_json: bool) -> NoReturn:
    """Say why nothing was tested: a pack that would block its own suggestion among them."""
    if wants_json:
        result({"ok": False, "cases": 0, "failures": [], "problems": [_problem(one) for one in problems]})
    for problem in problems if not wants_json else ():
        click.echo(problem.text())
    say(f"{folder}: refused with {counted(len(problems), 'problem')}; no case was run")
    sys.exit(1)


@policy.command()
@_json
@click.pass_context
def load(ctx: click.Context, *, wants_json: bool) -> None:
    """Make the policies on disk the active ones; a refused load keeps the old ones. Needs an admin credential.

    Example: STAYHAND_TOKEN=shd_… stayhand policy load
    """
    from firewall.cli.client import control_client, row_of

    with control_client(ctx) as client:
        answer = row_of(client.post("/api/policy/load", {}))
    if wants_json:
        result(answer)
    else:
        click.echo(f"loaded {answer.get('policy', '')}")


def _problem(problem: Problem) -> dict[str, object]:
    return {
        "file": problem.file,
        "line": problem.line,
        "message": problem.message,
        "hint": problem.hint,
        "fatal": problem.is_fatal,
    }
