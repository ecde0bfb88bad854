"""`stayhand approvals conversation|edit`: what led to a held call, and another form of it."""

from pathlib import Path

import click

from firewall.approvals.text import visible
from firewall.cli.approval_text import conversation_text
from firewall.cli.client import CommandError, control_client, row_of, segment, show_json, talk
from firewall.cli.options import json_option

_FORM_S = 180.0
"""How long a form may take to be judged: resolvers may ask other systems."""
_id = click.argument("approval_id", metavar="ID")


@click.command("conversation")
@_id
@json_option
@click.pass_context
def conversation(ctx: click.Context, approval_id: str, *, as_json: bool) -> None:
    """Open the last messages before a held call; that you read them is recorded. They prove nothing.

    Example: stayhand approvals conversation apr_0SfvSp2wXKx1bW8n5kXk1Y
    """
    with control_client(ctx) as control:
        row = row_of(control.post(f"/api/approvals/{segment(approval_id)}/conversation", {}))
    if as_json:
        show_json(row)
    else:
        click.echo("\n".join(conversation_text(row)))


@click.command("edit")
@_id
@click.option("--text", help="The form, exactly.")
@click.option(
    "--file",
    "path",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="A file with it, `-` for standard input; an editor's last line end is no part of it.",
)
@json_option
@click.pass_context
def edit(ctx: click.Context, approval_id: str, text: str | None, path: Path | None, *, as_json: bool) -> None:
    """Deny a held call, and ask for another form of it; without a form, print what can be edited.

    The form is a new request under its own digest: nobody has approved it by this.

    Example: stayhand approvals edit apr_0SfvSp2wXKx1bW8n5kXk1Y --text "rm -rf build/cache"
    """
    if text is not None and path is not None:
        raise click.UsageError("--text or --file, not both")
    name = segment(approval_id)
    with control_client(ctx) as control:
        if text is None:
            held = _held(row_of(control.get(f"/api/approvals/{name}")))
            if path is None:
                if as_json:
                    show_json(held)
                else:
                    talk(f"the {held['what']} can be edited: give the form with --text or --file")
                    click.echo(visible(str(held["text"])))
                return
            text = _read(path, str(held["text"]))
        row = row_of(control.post(f"/api/approvals/{name}/edit", {"text": text}, timeout_s=_FORM_S))
    if as_json:
        show_json(row)
        return
    if row["id"] == row["edits"]:
        talk("denied; the policy permits the form without people, and the agent is told")
    else:
        talk(f"denied; its form waits for people: {row['summary']} ({row['environment']})")
    click.echo(str(row["id"]))


def _held(row: dict[str, object]) -> dict[str, object]:
    """Return what can be edited of an approval. Raises: CommandError."""
    found = row.get("edit")
    if not isinstance(found, dict):
        words = str(row.get("refusal") or "")
        raise CommandError(
            f"this call cannot be edited by you{f': {words}' if words else ''}", hint="deny it with a --reason"
        )
    return {"what": str(found.get("what", "")), "text": str(found.get("text", ""))}


def _read(path: Path, held: str) -> str:
    """Return the text of a file, without the line end that editors add where the call has none.

    Raises: CommandError.
    """
    try:
        with click.open_file(str(path), encoding="utf-8") as file:
            text = str(file.read())
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"`{path}` cannot be read as text in UTF-8") from error
    return text if held.endswith("\n") else text.removesuffix("\n")
