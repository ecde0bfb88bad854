"""`stayhand policy`: check a policies folder, explain a command, run the policies' own cases, load them.

Results on stdout, talk on stderr; exit 0 ok, 1 refused or failed, 2 usage. Only `load` speaks to the server.
"""

import json
import os
import shlex
import sys
from pathlib import Path
from typing import IO

import click

from firewall.cli.explained import as_json, as_label, as_text
from firewall.cli.report import config_of, fail, result, say
from firewall.core.errors import ConfigError
from firewall.policy import cases
from firewall.policy.defaults import shipped
from firewall.policy.load import check as check_folder
from firewall.policy.load import load as load_folder
from firewall.policy.people import Approvers
from firewall.policy.problem import PolicyProblems, Problem
from firewall.policy.reading import InputError, InputKind, call_of, shell_call
from firewall.policy.snapshot import Snapshot
from firewall.policy.trial import DEFAULT_ROLE, Scene, attempt
from firewall.settings import find_settings, load_settings

_folder = click.argument("directory", required=False, type=click.Path(path_type=Path), metavar="[DIR]")
_json = click.option("--json", "wants_json", is_flag=True, help="Machine-readable output.")


@click.group()
def policy() -> None:
    """Look at, test and load the policies."""


@policy.command()
@_folder
@_json
def check(directory: Path | None, *, wants_json: bool) -> None:
    """List every problem of a policies folder, with file and line.

    Example: stayhand policy check ./policies
    """
    folder, approvers = _where(directory)
    problems = check_folder(folder, approvers=approvers)
    fatal = sum(problem.is_fatal for problem in problems)
    if wants_json:
        result({"ok": not fatal, "problems": [_problem(problem) for problem in problems]})
    else:
        for problem in problems:
            click.echo(problem.text())
    say(f"{folder}: {fatal} problems, {len(problems) - fatal} warnings")
    sys.exit(1 if fatal else 0)


@policy.command()
@click.argument("command", nargs=-1, metavar="-- COMMAND…")
@click.option(
    "--batch", type=click.File("r", encoding="utf-8"), metavar="F", help="One case a line; `-` reads stdin."
)
@click.option(
    "--env",
    "environment",
    default="staging",
    show_default=True,
    metavar="E",
    help="Environment of the grant.",
)
@click.option("--workspace", default="", metavar="D", help="Workspace of the grant [default: here].")
@click.option("--role", default=DEFAULT_ROLE, show_default=True, help="Role of the token.")
@click.option("--dir", "directory", type=click.Path(path_type=Path), metavar="DIR", help="A policies folder.")
@_json
def explain(
    *,
    command: tuple[str, ...],
    batch: IO[str] | None,
    environment: str,
    workspace: str,
    role: str,
    directory: Path | None,
    wants_json: bool,
) -> None:
    """Say what a command would do, what the policies say to it, and which words and row decided.

    Example: stayhand policy explain --env staging -- 'rm -rf build && git push -f'
    """
    if bool(command) == (batch is not None):
        raise click.UsageError("give either a command after `--` or --batch F")
    snapshot = _snapshot(directory)
    place = os.path.realpath(workspace or ".")
    scene = Scene(environment=environment, workspace=place, role=role)
    if batch is not None:
        sys.exit(0 if _explain_batch(snapshot, batch, scene) else 1)
    text = command[0] if len(command) == 1 else shlex.join(command)
    trial = attempt(snapshot, shell_call(text), scene)
    if wants_json:
        result(as_json(trial, snapshot))
    else:
        click.echo("\n".join(as_text(trial, snapshot)))


@policy.command()
@_folder
@_json
def test(directory: Path | None, *, wants_json: bool) -> None:
    """Run the cases of a policies folder against its rows.

    Example: stayhand policy test ./policies
    """
    folder, approvers = _where(directory)
    report = cases.run(folder, _load(folder, approvers))
    if wants_json:
        failures = [{"file": f.file, "name": f.name, "message": f.message} for f in report.failures]
        result({"ok": not failures, "cases": report.count, "failures": failures})
    else:
        for failure in report.failures:
            click.echo(failure.text())
    say(f"{folder}: {report.count} cases, {len(report.failures)} failures")
    sys.exit(1 if report.failures else 0)


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


def _explain_batch(snapshot: Snapshot, batch: IO[str], scene: Scene) -> bool:
    """Answer line by line; a line that cannot be read is `unknown` and makes the whole run fail."""
    ok = True
    for number, line in enumerate(batch, 1):
        if not line.strip():
            continue
        name: object = None
        answer: dict[str, object] = {"label": "unknown", "also": []}
        try:
            case = json.loads(line)
            if not isinstance(case, dict):
                raise InputError("an object was expected")
            name = case.get("id")
            call = call_of(
                InputKind(str(case.get("kind"))), case.get("input"), dialect=str(case.get("dialect") or "")
            )
            answer = as_label(attempt(snapshot, call, scene))
        except (ValueError, RecursionError) as error:
            say(f"stayhand: error: line {number}: {error}")
            ok = False
        click.echo(json.dumps({"id": name, **answer}, ensure_ascii=False))
    return ok


def _where(directory: Path | None) -> tuple[Path, Approvers]:
    """Find the folder as given, else the configured one, else the shipped one; and who approves."""
    given = config_of(click.get_current_context())
    try:
        find_settings(given)
    except ConfigError:
        folder = directory or shipped()
        if directory is None:
            say(f"there is no stayhand.toml; looking at the shipped policies in {folder}")
        return folder, Approvers()
    try:
        settings = load_settings(given)
    except ConfigError as error:
        fail(error.public, hint=error.hint)
    groups = {approver.name: frozenset(approver.groups) for approver in settings.approver}
    return directory or settings.policy_dir, Approvers(groups, solo=settings.approvals.solo)


def _snapshot(directory: Path | None) -> Snapshot:
    folder, approvers = _where(directory)
    return _load(folder, approvers)


def _load(folder: Path, approvers: Approvers) -> Snapshot:
    try:
        return load_folder(folder, approvers=approvers)
    except PolicyProblems as error:
        for problem in error.problems:
            say(problem.text())
        fail(f"the policies in `{folder}` were refused", hint="run `stayhand policy check`")


def _problem(problem: Problem) -> dict[str, object]:
    return {
        "file": problem.file,
        "line": problem.line,
        "message": problem.message,
        "hint": problem.hint,
        "fatal": problem.is_fatal,
    }
