"""The digest that binds an approval to one exact tool call (DESIGN 5).

SHA-256 over canonical JSON of everything that matters; left out are the gate, call ids, trace, dates and the
arguments that tools.toml calls inert. Change anything else and the approval no longer fits.
"""

import hashlib
from collections.abc import Mapping, Sequence

import orjson

from firewall.core.action import Action

_VERSION = 1


def call_digest(
    *,
    principal: str,
    session: str,
    target: str,
    arguments: bytes,
    workspace: str,
    actions: Sequence[Action],
    files: Mapping[str, str],
    tool_schema: str,
    rows: Sequence[str],
    world: Sequence[object] = (),
) -> str:
    """Return the digest of a tool call as hex.

    `arguments` are the canonical bound arguments; `files` maps paths to SHA-256 hex of the files that the call
    runs or reads as configuration; `rows` are the deciding rows with their obligations; `world`
    is the state of what the call names, as resolvers found it.
    """
    document = {
        "v": _VERSION,
        "principal": principal,
        "session": session,
        "target": target,
        "arguments": hashlib.sha256(arguments).hexdigest(),
        "workspace": workspace,
        "actions": [
            [action.operation, action.tool, action.resource, action.environment, *action.effects]
            for action in actions
        ],
        "files": dict(files),
        "tool_schema": tool_schema,
        "rows": list(rows),
    } | ({"world": list(world)} if world else {})
    return hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()
