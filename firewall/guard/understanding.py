"""Understanding a call with the files that it runs: classify, read what it names, classify again.

A call that names no file is classified once and reads nothing. What a file holds can only raise the answer, and
the hash that an approval binds is of the very bytes that were judged.
"""

from dataclasses import replace

from firewall.classify.context import Context
from firewall.classify.state import Unread
from firewall.classify.tool import actions_of
from firewall.core.action import Action
from firewall.core.call import ToolCall
from firewall.guard.files import MAX_FILES, MAX_TEXTS
from firewall.guard.links import through_links
from firewall.guard.ports import Files, Seen

MAX_ROUNDS = 3


def understood(
    call: ToolCall, context: Context, files: Files
) -> tuple[tuple[Action, ...], Context, dict[str, str]]:
    """Return the actions of a call, the context with what was read, and path to SHA-256 hex (or `unread`)."""
    seen: dict[str, Seen] = {}
    actions = _actions(call, context)
    if not any(action.files for action in actions):
        return actions, context, {}
    for _ in range(MAX_ROUNDS):
        more = _new(actions, seen)
        if not more:
            break
        seen |= files.seen(more, context.workspace)
        texts = {path: found.text for path, found in seen.items() if found.text is not None}
        contents = dict(list(texts.items())[:MAX_TEXTS])
        unread = {path: found.why for path, found in seen.items() if found.why is not None}
        unread |= dict.fromkeys(list(texts)[MAX_TEXTS:], Unread.MANY)
        if contents == context.contents and unread == context.unread:
            break
        context = replace(context, contents=contents, unread=unread)
        actions = _actions(call, context)
    last = _new(actions, seen)
    if last:  # bound, though nobody has read what it does
        seen |= files.seen(last, context.workspace)
    return actions, context, {path: found.digest for path, found in seen.items()}


def _actions(call: ToolCall, context: Context) -> tuple[Action, ...]:
    return tuple(through_links(action, context.workspace) for action in actions_of(call, context))


def _new(actions: tuple[Action, ...], seen: dict[str, Seen]) -> list[str]:
    """Return the files that are named and were not looked at, in the order of the actions, within the limit."""
    named = dict.fromkeys(path for action in actions for path in action.files)
    return [path for path in named if path not in seen][: max(0, MAX_FILES - len(seen))]
