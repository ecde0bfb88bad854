"""Environment variables that decide what programs run: when a value does, and when it only might later."""

import posixpath

from firewall.classify.context import Context
from firewall.classify.draft import Draft
from firewall.classify.paths import is_under
from firewall.classify.shell.analysis import Analysis
from firewall.core.action import LOCAL, UNRESOLVED
from firewall.core.effect import Effect


def decides(name: str, value: str | None, written: str, context: Context) -> bool:
    """Tell whether setting a variable may make a program run something else.

    `value` is the constant, None where it is not known; `written` is how the value stands in the text.
    """
    variables = context.catalogue.variables
    if name == "PATH":
        return not all(variables.trusted_path.fullmatch(part) for part in _parts(written)) or ".." in written
    if variables.running.fullmatch(name):
        return value is None or value not in variables.harmless
    if variables.search.fullmatch(name):
        return not all(_is_own(part, context) for part in _parts(written if value is None else value))
    return False


def waits(written: str, context: Context) -> bool:
    """Tell whether a `PATH` matters only once a program runs behind it: no part of it is anybody's to write."""
    return not any(context.environments.is_scratch(part) or part.startswith("$TMP") for part in _parts(written))


def _parts(written: str) -> list[str]:
    return [part for part in written.strip("\"'").split(":") if part]


def _is_own(part: str, context: Context) -> bool:
    """Tell whether a folder of a search path lies in the workspace."""
    if part in ("$PWD", "${PWD}", "$(pwd)") or part.startswith(("$PWD/", "$(pwd)/")):
        return ".." not in part.split("/")
    if part.startswith("/"):
        return is_under(posixpath.normpath(part), context.workspace)
    return not part.startswith(("$", "~", "`")) and ".." not in part.split("/")


def later(draft: Draft, analysis: Analysis) -> None:
    """Let an assignment of `PATH` be a read until a program runs behind it."""
    draft.effects = {Effect.READ}
    draft.environment = LOCAL if analysis.context.workspace else UNRESOLVED
    draft.inside_workspace = bool(analysis.context.workspace)
    analysis.pending.append(draft)


def run_behind(analysis: Analysis) -> None:
    """Raise the assignments that wait for a program, now that one runs."""
    for draft in analysis.pending:
        draft.effects.add(Effect.UNKNOWN)
        draft.environment, draft.inside_workspace = UNRESOLVED, False
        draft.unseen.append("what later programs run because of it")
    analysis.pending.clear()
