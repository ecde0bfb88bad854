"""What the commands about the log share: the fields of a search, the key to verify with, how an entry is told."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import click

from audit import AuditError, VerifierKey
from firewall.cli.client import CommandError, settings_of_command

UNPROVEN = "is --key the key of this log? if it is, somebody changed the log: run `python -m audit verify`"
_F = TypeVar("_F", bound=Callable[..., object])
COLUMNS = ("seq", "at", "kind", "verdict", "environment", "effects", "who", "resource", "what")
_MOST_CHARS = 80
_FIELDS = (
    click.option("--actor", default="", help="A person, person/agent, a pseudonym, or a token's id."),
    click.option("--environment", default="", help="Where it landed."),
    click.option("--effect", default="", help="One of read, write, destructive, …"),
    click.option("--resource", default="", help="A resource, or what it lies in: volume:railway."),
    click.option("--verdict", default="", help="allow, ask, deny; of votes: approved, denied."),
    click.option("--kind", default="", help="A kind of entry, or the part before its dot: approval."),
    click.option("--approval", default="", help="The id of an approval."),
    click.option("--session", default="", help="The id of a session."),
)
_TIMES = (
    click.option(
        "--since", default="", help="How far back, a day, or an instant: 7d, 2026-11-21, 2026-11-21T18:00Z."
    ),
    click.option("--until", default="", help="As --since; a day counts to its end."),
)
key_option = click.option(
    "--key",
    default="",
    metavar="VKEY",
    help="The log's verifier key, or a file with it; default: verify.key beside the configuration.",
)


def fields(*, times: bool = True) -> Callable[[_F], _F]:
    """Give a command the options of a search; `times`: since and until too."""

    def given(command: _F) -> _F:
        for option in reversed((*_FIELDS, *(_TIMES if times else ()))):
            command = option(command)
        return command

    return given


def asked(fields_: Mapping[str, str], words: Sequence[str]) -> dict[str, str]:
    """Return what is asked, as the server takes it."""
    said = {name: value for name, value in fields_.items() if value}
    return said | ({"text": " ".join(words)} if words else {})


def verifier_key(ctx: click.Context, given: str) -> VerifierKey:
    """Return the key to verify with; nothing of the server's is asked for it. Raises: CommandError."""
    hint = "name the key that you got when the log was made: --key"
    text = given
    if not given or "+" not in given or Path(given).is_file():
        path = Path(given) if given else settings_of_command(ctx).verify_key
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"`{path}` is no file with a verifier key", hint=hint) from error
    try:
        return VerifierKey.parse(text.strip())
    except AuditError as error:
        raise CommandError(f"this is no verifier key: {error}", hint=hint) from error


def table_of(entries: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """Return entries as a table shows them."""
    return [row_of_entry(one) for one in entries]


def row_of_entry(one: Mapping[str, object]) -> dict[str, object]:
    """Return an entry as a row of the table."""
    data, private = _object(one, "data"), _object(one, "private")
    actions = private.get("actions")
    first = actions[0] if isinstance(actions, list) and actions and isinstance(actions[0], dict) else {}
    what = str(one.get("what", ""))
    return {
        "seq": one.get("seq"),
        "at": one.get("at"),
        "kind": one.get("kind"),
        "verdict": data.get("verdict") or data.get("decision") or "",
        "environment": data.get("environment", ""),
        "effects": data.get("effects", ""),
        "who": one.get("who") or one.get("principal") or "",
        "resource": _cut(str(first.get("resource", ""))),
        "what": f"{_cut(what)} (erased)" if one.get("erased") else _cut(what),
    }


def number(row: Mapping[str, object], name: str) -> int:
    """Return a number of an answer, 0 where there is none."""
    value = row.get(name)
    return value if isinstance(value, int) else 0


def _object(one: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = one.get(name)
    return value if isinstance(value, dict) else {}


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARS else f"{text[: _MOST_CHARS - 1]}…"
