"""How every command speaks: results on stdout, talk on stderr, errors with a hint, in the same words."""

import json
import sys
from typing import NoReturn

import click


def fail(message: str, *, hint: str = "", code: int = 1) -> NoReturn:
    """Say what was wrong and what to do, then end with a code."""
    click.echo(f"stayhand: error: {message}", err=True)
    if hint:
        click.echo(f"stayhand: hint: {hint}", err=True)
    sys.exit(code)


def say(text: str = "") -> None:
    """Write talk to stderr."""
    click.echo(text, err=True)


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: `1 problem`, `0 problems`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def result(value: object) -> None:
    """Write a result to stdout as JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def config_of(ctx: click.Context) -> str | None:
    """Return the configuration that the command line names, if it does."""
    given = ctx.find_root().params.get("config")
    return given if isinstance(given, str) else None
