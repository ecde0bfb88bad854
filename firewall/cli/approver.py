"""`stayhand approver add|list|remove|away|delegate|back|link|links|passkeys|browsers|revoke`."""

from collections.abc import Mapping

import click

from firewall.cli.client import CommandError, control_client, row_of, rows_of, segment, show_json, show_table, talk
from firewall.cli.options import Listed, json_option
from firewall.core.ids import is_id

_REVOCABLE = {"pky": "passkeys", "lnk": "links", "psh": "push"}
"""Where what is revoked lies in the API, by the kind of its id."""


@click.group("approver", cls=Listed, help="The people who answer.")
def approver() -> None:
    """Group the commands about approvers."""


@approver.command("add")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(["viewer", "approver", "auditor", "admin"]),
    default="approver",
    show_default=True,
    help="Viewers look, auditors also read the log, approvers decide, admins also mint tokens and load policies.",
)
@click.option("--group", "groups", multiple=True, help="A group that policy rows can ask for; may be repeated.")
@json_option
@click.pass_context
def add(ctx: click.Context, name: str, role: str, groups: tuple[str, ...], *, as_json: bool) -> None:
    """Add a person, or give one a new passphrase; it is shown once.

    Example: stayhand approver add alice --group oncall
    """
    with control_client(ctx) as control:
        row = row_of(control.post("/api/approvers", {"name": name, "role": role, "groups": list(groups)}))
    if as_json:
        show_json(row)
        return
    talk(f"{row.get('name', name)} can sign in as {role}; the passphrase is shown this once:")
    click.echo(str(row.get("passphrase", "")))


@approver.command("list")
@click.option("--stats", is_flag=True, help="How they answered in the last seven days, in place of who they are.")
@json_option
@click.pass_context
def list_(ctx: click.Context, *, stats: bool, as_json: bool) -> None:
    """List who may sign in, who of them is away, and who speaks for whom until when.

    Example: stayhand approver list
    """
    if stats:
        _stats(ctx, as_json=as_json)
        return
    with control_client(ctx) as control:
        rows = rows_of(control.get("/api/approvers"))
        noted = {str(one.get("name")): one for one in rows_of(control.get("/api/absences"))}
    shown = [{**one, **_absence(noted.get(str(one.get("name"))))} for one in rows]
    if as_json:
        show_json(shown)
    else:
        show_table(shown, ("name", "role", "groups", "away", "delegate", "until"))


def _stats(ctx: click.Context, *, as_json: bool) -> None:
    with control_client(ctx) as control:
        rows = rows_of(control.get("/api/approvers/figures"))
    if as_json:
        show_json(rows)
        return
    columns = ("name", "answered", "approved", "denied", "per_day", "median_dwell_s", "hasty_percent")
    show_table(rows, columns)
    if rows:
        talk(f"answers since {rows[0].get('since')}")
    for one in rows:
        if one.get("waves_through"):
            talk(
                f"{one.get('name')} approves nearly everything, most of it within three seconds or without a look"
            )


def _absence(noted: Mapping[str, object] | None) -> dict[str, object]:
    """Return what is noted of somebody, as columns of his line."""
    found = noted or {}
    return {
        "away": "away" if found.get("away") else "",
        "delegate": found.get("delegate", ""),
        "until": found.get("until", ""),
    }


@approver.command("remove")
@click.argument("name")
@json_option
@click.pass_context
def remove(ctx: click.Context, name: str, *, as_json: bool) -> None:
    """End a person's right to sign in; running sessions end at once.

    Example: stayhand approver remove alice
    """
    with control_client(ctx) as control:
        row = row_of(control.delete(f"/api/approvers/{segment(name)}"))
    if as_json:
        show_json(row)
    else:
        talk(f"{name} can no longer sign in")


@approver.command("link")
@click.argument("name")
@json_option
@click.pass_context
def link(ctx: click.Context, name: str, *, as_json: bool) -> None:
    """Print a one-time sign-in address for somebody, to register a passkey from; it works once, within an hour.

    Whoever has it can sign in as that person: give it to nobody else, and to no agent.

    Example: stayhand approver link alice
    """
    with control_client(ctx) as control:
        row = row_of(control.post(f"/api/approvers/{segment(name)}/link", {}))
    if as_json:
        show_json(row)
        return
    talk(f"{name} signs in once with this address, until {row.get('expires_at')}:")
    click.echo(str(row.get("address", "")))


