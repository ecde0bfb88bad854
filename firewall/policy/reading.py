"""Inputs of batches and of a policy's own cases, written as the tool call that would carry them.

Everything but a named tool becomes the shell command that an agent would run for it, so that explaining and
testing go the way that judging goes.
"""

import json
import shlex
from collections.abc import Callable, Mapping
from enum import StrEnum

from firewall.core.call import CallForm, ToolCall

SHELL_TOOL = "Bash"
PATCH_TOOL = "apply_patch"


class InputKind(StrEnum):
    """What an input is."""

    SHELL = "shell"
    SQL = "sql"
    HTTP = "http"
    GRAPHQL = "graphql"
    AWS = "aws"
    MCP = "mcp"
    JAVASCRIPT = "javascript"
    PYTHON = "python"
    PATCH = "patch"
    POWERSHELL = "powershell"


class InputError(ValueError):
    """An input that does not have the shape of its kind."""


_TABLES = frozenset({InputKind.HTTP, InputKind.GRAPHQL, InputKind.MCP})
_SQL_CLIENTS = {"mysql": "mysql -e", "mariadb": "mysql -e", "sqlite": "sqlite3 app.db"}


def shell_call(command: str) -> ToolCall:
    """Return the call of a shell tool that runs a command line."""
    return tool_call(SHELL_TOOL, {"command": command})


def tool_call(name: str, arguments: Mapping[str, object] | str) -> ToolCall:
    """Return a call: a table of arguments goes as JSON, a string as the raw text of a freeform tool."""
    if isinstance(arguments, str):
        return ToolCall(id="", name=name, arguments=arguments.encode(), form=CallForm.TEXT)
    return ToolCall(id="", name=name, arguments=json.dumps(dict(arguments), ensure_ascii=False).encode())


def call_of(kind: InputKind, value: object, *, dialect: str = "") -> ToolCall:
    """Return the tool call that carries an input; `dialect` is the SQL dialect where one is known.

    Raises: InputError when the value does not have the shape of its kind.
    """
    match kind:
        case InputKind.SQL:
            client = _SQL_CLIENTS.get(dialect.lower(), "psql -c")
            return shell_call(f"{client} {shlex.quote(_text(value))}")
        case InputKind.MCP:
            return _mcp(_table(value))
        case InputKind.PATCH:
            return tool_call(PATCH_TOOL, _text(value))
        case _:
            return shell_call(_COMMANDS[kind](value))


def text_of(kind: InputKind, value: object) -> str:
    """Return an input as the text that classification reads: tables as JSON.

    Raises: InputError when the value does not have the shape of its kind.
    """
    if kind in _TABLES:
        return json.dumps(_table(value))
    return _text(value)


def _curl(request: Mapping[str, object]) -> str:
    words = ["curl", "-s", "-X", _text(request.get("method")), _text(request.get("url"))]
    for name, header in _table(request.get("headers") or {}).items():
        words += ["-H", f"{name}: {header}"]
    body = request.get("body")
    if body:
        words += ["--data-raw", body if isinstance(body, str) else json.dumps(body)]
    return shlex.join(words)


def _graphql(document: Mapping[str, object]) -> str:
    body = {key: value for key, value in document.items() if key != "endpoint"}
    return _curl(
        {
            "method": "POST",
            "url": document.get("endpoint"),
            "headers": {"Content-Type": "application/json"},
            "body": json.dumps(body),
        }
    )


def _mcp(call: Mapping[str, object]) -> ToolCall:
    server, tool = call.get("server") or "", _text(call.get("tool"))
    name = f"{_text(server)}/{tool}" if server else tool
    return tool_call(name, _table(call.get("arguments") or {}))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise InputError("a text was expected")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InputError("the text holds a lone surrogate") from error
    return value


def _table(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise InputError("a table was expected")
    return value


_COMMANDS: Mapping[InputKind, Callable[[object], str]] = {
    InputKind.SHELL: _text,
    InputKind.AWS: _text,
    InputKind.HTTP: lambda value: _curl(_table(value)),
    InputKind.GRAPHQL: lambda value: _graphql(_table(value)),
    InputKind.JAVASCRIPT: lambda value: f"node -e {shlex.quote(_text(value))}",
    InputKind.PYTHON: lambda value: f"python3 -c {shlex.quote(_text(value))}",
    InputKind.POWERSHELL: lambda value: f"pwsh -c {shlex.quote(_text(value))}",
}
