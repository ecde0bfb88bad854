"""`stayhand hook AGENT|install|check`: agents ask before each call. `hook AGENT` itself is `hook_client`."""

import os
import shlex
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import click

from firewall.cli import hook_main, hook_setup
from firewall.cli.checked_folder import CheckedFolder, opened
from firewall.cli.hook_client import run as answer
from firewall.cli.options import Listed
from firewall.cli.report import config_of, fail, say
from firewall.codecs.hooks.shapes import AGENTS
from firewall.core.errors import ConfigError
from firewall.settings.load import load_settings

_AGENT = click.Choice(AGENTS)
_TRUST = {
    "codex": "Codex skips hooks that nobody trusts, without a word: start `codex`, open /hooks and trust ours, "
    "again after a change. One-off runs take --dangerously-bypass-hook-trust.",
    "claude-code": "`onFailure` needs Claude Code 2.1.295 or later. Start a new session: others keep their hooks.",
    "gemini": "Start a new session; hooks of a project's own folder run only where the folder is trusted.",
    "cursor": "Restart Cursor, and look at Settings > Hooks.",
    "copilot": "Start a new session.",
    "qwen": "Start a new session.",
    "cline": "Enable hooks in Cline's settings.",
    "opencode": "Start a new session.",
}


class _Hook(Listed):
    """A group whose other commands are the agents, answered at once."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return `install`, `check`, or what answers an agent."""
        return _answering(cmd_name) if cmd_name in AGENTS else super().get_command(ctx, cmd_name)


@click.group(cls=_Hook)
def hook() -> None:
    """Have agents ask before each of their calls.

    An agent runs `stayhand hook AGENT` with its event on stdin; the answer is in the form that it honours, and a
    denial whatever goes wrong. AGENT: claude-code, codex, gemini, cursor, copilot, opencode, qwen, cline.
    """


def _answering(agent: str) -> click.Command:
    """Return the command that answers one event of an agent; usually `entry` has done so before."""

    @click.command(name=agent, context_settings={"ignore_unknown_options": True})
    @click.argument("options", nargs=-1, type=click.UNPROCESSED)
    def command(options: tuple[str, ...]) -> None:
        """Answer one event on stdin: --url, --token-file, --deadline and --wait take a value each."""
        answer(agent, options)

    return command


def _placed(command: Callable[..., None]) -> Callable[..., None]:
    """Add what says where an agent's hooks are."""
    for option in (
        click.option(
            "--config-dir",
            type=click.Path(path_type=Path),
            help="The agent's own folder, where it is told of another than in this environment (CODEX_HOME, ...).",
        ),
        click.option(
            "--project", type=click.Path(path_type=Path), help="This folder's configuration; default: the user's."
        ),
        click.argument("agent", type=_AGENT),
    ):
        command = option(command)
    return command


@hook.command()
@_placed
@click.option("--url", default="", help="The agents' side of the firewall; default: as configured.")
@click.option("--token-file", default="", help="Where the agent's token lies; default: the agent's environment.")
@click.option("--wait", type=click.IntRange(0, 300), default=0, help="Seconds that a held call waits for people.")
@click.option(
    "--defer",
    is_flag=True,
    help="Claude Code: a held call ends a headless run, to be resumed once people have decided (docs/hooks.md).",
)
@click.pass_context
def install(
    ctx: click.Context,
    /,
    agent: str,
    project: Path | None,
    config_dir: Path | None,
    url: str,
    token_file: str,
    wait: int,
    *,
    defer: bool,
) -> None:
    """Write or merge an agent's hooks; what stands there stays, and a copy of it is kept.

    \b
    Example:
      stayhand hook install claude-code
      stayhand hook install codex --project .
    """
    if defer and agent != "claude-code":
        fail(f"{agent} cannot put a call off", hint="--defer is for claude-code")
    if wait > (most := hook_setup.MOST_WAIT_S.get(agent, wait)):
        fail(f"{agent} itself gives a hook up before {wait} s are over", hint=f"--wait {most} is the most")
    wished = {
        "--url": url or _own_url(config_of(ctx)),
        "--token-file": token_file,
        "--wait": str(wait or ""),
        "--held": "defer" if defer else "",
    }
    options = [word for name, value in wished.items() if value for word in (name, value)]
    line = hook_setup.program_line(agent, program(), options)
    root, path = _own_place(*_place(agent, project, config_dir), is_project=project is not None)
    try:
        with opened(root, path.parent.relative_to(root)) as folder:
            _install(agent, folder, path, line, wait_s=wait)
    except OSError as error:
        fail(f"cannot write `{path}`: {error.strerror or error}", hint="nothing was changed")
    say(f"stayhand: {_TRUST[agent]}")
    again = {
        "--project": str(project or ""),
        "--config-dir": str(config_dir or ""),
        "--url": url if project else "",
    }
    words = [agent, *(word for name, value in again.items() if value for word in (name, value))]
    first = "" if token_file else "with STAYHAND_AGENT_TOKEN set to the agent's token: "
    say(f"stayhand: then, {first}`stayhand hook check {shlex.join(words)}`")


