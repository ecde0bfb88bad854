"""`local` is files under the workspace after links are resolved (DESIGN 4): what leads out of it is not local.

Classification is pure and judges paths as written; here the file system of this machine is asked. A workspace that
this machine does not see changes nothing. INVARIANT: an action is only ever raised, never made local.
"""

import os
from dataclasses import replace

from firewall.core.action import LOCAL, UNRESOLVED, Action
from firewall.core.effect import Effect

_CHANGES = frozenset({Effect.WRITE, Effect.DESTRUCTIVE, Effect.PRIVILEGE})
"""Reading and running through a link (a virtual environment's python) is everyday; changing through one is not."""


def through_links(action: Action, workspace: str) -> Action:
    """Return the action, `unresolved` instead of `local` when a changed path leads out of the workspace."""
    if action.environment != LOCAL or not workspace or _CHANGES.isdisjoint(action.effects):
        return action
    root = os.path.realpath(workspace)
    written = workspace.rstrip("/")
    for path in (*action.reach.paths, *action.reach.trees):
        if path != written and not path.startswith(written + "/"):
            continue  # lies elsewhere as written: judged so already
        real = os.path.realpath(path)
        if real != root and not real.startswith(root + "/"):
            return replace(
                action,
                environment=UNRESOLVED,
                inside_workspace=False,
                attributes={
                    **action.attributes,
                    "inside_workspace": False,
                    "regenerable": False,
                    "scratch": False,
                },
                summary=f"{action.summary} (a link leads out of the workspace, to `{real}`)",
            )
    return action
