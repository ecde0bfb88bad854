"""What an agent's side claims about a call, read as more that the call could do (DESIGN 2.11).

INVARIANT: claims only ever add actions to those that the call has without them, so a verdict, the strictest among
all actions, can become stricter and never milder.
"""

from collections.abc import Sequence
from dataclasses import replace

from firewall.classify.context import Context
from firewall.core.action import Action
from firewall.core.call import ToolCall
from firewall.guard.ports import Files
from firewall.guard.requester import Requester
from firewall.guard.understanding import understood


def claimed(
    call: ToolCall, context: Context, files: Files, requester: Requester, *, known: Sequence[Action]
) -> tuple[tuple[Action, ...], dict[str, str]]:
    """Return the actions that the claims of a requester add to those `known`, and what files they read.

    A working directory is tried as the place where the call begins; an environment as the one where it lands.
    """
    found: list[Action] = []
    files_read: dict[str, str] = {}
    if requester.cwd and requester.cwd != context.workspace:
        there, _, files_read = understood(call, replace(context, cwd=requester.cwd), files)
        found += _new(there, known)
    if requester.environment:
        landed = [replace(one, environment=requester.environment) for one in (*known, *found)]
        found += _new(landed, (*known, *found))
    return tuple(found), files_read


def _new(actions: Sequence[Action], known: Sequence[Action]) -> list[Action]:
    """Return those that are not among the known ones, once each."""
    marks = {_mark(one) for one in known}
    found = []
    for one in actions:
        if (mark := _mark(one)) not in marks:
            marks.add(mark)
            found.append(one)
    return found


def _mark(action: Action) -> tuple[object, ...]:
    """Return what judging looks at, in a form that can be compared."""
    return (
        action.operation,
        action.tool,
        action.resource,
        action.environment,
        action.effects,
        action.inside_workspace,
        action.reach,
        action.unseen,
        tuple(sorted(action.attributes.items(), key=lambda pair: pair[0])),
    )