def _install(agent: str, folder: CheckedFolder, path: Path, line: str, *, wait_s: int) -> None:
    """Write an agent's file in its open folder, unless it is as it should be."""
    found, mode = folder.read(path.name) or (b"", 0o600)
    try:
        before = found.decode("utf-8")
        after = hook_setup.installed_text(agent, before, line, wait_s=wait_s)
    except UnicodeDecodeError:
        fail(f"`{path}` is no text", hint="nothing was changed")
    except ConfigError as error:
        fail(f"`{path}`: {error.public}", hint=error.hint)
    if after == before:
        say(f"stayhand: {path} is as it should be")
        return
    kept = _backed_up(folder, path, found, mode=mode) if before else None
    folder.write(path.name, after.encode("utf-8"), mode=mode | (0o700 if agent == "cline" else 0))
    say(f"stayhand: {agent} asks before each call: {path}" + (f" (before: {kept})" if kept else ""))


@hook.command()
@_placed
@click.option(
    "--url",
    default="",
    help="The agents' side of the firewall; default: of a project as configured, else what was installed.",
)
@click.option(
    "--wait",
    type=click.IntRange(0, 600),
    default=0,
    help="Seconds to wait for the agent itself, started meanwhile; 0: only our own line is run.",
)
@click.option("--json", "as_json", is_flag=True, help="Print {checks: [{check, ok, detail}]}.")
@click.pass_context
def check(
    ctx: click.Context,
    /,
    agent: str,
    project: Path | None,
    config_dir: Path | None,
    url: str,
    wait: int,
    *,
    as_json: bool,
) -> None:
    """Prove that an agent's hooks fire and fail closed; exit 1 where they do not.

    It looks at the configuration and, where that holds exactly the line that `hook install` writes, runs this line
    (with an event, without a token, and with a program that dies), and asks the server whether it heard the event
    with this token (STAYHAND_AGENT_TOKEN). Any other line is reported, and not run. Whether the agent runs it as
    well is shown only by the agent: start it while `--wait 60` waits.
    """
    from firewall.cli.hook_check import checks, shown

    folder, file = _place(agent, project, config_dir)
    path = folder / file
    right = url or (_own_url(config_of(ctx)) if project else "")
    found = checks(agent, _text(path), path, program=program(), url=right, wait_s=wait)
    shown(found, as_json=as_json)
    if not all(one.ok for one in found):
        sys.exit(1)


def program() -> tuple[str, ...]:
    """Return how an agent starts our hook on this machine, by absolute names, and by nobody else's variables."""
    return (sys.executable, "-I", "-S", str(Path(hook_main.__file__).absolute()))


def _place(agent: str, project: Path | None, config_dir: Path | None) -> tuple[Path, Path]:
    folder, file = hook_setup.place_of(
        agent,
        home=Path.home(),
        project=project.absolute() if project else None,
        environ=os.environ,
        folder=config_dir,
    )
    return folder.absolute(), file


def _own_place(folder: Path, file: Path, *, is_project: bool) -> tuple[Path, Path]:
    """Return (root, file below it): of a project exactly there, of a user where links lead to inside the root."""
    path = folder / file
    if not is_project:
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
    try:
        root, found = folder.resolve(), path.resolve()
    except (OSError, RuntimeError) as error:
        fail(f"cannot follow `{path}`: {error}", hint="nothing was changed")
    is_dangling = path.is_symlink() and not path.exists()
    is_there = found == root / file if is_project else found.is_relative_to(root)
    if is_dangling or not is_there:
        fail(f"`{path}` is a link to `{found}`, so nothing was changed", hint="make it a file of its own")
    return root, found


def _own_url(config: str | None) -> str:
    with suppress(ConfigError):
        return f"http://{load_settings(config).server.listen}"
    return "http://127.0.0.1:8787"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        fail(f"cannot read `{path}`: {error}", hint="nothing was changed")


def _backed_up(folder: CheckedFolder, path: Path, data: bytes, *, mode: int) -> Path:
    """Keep what stands there under a name that is free."""
    number = 1
    while True:
        kept = path.with_name(f"{path.name}.before-stayhand-{number}")
        try:
            folder.write_new(kept.name, data, mode=mode)
        except FileExistsError:  # also a link, dangling ones included
            number += 1
        else:
            return kept
