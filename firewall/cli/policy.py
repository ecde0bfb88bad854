"""`stayhand policy`: check a policies folder, explain a command, run the policies' own cases, load them.

Results on stdout, talk on stderr; exit 0 ok, 1 refused or failed, 2 usage. Only `load` speaks to the server.
"""

import importlib
import json
import os
import shlex
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, NoReturn, Protocol, cast

import click

from firewall.cli.explained import as_json, as_label, as_text
from firewall.core.errors import ConfigError, FirewallError
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
_config = click.option("--config", metavar="F", help="The stayhand.toml to use.")
_json = click.option("--json", "wants_json", is_flag=True, help="Machine-readable output.")


@click.group()
def policy() -> None:
    """Look at, test and load the policies."""


@policy.command()
@_folder
@_config
@_json
def check(directory: Path | None, config: str | None, *, wants_json: bool) -> None:
    """List every problem of a policies folder, with file and line.

    Example: stayhand policy check ./policies
    """
    folder, approvers = _where(directory, config)
    problems = check_folder(folder, approvers=approvers)
    fatal = sum(problem.is_fatal for problem in problems)
    if wants_json:
        _print_json({"ok": not fatal, "problems": [_problem(problem) for problem in problems]})
    else:
        for problem in problems:
            click.echo(problem.text())
    _say(f"{folder}: {fatal} problems, {len(problems) - fatal} warnings")
    sys.exit(1 if fatal else 0)


@policy.command()
@click.argument("command", nargs=-1, metavar="-- COMMAND…")
@click.option(
    "--batch", type=click.File("r", encoding="utf-8"), metavar="F", help="One case a line; `-` reads stdin."
)
@click.option("--env", "environment", default="", metavar="E", help="Environment of the grant.")
@click.option("--workspace", default="", metavar="D", help="Workspace of the grant [default: here].")
@click.option("--role", default=DEFAULT_ROLE, show_default=True, help="Role of the token.")
@click.option("--dir", "directory", type=click.Path(path_type=Path), metavar="DIR", help="A policies folder.")
@_config
@_json
def explain(
    *,
    command: tuple[str, ...],
    batch: IO[str] | None,
    environment: str,
    workspace: str,
    role: str,
    directory: Path | None,
    config: str | None,
    wants_json: bool,
) -> None:
    """Say what a command would do, what the policies say to it, and which words and row decided.

    Example: stayhand policy explain --env staging -- 'rm -rf build && git push -f'
    """
    if bool(command) == (batch is not None):
        raise click.UsageError("give either a command after `--` or --batch F")
    snapshot = _snapshot(directory, config)
    place = os.path.realpath(workspace or ".")
    scene = Scene(environment=environment, workspace=place, role=role)
    if batch is not None:
        sys.exit(0 if _explain_batch(snapshot, batch, scene) else 1)
    text = command[0] if len(command) == 1 else shlex.join(command)
    trial = attempt(snapshot, shell_call(text), scene)
    if wants_json:
        _print_json(as_json(trial, snapshot))
    else:
        click.echo("\n".join(as_text(trial, snapshot)))


@policy.command()
@_folder
@_config
@_json
def test(directory: Path | None, config: str | None, *, wants_json: bool) -> None:
    """Run the cases of a policies folder against its rows.

    Example: stayhand policy test ./policies
    """
    folder, approvers = _where(directory, config)
    report = cases.run(folder, _load(folder, approvers))
    if wants_json:
        failures = [{"file": f.file, "name": f.name, "message": f.message} for f in report.failures]
        _print_json({"ok": not failures, "cases": report.count, "failures": failures})
    else:
        for failure in report.failures:
            click.echo(failure.text())
    _say(f"{folder}: {report.count} cases, {len(report.failures)} failures")
    sys.exit(1 if report.failures else 0)


@policy.command()
@_config
@_json
def load(config: str | None, *, wants_json: bool) -> None:
    """Make the policies on disk the active ones; a refused load keeps the old ones. Needs an admin credential.

    Example: STAYHAND_TOKEN=shd_… stayhand policy load
    """
    try:
        with _control_client(config) as client:
            response = client.post("/api/policy/load")
    except FirewallError as error:
        _fail(error.public, error.hint if isinstance(error, ConfigError) else "")
    try:
        answer = response.json()
    except ValueError:
        answer = {}
    found = answer if isinstance(answer, Mapping) else {}
    if response.status_code >= 400:
        for line in _refusals(found):
            click.echo(line, err=True)
        _fail(f"the load was refused ({response.status_code}); the old policies stay active")
    if wants_json:
        _print_json(found)
    else:
        click.echo(f"loaded {found.get('digest', '')}")


class _Response(Protocol):
    status_code: int

    def json(self) -> object: ...


class _Client(Protocol):
    def post(self, path: str, /) -> _Response: ...


def _control_client(config: str | None) -> AbstractContextManager[_Client]:
    """Open the control listener's HTTP client; imported late, for it is needed by this command alone."""
    module = importlib.import_module("firewall.cli.client")
    return cast("AbstractContextManager[_Client]", module.control_client(config))


def _refusals(answer: Mapping[str, object]) -> list[str]:
    problems = answer.get("problems")
    if isinstance(problems, list):
        return [
            str(problem.get("text", "")) if isinstance(problem, dict) else str(problem) for problem in problems
        ]
    detail = answer.get("detail")
    return [str(detail)] if detail else []


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
            _say(f"stayhand: error: line {number}: {error}")
            ok = False
        click.echo(json.dumps({"id": name, **answer}, ensure_ascii=False))
    return ok


def _where(directory: Path | None, config: str | None) -> tuple[Path, Approvers]:
    """Find the folder as given, else the configured one, else the shipped one; and who approves."""
    given = config or click.get_current_context().find_root().params.get("config")
    try:
        find_settings(given)
    except ConfigError:
        folder = directory or shipped()
        if directory is None:
            _say(f"there is no stayhand.toml; looking at the shipped policies in {folder}")
        return folder, Approvers()
    try:
        settings = load_settings(given)
    except ConfigError as error:
        _fail(error.public, error.hint)
    groups = {approver.name: frozenset(approver.groups) for approver in settings.approver}
    return directory or settings.policy_dir, Approvers(groups, solo=settings.approvals.solo)


def _snapshot(directory: Path | None, config: str | None) -> Snapshot:
    folder, approvers = _where(directory, config)
    return _load(folder, approvers)


def _load(folder: Path, approvers: Approvers) -> Snapshot:
    try:
        return load_folder(folder, approvers=approvers)
    except PolicyProblems as error:
        for problem in error.problems:
            _say(problem.text())
        _fail(f"the policies in `{folder}` were refused", "run `stayhand policy check`")


def _problem(problem: Problem) -> dict[str, object]:
    return {
        "file": problem.file,
        "line": problem.line,
        "message": problem.message,
        "hint": problem.hint,
        "fatal": problem.is_fatal,
    }


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _say(text: str) -> None:
    click.echo(text, err=True)


def _fail(text: str, hint: str = "") -> NoReturn:
    _say(f"stayhand: error: {text}")
    if hint:
        _say(f"stayhand: hint: {hint}")
    sys.exit(1)