@approver.command("links")
@json_option
@click.pass_context
def links(ctx: click.Context, *, as_json: bool) -> None:
    """List personal links that could still be used; none can be used from this.

    Example: stayhand approver links
    """
    with control_client(ctx) as control:
        rows = rows_of(control.get("/api/links"))
    if as_json:
        show_json(rows)
    else:
        show_table(rows, ("id", "name", "use", "approval", "expires_at"))


@approver.command("passkeys")
@click.argument("name", required=False)
@json_option
@click.pass_context
def passkeys(ctx: click.Context, name: str | None, *, as_json: bool) -> None:
    """List passkeys: of one person, or of everybody.

    Example: stayhand approver passkeys alice
    """
    with control_client(ctx) as control:
        rows = rows_of(control.get("/api/passkeys"))
    kept = [one for one in rows if name is None or one.get("name") == name]
    if as_json:
        show_json(kept)
    else:
        show_table(kept, ("id", "name", "label", "backed_up", "created_at", "used_at"))


@approver.command("browsers")
@click.argument("name", required=False)
@json_option
@click.pass_context
def browsers(ctx: click.Context, name: str | None, *, as_json: bool) -> None:
    """List browsers that are told by push: your own; as an admin everybody's, or one person's.

    Example: stayhand approver browsers alice
    """
    with control_client(ctx) as control:
        rows = rows_of(control.get("/api/push"))
    kept = [one for one in rows if name is None or one.get("name") == name]
    if as_json:
        show_json(kept)
    else:
        show_table(kept, ("id", "name", "label", "service", "created_at"))


@approver.command("revoke")
@click.argument("id_", metavar="ID")
@json_option
@click.pass_context
def revoke(ctx: click.Context, id_: str, *, as_json: bool) -> None:
    """Revoke a passkey (pky_…) or a personal link (lnk_…), or have a browser (psh_…) told no more.

    Sessions that the passkey began end at once.

    Example: stayhand approver revoke pky_0123456789abcdefghijkl
    """
    place = next((place for kind, place in _REVOCABLE.items() if is_id(id_, kind)), None)
    if place is None:
        words = f"`{id_}` is no passkey, no link and no browser"
        raise CommandError(words, hint="stayhand approver passkeys")
    with control_client(ctx) as control:
        row = row_of(control.delete(f"/api/{place}/{id_}"))
    if as_json:
        show_json(row)
    else:
        talk(f"{id_} of {row.get('name')} is {row.get('status')}")


_until = click.option(
    "--until", required=True, help="A day (its end, UTC) or an instant with an offset; within ninety days."
)


@approver.command("away")
@click.argument("name")
@_until
@click.option("--delegate", default="", help="Who may speak for NAME's groups meanwhile.")
@json_option
@click.pass_context
def away(ctx: click.Context, name: str, until: str, delegate: str, *, as_json: bool) -> None:
    """Note that somebody is away: not told of what waits until the end. You of yourself, an admin of anybody.

    Example: stayhand approver away alice --until 2026-12-24 --delegate bob
    """
    _note(ctx, name, {"until": until, "delegate": delegate, "away": True}, as_json=as_json)


@approver.command("delegate")
@click.argument("name")
@click.argument("delegate")
@_until
@json_option
@click.pass_context
def delegate(ctx: click.Context, name: str, delegate: str, until: str, *, as_json: bool) -> None:
    """Let DELEGATE speak for NAME's groups until the end: as himself, one vote, never about his own agents.

    Example: stayhand approver delegate alice bob --until 2026-12-24T18:00:00Z
    """
    _note(ctx, name, {"until": until, "delegate": delegate}, as_json=as_json)


@approver.command("back")
@click.argument("name")
@json_option
@click.pass_context
def back(ctx: click.Context, name: str, *, as_json: bool) -> None:
    """End what was noted of somebody: absence and delegate.

    Example: stayhand approver back alice
    """
    with control_client(ctx) as control:
        row = row_of(control.delete(f"/api/absences/{segment(name)}"))
    if as_json:
        show_json(row)
    else:
        talk(f"{name} is back and speaks for himself")


def _note(ctx: click.Context, name: str, body: dict[str, object], *, as_json: bool) -> None:
    with control_client(ctx) as control:
        row = row_of(control.post(f"/api/absences/{segment(name)}", body))
    if as_json:
        show_json(row)
        return
    who = f"; {row['delegate']} speaks for {name}" if row.get("delegate") else ""
    talk(f"until {row['until']}: {name} {'is away' if row.get('away') else 'has a delegate'}{who}")
