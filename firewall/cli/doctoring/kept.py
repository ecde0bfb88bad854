"""Files of an installation: whether they are there, who can read them, and whether each lies where it may."""

import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from firewall.cli.doctoring.finding import Finding
from firewall.cli.report import counted
from firewall.core.errors import FirewallError
from firewall.references import references_of, users_of
from firewall.settings.settings import Settings


def configuration(settings: Settings) -> Iterator[Finding]:
    """Say which files are missing, which others can read, and whether the keystore lies apart from its key."""
    yield Finding("ok", f"configuration {settings.path}")
    for path in (settings.database, settings.signing_key, settings.keystore, settings.keystore_key):
        if not path.exists():
            yield Finding("error", f"`{path}` is missing", "run `stayhand init`, or restore it")
    yield from _modes(settings)
    if settings.keystore_key.resolve().is_relative_to(settings.data_dir.resolve()):
        yield Finding("error", "the keystore's key lies in data_dir", "move it beside the configuration")


def _modes(settings: Settings) -> Iterator[Finding]:
    for path in (
        settings.data_dir,
        settings.folder,
        settings.signing_key,
        settings.keystore,
        settings.keystore_key,
        settings.vault_file,
        settings.vault_key,
        *settings.secret_files,
    ):
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            continue
        if mode & 0o077:
            yield Finding("unsafe", f"`{path}` can be read by others ({mode:o})", f"chmod go= {path}")


def witness(settings: Settings) -> Iterator[Finding]:
    """Say which files keep heads of the log, and whether one is gone or lies where the log does."""
    for path in (Path(one) for one in settings.witness if "://" not in one):
        try:
            device = path.stat().st_dev
        except OSError as error:
            yield Finding(
                "error",
                f"the witness `{path}` cannot be read ({error.strerror}): the server does not start without it",
                f"restore it; for a new witness, create it empty: touch {shlex.quote(str(path))}",
            )
            continue
        if settings.data_dir.exists() and settings.data_dir.stat().st_dev == device:
            what = f"the witness `{path}` lies on the log's own disk: whoever changes the log can change it too"
            yield Finding("warn", what, "name a file on another machine, or have the auditor copy it away")
        else:
            yield Finding("ok", f"heads of the log go to `{path}`")


def vault_of(settings: Settings) -> Iterator[Finding]:
    """Say what seals the vault, which credentials it lacks and which nobody uses."""
    users = users_of(settings)
    vault = references_of(settings).vault
    if not vault.is_made and not users:
        return
    try:
        kept = {one.name: one for one in vault.listing()}
    except FirewallError as error:
        yield Finding("error", f"vault: {error.public}", getattr(error, "hint", ""))
        return
    if vault.is_made:
        yield from _sealed(settings, len(kept))
    else:
        yield Finding("ok", "no vault yet: the first credential makes it, and its key")
    for name, used_by in users.items():
        if name not in kept:
            yield Finding(
                "error",
                f"{', '.join(used_by)}: there is no credential `{name}` in the vault",
                f"stayhand credential add {name}",
            )
    for name in sorted(set(kept) - set(users) - _logins(settings)):
        yield Finding("warn", f"nothing uses the credential `{name}`", f"stayhand credential remove {name}")


def _sealed(settings: Settings, count: int) -> Iterator[Finding]:
    """Say what seals a vault that is there."""
    yield Finding(
        "ok", f"vault with {counted(count, 'credential')}, sealed with a key from {_key_source(settings)}"
    )
    if not settings.vault_key.exists() and not (settings.vault.key and settings.vault.key.command):
        yield Finding("error", f"the vault's key `{settings.vault_key}` is missing", "restore it from its backup")
    elif settings.vault_key.resolve().is_relative_to(settings.data_dir.resolve()):
        yield Finding("error", "the vault's key lies in data_dir", "move it beside the configuration")


def _logins(settings: Settings) -> set[str]:
    if not any(one.oauth for one in settings.mcp_server):
        return set()
    from firewall.cli.doctoring.logged_in import names_of

    return names_of(settings)


def _key_source(settings: Settings) -> str:
    ref = settings.vault.key
    return f"the command `{ref.command[0]}`" if ref and ref.command else f"`{settings.vault_key}`"
