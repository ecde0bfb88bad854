"""`stayhand policy explain`: what a text would do, which words say so, and which row decides. Asks no server."""

import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import IO

import click

from firewall.classify.shell.trace import Found, commands_of
from firewall.classify.sql.dialects import dialect_named
from firewall.classify.tool import start_scope
from firewall.cli.explained import as_json, as_label, as_text
from firewall.cli.folder import load_or_fail, where
from firewall.cli.report import fail, result, say
from firewall.policy.reading import InputError, InputKind, shell_call, text_of
from firewall.policy.snapshot import Snapshot
from firewall.policy.trial import DEFAULT_ROLE, Scene, Trial, attempt, attempt_text, context_of, with_runner_ups

_KINDS = [kind.value for kind in InputKind]
_SHELLS = frozenset({InputKind.SHELL, InputKind.AWS})


class _Command(click.Command):
    """Says where a command's own options belong."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            words = f"{error.format_message()} The options of the command to explain stand behind `--`."
            raise click.UsageError(words, ctx) from error


@click.command(cls=_Command)
@click.argument("command", nargs=-1, metavar="-- COMMAND…")
@click.option(
    "--batch", type=click.File("r", encoding="utf-8"), metavar="F", help="One case a line; `-` reads stdin."
)
@click.option(
    "--kind",
    type=click.Choice(_KINDS),
    default=InputKind.SHELL.value,
    show_default=True,
    metavar="K",
    help=f"What the text is: {', '.join(_KINDS)}; http, graphql and mcp are JSON objects.",
)
@click.option("--dialect", default="", metavar="D", help="Dialect of SQL: postgres, mysql, sqlite, …")
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
@click.option("--json", "wants_json", is_flag=True, help="Machine-readable output, see docs/explain.md.")
def explain(
    *,
    command: tuple[str, ...],
    batch: IO[str] | None,
    kind: str,
    dialect: str,
    environment: str,
    workspace: str,
    role: str,
    directory: Path | None,
    wants_json: bool,
) -> None:
    """Say what a command would do, what the policies say to it, and which words and row decided.

    `-` instead of a command reads the text from stdin.

    Example: stayhand policy explain --env staging -- 'rm -rf build && git push -f'
    """
    if bool(command) == (batch is not None):
        raise click.UsageError("give either a command after `--` (`-- -` reads it from stdin) or --batch F")
    if dialect and kind != InputKind.SQL:
        raise click.UsageError("--dialect belongs to --kind sql")
    if dialect and dialect_named(dialect) is None:
        raise click.UsageError(
            f"`{dialect}` is no dialect that is known; without --dialect the strictest reading counts"
        )
    snapshot = load_or_fail(*where(directory))
    scene = Scene(environment=environment, workspace=os.path.realpath(workspace or "."), role=role)
    if batch is not None:
        sys.exit(0 if _explain_batch(snapshot, batch, scene) else 1)
    text = _given(command)
    trial = _judged(snapshot, InputKind(kind), text, dialect=dialect, scene=scene)
    trial = with_runner_ups(trial, snapshot, scene)
    parse = _parse(snapshot, InputKind(kind), text, scene)
    if wants_json:
        result(as_json(trial, snapshot, kind=kind, parse=parse))
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
        click.echo("\n".join(as_text(trial, snapshot, parse=parse, width=width)))


def _given(command: tuple[str, ...]) -> str:
    """Return the text: one argument as it is, several with their quoting restored, `-` from stdin."""
    if command == ("-",):
        try:
            return sys.stdin.read()
        except UnicodeDecodeError:
            fail("stdin holds no UTF-8 text", hint="only text can be explained")
    return command[0] if len(command) == 1 else shlex.join(command)


def _judged(snapshot: Snapshot, kind: InputKind, text: str, *, dialect: str, scene: Scene) -> Trial:
    if kind is InputKind.SHELL:
        return attempt(snapshot, shell_call(text), scene)
    return attempt_text(snapshot, kind.value, text, scene, dialect=dialect)


def _parse(snapshot: Snapshot, kind: InputKind, text: str, scene: Scene) -> tuple[Found, ...]:
    if kind not in _SHELLS:
        return ()
    context = context_of(snapshot, scene)
    return commands_of(text, context, start_scope(context))


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
            kind, dialect = InputKind(str(case.get("kind"))), str(case.get("dialect") or "")
            answer = as_label(
                _judged(snapshot, kind, text_of(kind, case.get("input")), dialect=dialect, scene=scene)
            )
        except (ValueError, RecursionError) as error:
            say(f"stayhand: error: line {number}: {error}")
            ok = False
        click.echo(json.dumps({"id": name, **answer}, ensure_ascii=False))
    return ok
