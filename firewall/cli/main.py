"""`stayhand`: the one entry point; commands import what they need when they run, so that start-up stays short."""

import gc
import importlib
import sys
from collections.abc import Sequence

import click

from firewall.cli.options import Listed
from firewall.cli.report import fail
from firewall.core.errors import ConfigError, FirewallError

COMMANDS = {
    "init": "firewall.cli.init:init",
    "quickstart": "firewall.cli.quickstart:quickstart",
    "serve": "firewall.cli.serve:serve",
    "demo": "firewall.cli.demo:demo",
    "run": "firewall.cli.run:run",
    "egress": "firewall.cli.egress:egress",
    "token": "firewall.cli.token:token",
    "approver": "firewall.cli.approver:approver",
    "credential": "firewall.cli.credential:credential",
    "approvals": "firewall.cli.approvals:approvals",
    "policy": "firewall.cli.policy:policy",
    "route": "firewall.cli.route:route",
    "spend": "firewall.cli.spend:spend",
    "audit": "firewall.cli.audit:audit",
    "hook": "firewall.cli.hook:hook",
    "mcp": "firewall.cli.mcp:mcp",
    "doctor": "firewall.cli.doctor:doctor",
}
_GARBAGE = 50_000
"""Objects that are made between two looks for cycles."""


class _Late(Listed):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own signature
        """Return the names in the order of a first day's work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's own signature
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        gc.disable()  # imports make no garbage: looking for it is a tenth of a start
        try:
            command = getattr(importlib.import_module(module), name)
            gc.freeze()  # what was imported stays: no collection needs to look through it
        finally:
            gc.enable()
        return command if isinstance(command, click.Command) else None


@click.group(cls=_Late, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--config", help="stayhand.toml; default: ./stayhand.toml, then the user's configuration folder.")
@click.version_option(package_name=None, version="0.1.0", prog_name="stayhand")
def stayhand(config: str | None) -> None:
    """Stayhand: a firewall for the tool calls of AI agents.

    \b
    First steps:
      stayhand init                      make a configuration, keys, an approver and an admin
      stayhand serve                     start the firewall
      stayhand run -- claude             start an agent that is pointed at it
      stayhand doctor                    see what is configured, reachable and unsafe
    """


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; errors become two lines on stderr and exit code 1."""
    gc.set_threshold(_GARBAGE)
    try:
        arguments = _config_first(list(argv) if argv is not None else sys.argv[1:])
        code = stayhand.main(args=arguments, prog_name="stayhand", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ConfigError as error:
        fail(error.public, hint=error.hint)
    except FirewallError as error:
        fail(error.public, hint=error.detail)
    if isinstance(code, int) and code:  # what a command gave to `ctx.exit`, which click returns here
        sys.exit(code)


def _config_first(argv: list[str]) -> list[str]:
    """Let `--config F` stand anywhere before `--`: every command takes it, and only the root declares it."""
    end = argv.index("--") if "--" in argv else len(argv)
    moved: list[str] = []
    rest: list[str] = []
    words = iter(argv[:end])
    for word in words:
        if word == "--config":
            value = next(words, "")
            if not value:
                raise click.UsageError("--config needs the name of a file")
            moved += [word, value]
        elif word.startswith("--config="):
            moved.append(word)
        else:
            rest.append(word)
    return [*moved, *rest, *argv[end:]]


if __name__ == "__main__":
    main()
