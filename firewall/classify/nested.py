"""A script that calls tools: each call is judged as that tool's own, its evidence led back into the script."""

import json
import posixpath
from collections.abc import Callable, Mapping
from dataclasses import replace

from firewall.classify.catalogue import ToolKind, ToolSpec
from firewall.classify.code.javascript.codex import Nested, read_script
from firewall.classify.context import Context
from firewall.classify.draft import Draft, Source, shown
from firewall.core.action import LOCAL, UNRESOLVED, Action, Evidence, with_effects
from firewall.core.call import CallForm, ToolCall
from firewall.core.effect import Effect

MAX_ARGUMENT_CHARS = 24 * 1024
"""Arguments of the calls of a script, all together."""
MAX_ACTIONS = 160
"""What the calls of a script do, all together: a person reads no more either."""
Judge = Callable[[ToolCall, Context], tuple[Action, ...]]


def script_actions(call: ToolCall, text: str, context: Context, judge: Judge) -> tuple[Action, ...]:
    """Return the actions of Codex's JavaScript: of its tool calls, and `unknown` for what is not understood."""
    source = Source(text)
    script = read_script(source)
    actions: list[Action] = []
    left = MAX_ARGUMENT_CHARS
    for nested in script.calls:
        left -= len(nested.argument)
        if actions and (left < 0 or len(actions) > MAX_ACTIONS):
            # FAIL-CLOSED: what is too much to read together is not read.
            actions.append(_unknown(nested, call, text, "the rest of its calls, which is too much to read"))
            break
        actions += _judged(nested, call, text, context, judge)
    actions = _written_then_run(actions)
    for span, why in script.opaque[:10]:
        draft = Draft("code:script", effects={Effect.EXEC, Effect.UNKNOWN}, unseen=[why], summary=f"runs {why}")
        draft.point(span, why)
        actions.append(draft.action(call.name, text))
    if not actions:
        draft = Draft("code:script", "none:", effects={Effect.READ}, summary="runs code that only computes")
        draft.environment = LOCAL if context.workspace else UNRESOLVED
        draft.inside_workspace = bool(context.workspace)
        actions.append(draft.action(call.name, text))
    return tuple(actions)


_BUILD_FILES = frozenset(
    {"Makefile", "package.json", "justfile", "conftest.py", "setup.py", "Rakefile", "build.rs"}
)
_CHANGES = frozenset({Effect.WRITE, Effect.DESTRUCTIVE, Effect.PRIVILEGE})


def _written_then_run(actions: list[Action]) -> list[Action]:
    """Raise what runs a file that an earlier call has written: its code is not the workspace's yet."""
    written: set[str] = set()
    found: list[Action] = []
    for action in actions:
        names = {posixpath.basename(path) for path in written}
        runs = {*action.files, *action.reach.paths, *action.reach.trees}
        if Effect.EXEC in action.effects and (written & runs or names & _BUILD_FILES):
            why = "what it runs was written by the same script"
            effects = with_effects(*action.effects, Effect.UNKNOWN)
            found.append(replace(action, effects=effects, unseen=(*action.unseen, why)))
            continue
        if action.operation.startswith("file:") and _CHANGES & set(action.effects):
            written.update(action.reach.paths)
        found.append(action)
    return found


def _judged(nested: Nested, call: ToolCall, text: str, context: Context, judge: Judge) -> list[Action]:
    spec = context.catalogue.tools.get(nested.name)
    if spec is not None and spec.kind is ToolKind.CODE:
        return [_unknown(nested, call, text, "a script that starts another")]
    form = CallForm.TEXT if nested.is_text else CallForm.JSON
    inner = ToolCall(call.id, nested.name, nested.argument.encode("utf-8", "surrogatepass"), form)
    if nested.is_text and spec is not None and spec.kind not in (ToolKind.PATCH, ToolKind.SHELL):
        inner = replace(inner, arguments=_as_object(spec, nested.argument), form=CallForm.JSON)
    actions = [_moved(action, nested, call, text) for action in judge(inner, context)]
    missing = _missing(nested, spec)
    if missing:
        why = (
            f"what {shown(nested.name)} is given: {', '.join(missing)}"
            if missing != [""]
            else f"what {shown(nested.name)} is given"
        )
        actions.append(_unknown(nested, call, text, why))
    return actions


def _as_object(spec: ToolSpec, argument: str) -> bytes:
    """Write a text for a tool that takes an object as its first argument of text."""
    keys = (*spec.text, *spec.paths)
    return json.dumps({keys[0]: argument} if keys else {"input": argument}).encode()


_PLAIN = frozenset({"session_id", "cell_id", "terminate"})
"""Arguments that are numbers or names of things in the agent, whatever their value."""


def _missing(nested: Nested, spec: ToolSpec | None) -> list[str]:
    """Return the keys that are not known and that the meaning of the call hangs on."""
    if not nested.holes or (spec is not None and spec.kind is ToolKind.INERT):
        return []
    inert: frozenset[str] = spec.inert if spec is not None else frozenset()
    return sorted(nested.holes - inert - _PLAIN)


def _unknown(nested: Nested, call: ToolCall, text: str, why: str) -> Action:
    draft = Draft(
        "code:script",
        effects={Effect.UNKNOWN},
        unseen=[why],
        summary=f"calls {shown(nested.name)}; not known before it runs: {why}",
    )
    draft.point(nested.span, why)
    return draft.action(call.name, text)


def _moved(action: Action, nested: Nested, call: ToolCall, text: str) -> Action:
    """Lead evidence back into the script: to the very words where they stand there, else to the call."""
    evidence: list[Evidence] = []
    for item in action.evidence:
        words = action.text[item.start : item.end]
        at = text.find(words, *nested.span) if words else -1
        start, end = (at, at + len(words)) if at >= 0 else nested.span
        evidence.append(Evidence(start, end, item.note))
    attributes: Mapping[str, int | str | bool] = {
        **action.attributes,
        "nested": int(action.attributes.get("nested", 0)) + 1,
    }
    return replace(action, tool=call.name, text=text, evidence=tuple(evidence), attributes=attributes)
