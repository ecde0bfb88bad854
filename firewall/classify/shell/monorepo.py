"""Packages of a workspace of npm, pnpm, yarn and bun: which folders a manifest names, as far as nothing is listed.

Pure: a pattern such as `packages/*` stands for the folder that a package's name ends in; what lies there else is
not known.
"""

import json
import posixpath
import re
from collections.abc import Iterable

MAX_FOLDERS = 12
_USUAL = ("packages/*", "apps/*")
_LISTED = re.compile(r"^[ \t]+-[ \t]+['\"]?(?P<glob>[^'\"\s#]+)", re.MULTILINE)


def patterns_of(text: str) -> list[str]:
    """Return what a package.json or a pnpm-workspace.yaml says of where packages lie; nothing: it is not read."""
    if not text.lstrip().startswith("{"):
        return [match["glob"] for match in _LISTED.finditer(text)]
    try:
        loaded: object = json.loads(text)
    except (ValueError, RecursionError):
        return []
    found = loaded.get("workspaces") if isinstance(loaded, dict) else None
    found = found.get("packages") if isinstance(found, dict) else found
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def folders_of(patterns: Iterable[str], names: Iterable[str]) -> list[str]:
    """Return folders below the workspace in which named packages may lie; without names, those spelled out."""
    given = [_plain(pattern) for pattern in patterns if not pattern.startswith("!")]
    wanted = [name for name in names if name]
    spelled = [pattern for pattern in given if "*" not in pattern]
    if not wanted:
        return list(dict.fromkeys(spelled))[:MAX_FOLDERS]
    found: list[str] = []
    for name in wanted:
        if name.startswith((".", "/")) or ("/" in name and not name.startswith("@")):
            found.append(_plain(name))
        last = name.rpartition("/")[2]
        found += [pattern for pattern in spelled if posixpath.basename(pattern) == last]
        found += [pattern[: pattern.index("*")] + last for pattern in (*given, *_USUAL) if "*" in pattern]
    return list(dict.fromkeys(found))[:MAX_FOLDERS]


def _plain(pattern: str) -> str:
    return posixpath.normpath(pattern)
