"""Speaking to a running server's control side: address from the configuration, credential from the person.

Commands that decide, mint, load or revoke come through here: they hold a credential, never mere access to files.
Results go to stdout, talk to stderr; exit 0 ok, 1 refused or failed, 2 usage.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO
from urllib.parse import parse_qsl, quote, urlsplit

import click
import httpx

from firewall.approvals.text import visible
from firewall.core.errors import ConfigError
from firewall.core.token import TokenKind, parse
from firewall.settings.load import load_settings
from firewall.settings.settings import Settings

TOKEN_ENV = "STAYHAND_TOKEN"  # noqa: S105 - the name of a variable
NAME_ENV = "STAYHAND_APPROVER"
TIMEOUT_S = 15.0
_QUIET_S = 30.0
"""How long an answer that goes on may be silent: the server says something every ten seconds."""
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]", "::": "[::1]"}  # noqa: S104 - connected to, not bound
_KINDS = frozenset({TokenKind.ADMIN, TokenKind.APPROVER})

Json = dict[str, object]


class CommandError(click.ClickException):
    """Something was refused or failed: exit 1, one line of error and one of advice."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", code: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code

    def show(self, file: IO[str] | None = None) -> None:
        """Write `stayhand: error: …` and `stayhand: hint: …` to stderr."""
        target = file or sys.stderr
        click.echo(f"stayhand: error: {visible(self.message)}", file=target)
        if self.hint:
            click.echo(f"stayhand: hint: {visible(self.hint)}", file=target)


class ControlClient:
    """One conversation with the control side."""

    def __init__(self, client: httpx.Client, headers: Mapping[str, str]) -> None:
        self._client = client
        self._headers = dict(headers)

    def get(self, path: str, *, params: Mapping[str, str] | None = None, timeout_s: float = TIMEOUT_S) -> object:
        """Return the JSON of a GET. Raises: CommandError."""
        return _answer(self._client, "GET", path, headers=self._headers, params=params, timeout_s=timeout_s)

    def page(self, path: str, params: Mapping[str, str]) -> tuple[list[Json], dict[str, str]]:
        """Return a page of a list, and what asks for the page behind it, empty where there is none.

        Raises: CommandError.
        """
        sent = _send(self._client, "GET", path, headers=self._headers, params=params)
        behind = urlsplit(sent.links.get("next", {}).get("url", "")).query
        return rows_of(_json(sent)), dict(parse_qsl(behind))

    def post(self, path: str, body: Mapping[str, object], *, timeout_s: float = TIMEOUT_S) -> object:
        """Return the JSON of a POST. Raises: CommandError."""
        return _answer(self._client, "POST", path, headers=self._headers, body=body, timeout_s=timeout_s)

    def taken(self, path: str, body: Mapping[str, object], *, timeout_s: float = TIMEOUT_S) -> bytes:
        """Return the bytes that a POST answers. Raises: CommandError."""
        sent = _send(self._client, "POST", path, headers=self._headers, body=body, timeout_s=timeout_s)
        return sent.content

    def lines(self, path: str, params: Mapping[str, str]) -> Iterator[str]:
        """Yield the lines of an answer that goes on; empty ones say that nothing came. Raises: CommandError."""
        try:
            with self._client.stream(
                "GET", path, headers=self._headers, params=params, timeout=_QUIET_S
            ) as answer:
                if not answer.is_success:
                    answer.read()
                    raise _refused(answer)
                yield from answer.iter_lines()
        except httpx.HTTPError as error:
            raise _unreachable(self._client, error) from error

    def delete(self, path: str) -> object:
        """Return the JSON of a DELETE. Raises: CommandError."""
        return _answer(self._client, "DELETE", path, headers=self._headers)


@contextmanager
def control_client(ctx: click.Context) -> Iterator[ControlClient]:
    """Open a conversation with the configured control listener; a session begun for it ends with it.

    The credential is STAYHAND_TOKEN (kind admin or approver), or a passphrase typed at the terminal.
    Raises: CommandError.
    """
    address = control_address(ctx)
    token = os.environ.get(TOKEN_ENV, "").strip()
    # No environment proxies, no redirects, no .netrc: a credential goes to this address or nowhere.
    with httpx.Client(base_url=address, trust_env=False, follow_redirects=False, timeout=TIMEOUT_S) as client:
        if token:
            yield ControlClient(client, {"authorization": f"Bearer {_checked(token)}"})
            return
        headers = _sign_in(client, address)
        try:
            yield ControlClient(client, headers)
        finally:
            with suppress(CommandError):  # the session ends by itself; what was done stays done
                _answer(client, "DELETE", "/api/session", headers=headers)


def control_address(ctx: click.Context) -> str:
    """Return the control listener's base address from the configuration that the command line names.

    Raises: CommandError when there is no usable configuration.
    """
    return _base(settings_of_command(ctx).server.control_listen)


def agents_address(ctx: click.Context) -> str:
    """Return the agents' listener's base address.

    Raises: CommandError when there is no usable configuration.
    """
    return _base(settings_of_command(ctx).server.listen)


