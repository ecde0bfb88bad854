"""What `when` expressions may ask for besides an action's own fields: one table, used by policy validation.

An attribute that is absent is false, zero or empty. Attributes describe what was seen; one that could only
loosen a verdict (`inside_workspace`, `scratch`, `regenerable`) is set only when everything the action touches
was seen and fits.
"""

from collections.abc import Mapping
from types import MappingProxyType

_DOCS: dict[str, tuple[type, str]] = {
    "inside_workspace": (bool, "everything it touches lies under the grant's workspace"),
    "whole_workspace": (bool, "removes or overwrites the workspace itself, or everything directly in it"),
    "history": (bool, "version control history or uncommitted work is lost"),
    "scratch": (bool, "everything it touches lies in a scratch folder of environments.toml"),
    "regenerable": (bool, "everything it removes can be built again (node_modules, build, caches)"),
    "temporary": (bool, "everything it removes lies below a folder for temporary files (/tmp, $TMPDIR)"),
    "overwrites": (bool, "replaces the whole content of a file that may exist"),
    "recursive": (bool, "acts on a folder and everything below it"),
    "system": (bool, "touches a system folder (/etc, /usr, /boot, ...) or a device"),
    "foreign_credential": (bool, "carries a credential that this firewall did not issue"),
    "undeclared": (bool, "a request that changes something and that no judged tool call announced"),
    "package_install": (bool, "installs third-party packages"),
    "network": (bool, "speaks to another machine"),
    "hosts": (int, "number of hosts that it speaks to"),
    "host": (str, "the host that it speaks to, lower case"),
    "method": (str, "the HTTP method"),
    "branch": (str, "the git branch that it changes"),
    "remote": (str, "the git remote that it speaks to"),
    "elevated": (bool, "runs with more rights than the agent has (sudo, a sandbox switched off)"),
    "background": (bool, "keeps running after the call returns"),
    "machine": (str, "runs on another machine or in a container: `ssh:host`, `container:name`, `pod:name`"),
    "force": (bool, "a safety check of the tool is switched off (--force)"),
    "dry_run": (bool, "the tool itself only shows what it would do"),
    "instructions": (bool, "writes a file that agents read as instructions (CLAUDE.md, AGENTS.md)"),
    "nested": (int, "how many layers of wrapping stood around it"),
    "count": (int, "number of things that it names"),
    "rows": (
        int,
        "rows that SQL changes at most, where the statement itself says so (LIMIT, a key set to one value)",
    ),
}
_FOUND: dict[str, tuple[type, str]] = {
    "backup_age_h": (int, "age in whole hours of the newest restore point that the call would leave, else of any"),
    "backup_outside_blast_radius": (bool, "that restore point is not destroyed by the same call"),
    "backups": (int, "number of restore points"),
    "size_mb": (int, "size of what it names, in MB"),
    "row_count": (int, "rows that what it names holds"),
    "holds": (int, "number of things that are in what it names and go with it"),
    "idle_h": (int, "whole hours since what it names was last used"),
    "protected": (bool, "the provider protects what it names from deletion"),
    "versioned": (bool, "older versions of what it names are kept"),
    "recovery_point": (bool, "what it names is itself a restore point of something else"),
    "resource_name": (str, "the name of what it names"),
    "resource_owner": (str, "the project, account or group that what it names belongs to"),
}
"""What resolvers find out: what nobody found out is not known, flags as well, and meets no condition."""

KNOWN_ATTRIBUTES: Mapping[str, type] = MappingProxyType(
    {name: kind for name, (kind, _) in (_DOCS | _FOUND).items()}
)
"""Name to type of every attribute that classification or a resolver may set."""

FOUND_ATTRIBUTES = frozenset(_FOUND)
"""Those that only a resolver sets: absent is not known, and never false."""

ATTRIBUTE_DOCS: Mapping[str, str] = MappingProxyType({name: doc for name, (_, doc) in (_DOCS | _FOUND).items()})
"""Name to meaning, for documentation and `policy check`."""
