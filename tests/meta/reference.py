"""Writes docs/reference.md from the code: `python -m tests.meta.reference` (also part of `make fix`).

Only the plain-words column for reason codes is written here; everything else is read from what really runs.
"""

import ast
import json
from collections.abc import Iterator
from typing import get_args

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from firewall.cli.main import stayhand
from firewall.core.reason import Reason
from firewall.settings.mcp import McpArgument
from firewall.settings.oauth import McpOAuth, OAuthGrant
from firewall.settings.resolvers import Resolver
from firewall.settings.routes import Checks, When
from firewall.settings.settings import Settings
from firewall.settings.surviving import Breaker, Cache, Health, Queue, Retry
from tests.meta.tree import ROOT

TARGET = ROOT / "docs" / "reference.md"
ROOMS = (Checks, McpArgument, McpOAuth, OAuthGrant, Resolver, When, Retry, Cache, Breaker, Health, Queue)
"""Tables within a table whose keys are listed one by one."""

REASONS = {
    Reason.POLICY_ALLOW: "a row of the policy allows it",
    Reason.POLICY_ASK: "a row of the policy wants people to agree",
    Reason.POLICY_DENY: "a row of the policy forbids it, whoever agrees",
    Reason.POLICY_NO_ROW: "no row of the policy speaks of it, which means no",
    Reason.POLICY_FAILED: "the policy could not be evaluated, which means no",
    Reason.OWN_REACH: "it touches the firewall's own files, keys, processes or addresses",
    Reason.GRANT_TOKEN: "the token is missing, malformed, expired or revoked",
    Reason.GRANT_ENVIRONMENT: "it lands in another environment than the token's",
    Reason.GRANT_VERB: "the token does not permit this kind of effect",
    Reason.GRANT_TOOL: "the token does not name this tool",
    Reason.GRANT_TARGET: "the token does not name this target",
    Reason.GRANT_RESOURCE: "the resource lies outside what the token names",
    Reason.CLASSIFY_FAILED: "the call could not be understood at all",
    Reason.LIMIT_DESTRUCTIVE: "the destructive actions of this hour are used up",
    Reason.STORE_FAILED: "the log cannot be written, so nothing may happen",
    Reason.APPROVAL_APPROVED: "enough people agreed to exactly this call",
    Reason.APPROVAL_DENIED: "somebody said no",
    Reason.APPROVAL_EDITED: "somebody said no, and which other form would do; that form is an approval of its own",
    Reason.APPROVAL_EXPIRED: "nobody decided in time",
    Reason.APPROVAL_CANCELLED: "the request was taken back",
    Reason.APPROVAL_TOO_LARGE: "the call needs a person's answer and is too large to be shown whole",
    Reason.HOLD_ENDED: "the client would not wait longer; the approval stays open, the same call may be repeated",
    Reason.STREAM_BROKEN: "the provider's answer ended in the middle of the call",
    Reason.GRANT_UNKNOWN: "what it names lies outside the token's environment, or is not known there",
    Reason.REQUIRE_UNMET: "a row requires of what it changes what does not hold, or is not known",
    Reason.WORLD_UNSEEN: "what it changes was approved in a state that cannot be looked at again now",
    Reason.CREDENTIAL_FOREIGN: "it carries a credential that we did not issue",
}


def render() -> str:
    """Return the whole page."""
    parts = [
        "# Reference",
        "",
        "Written by `make fix` from the code; a test holds both together.",
        "",
        "## Commands",
        "",
        *_commands(),
        "## `stayhand.toml`",
        "",
        "In the environment: `STAYHAND_` and the key in capitals, `__` for the dot. Secrets are references:",
        '`{ env = "NAME" }`, `{ file = "path" }`, `{ command = ["program", "argument"] }`.',
        "",
        *_settings(),
        "",
        "## Reason codes",
        "",
        "Every verdict carries one, in the log, in metrics and in what the agent is told.",
        "They are never reworded, renumbered or reused.",
        "",
        "| code | meaning |",
        "|---|---|",
        *(f"| `{reason.value}` | {REASONS[reason]} |" for reason in Reason),
        "",
    ]
    return "\n".join(parts)


def leaves(command: click.Command, prefix: tuple[str, ...] = ("stayhand",)) -> Iterator[tuple[str, click.Command]]:
    """Yield every command that does something, with its name as it is typed."""
    if not isinstance(command, click.Group):
        yield " ".join(prefix), command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        if inner is None:
            raise LookupError(f"`{name}` is listed and not there")
        yield from leaves(inner, (*prefix, name))


def _commands() -> Iterator[str]:
    for name, command in leaves(stayhand):
        context = click.Context(command, info_name=name)
        usage = " ".join([name, *command.collect_usage_pieces(context)])
        yield f"### `{name}`"
        yield ""
        yield " ".join((command.help or "").partition("\n\n")[0].split())
        yield ""
        yield f"    {usage}"
        yield ""
        for param in command.params:
            record = param.get_help_record(context) if isinstance(param, click.Option) else None
            if record is not None:
                yield f"- `{record[0]}`: {' '.join(record[1].split())}"
        yield ""


def _settings() -> Iterator[str]:
    words = _field_words()
    yield "| key | default | meaning |"
    yield "|---|---|---|"
    for name, field in Settings.model_fields.items():
        model = _model_in(field)
        if model is None:
            continue  # where the settings came from: not a key of the file
        many = isinstance(field.default, tuple)
        for key, inner in model.model_fields.items():
            shown = f"[[{name}]] {key}" if many else f"{name}.{key}"
            yield f"| `{shown}` | {_default(inner)} | {_meaning(words, model, key)} |"
            below = _model_in(inner)
            for last, deepest in (
                below.model_fields.items() if below is not None and issubclass(below, ROOMS) else ()
            ):
                meaning = words.get((below.__name__, last), "") if below is not None else ""
                room = f"[{name}.{key}]"
                room = f"[{room}]" if isinstance(inner.default, tuple) else room
                yield f"| `{room} {last}` | {_default(deepest)} | {meaning} |"


def _meaning(words: dict[tuple[str, str], str], model: type[BaseModel], key: str) -> str:
    """Return what stands under a key where it is declared: a section may include another's keys."""
    return next((words[owner.__name__, key] for owner in model.__mro__ if (owner.__name__, key) in words), "")


def _model_in(field: FieldInfo) -> type[BaseModel] | None:
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel) or value in (None, "", (), {}):
        return "-"
    return f"`{_written(value)}`"


def _written(value: object) -> str:
    """Return a value as it is written in stayhand.toml. Raises: TypeError for what cannot stand there."""
    match value:
        case str():  # an enum's member by its value
            return json.dumps(str(value), ensure_ascii=False)
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case tuple():
            return f"[{', '.join(map(_written, value))}]"
        case _:
            raise TypeError(f"a default of the type {type(value).__name__} has no form in stayhand.toml")


def _field_words() -> dict[tuple[str, str], str]:
    """Return the docstring under each field of the settings."""
    rooms = sorted((ROOT / "firewall/settings").glob("*.py"))
    nodes = [node for room in rooms for node in ast.parse(room.read_text(encoding="utf-8")).body]
    found: dict[tuple[str, str], str] = {}
    for owner in (node for node in nodes if isinstance(node, ast.ClassDef)):
        for field, below in zip(owner.body, owner.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(below, ast.Expr)
            ):
                text = ast.literal_eval(below.value)
                found[owner.name, field.target.id] = " ".join(str(text).split()).replace("|", "\\|")
    return found


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