def settings_of_command(ctx: click.Context) -> Settings:
    """Return the configuration that the command line names. Raises: CommandError."""
    given = ctx.find_root().params.get("config")
    try:
        return load_settings(given if isinstance(given, str) else None)
    except ConfigError as error:
        raise CommandError(error.public, hint=error.hint) from error


def _base(listen: str) -> str:
    host, _, port = listen.rpartition(":")
    return f"http://{_ANYWHERE.get(host, host)}:{port}"


def segment(text: str) -> str:
    """Return user input as one path segment: it can name nothing else.

    Raises: CommandError for what no id or name can be.
    """
    if not text or text in (".", "..") or "/" in text:
        raise CommandError(f"`{text}` is no id or name")
    return quote(text, safe="")


def show_json(value: object) -> None:
    """Print a result as JSON on stdout; control characters in it stay escaped."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=True))


def show_table(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> None:
    """Print rows as aligned columns on stdout; hidden characters are spelled out."""
    cells = [[column.upper() for column in columns]]
    cells += [[plain(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    for line in cells:
        joined = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo(joined.rstrip())


def show_fields(row: Mapping[str, object]) -> None:
    """Print one thing, a field a line, on stdout."""
    width = max((len(name) for name in row), default=0)
    for name, value in row.items():
        click.echo(f"{name.ljust(width)}  {plain(value)}")


def rows_of(value: object) -> list[Json]:
    """Read a listing. Raises: CommandError when the server answered something else."""
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise CommandError("the server's answer is no listing")
    return value


def row_of(value: object) -> Json:
    """Read one thing. Raises: CommandError when the server answered something else."""
    if not isinstance(value, dict):
        raise CommandError("the server's answer is no object")
    return value


def talk(text: str) -> None:
    """Say something to the person, on stderr."""
    click.echo(visible(text), err=True)


def plain(value: object) -> str:
    """Return a value as a cell of a table: hidden characters are spelled out."""
    if isinstance(value, list):
        value = ",".join(str(one) if not isinstance(one, dict) else json.dumps(one) for one in value)
    return visible(str(value), keep="")


def _checked(token: str) -> str:
    found = parse(token)
    if found is None or found.kind not in _KINDS:
        kind = f"a token of kind {found.kind.value}" if found else "no token of ours"
        raise CommandError(
            f"{TOKEN_ENV} holds {kind}",
            hint="use one of kind admin or approver, or unset it and type a passphrase",
        )
    return token


def _sign_in(client: httpx.Client, address: str) -> dict[str, str]:
    if not _at_terminal():
        raise CommandError(
            "this needs a credential", hint=f"set {TOKEN_ENV}, or run it at a terminal and type a passphrase"
        )
    name = os.environ.get(NAME_ENV) or click.prompt("name", err=True)
    passphrase = click.prompt(f"passphrase of {visible(name)}", hide_input=True, err=True)
    body = {"name": name, "passphrase": passphrase}
    answer = _send(client, "POST", "/api/session", headers={"origin": address}, body=body)
    session = row_of(answer.json())
    # The cookies are kept by hand: over loopback http a client would not send those that are marked Secure.
    cookie = "; ".join(one.partition(";")[0] for one in answer.headers.get_list("set-cookie"))
    client.cookies.clear()
    return {"cookie": cookie, "x-csrf-token": str(session.get("csrf", "")), "origin": address}


def _at_terminal() -> bool:
    return sys.stdin.isatty()


def _answer(
    client: httpx.Client,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str],
    body: Mapping[str, object] | None = None,
    params: Mapping[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> object:
    return _json(_send(client, method, path, headers=headers, body=body, params=params, timeout_s=timeout_s))


def _json(answer: httpx.Response) -> object:
    try:
        value: object = answer.json()
    except ValueError as error:
        raise CommandError("the server's answer is no JSON") from error
    return value


def _send(
    client: httpx.Client,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str],
    body: Mapping[str, object] | None = None,
    params: Mapping[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> httpx.Response:
    try:
        answer = client.request(method, path, headers=headers, json=body, params=params, timeout=timeout_s)
    except httpx.HTTPError as error:
        raise _unreachable(client, error) from error
    if not answer.is_success:
        raise _refused(answer)
    return answer


def _unreachable(client: httpx.Client, error: httpx.HTTPError) -> CommandError:
    return CommandError(
        f"nobody answers at `{client.base_url}` ({type(error).__name__})",
        hint="start it with `stayhand serve`, or name its configuration with --config",
    )


def _refused(answer: httpx.Response) -> CommandError:
    try:
        error = answer.json()["error"]
        message, code = str(error["message"]), str(error["code"])
    except (ValueError, KeyError, TypeError):
        return CommandError(f"the server answered {answer.status_code}")
    return CommandError(message, hint=_HINTS.get(code, ""), code=code)


_HINTS = {
    "token_invalid": f"{TOKEN_ENV} is not accepted: mint a new one, or unset it and type a passphrase",
    "role_refused": f"set {TOKEN_ENV} to the token of somebody who may, or unset it and sign in as one",
    "own_approval": "ask somebody else, or read about `solo` in stayhand.toml",
    "sign_in_throttled": "wait a minute before the next try",
    "log_unavailable": "nothing passes until the log can be written: see `stayhand doctor`",
}
