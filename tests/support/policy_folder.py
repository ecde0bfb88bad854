"""Small policies folders and actions for tests: rows as text, everything else as little as will load."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from firewall.core.action import Action, Attribute
from firewall.core.effect import Effect, ordered
from firewall.policy.defaults import shipped
from firewall.policy.load import load
from firewall.policy.people import Approvers
from firewall.policy.snapshot import Snapshot

ENVIRONMENTS = "".join(f'[[environment]]\nname = "{name}"\n' for name in ("dev", "staging", "production"))
APPROVERS = Approvers({"alice": frozenset({"oncall", "dba"}), "bob": frozenset({"oncall"}), "eve": frozenset()})
ROLES = frozenset({"coding-agent"})


def write_folder(folder: Path, rows: str | bytes, *, environments: str = ENVIRONMENTS) -> Path:
    """Write a policies folder with the shipped model, the given rows and empty catalogues."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(shipped() / "model.conf", folder / "model.conf")
    (folder / "policy.csv").write_bytes(rows.encode() if isinstance(rows, str) else rows)
    (folder / "environments.toml").write_text(environments, encoding="utf-8")
    for name in ("tools.toml", "hosts.toml"):
        (folder / name).write_text("", encoding="utf-8")
    return folder


def snapshot_of(folder: Path, rows: str) -> Snapshot:
    """Load rows."""
    return load(write_folder(folder, rows), approvers=APPROVERS)


def an_action(
    environment: str = "staging",
    effects: Iterable[str] = ("read",),
    *,
    tool: str = "Bash",
    operation: str = "shell:ls",
    resource: str = "file:/srv/data",
    attributes: Mapping[str, Attribute] | None = None,
) -> Action:
    """Build an action; a local one lies inside the workspace."""
    return Action(
        operation=operation,
        tool=tool,
        resource=resource,
        environment=environment,
        effects=ordered(Effect(effect) for effect in effects),
        summary="does something",
        inside_workspace=environment == "local",
        attributes=attributes or {},
    )
