"""One simple command: which program it is, what wraps it, and what its row in the catalogue says."""

import posixpath
import re
import shlex
from dataclasses import replace

from firewall.classify.draft import shown
from firewall.classify.paths import is_under
from firewall.classify.rows import Program, Verb
from firewall.classify.shell import builtins, code, specials, wrappers
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.apply import apply_program, finish
from firewall.classify.shell.assigning import forget_set
from firewall.classify.shell.behind import add_behind
from firewall.classify.shell.projects import add_project
from firewall.classify.shell.scope import Body
from firewall.classify.shell.touches import Touched, touch_drafts
from firewall.classify.shell.variables import decides, run_behind
from firewall.core.effect import Effect

EVALUATED = re.compile(r"\w\[[^\]\[]{0,200}(?:\$\(|`)")
"""An index that a shell evaluates once more, whatever quotes stand around it (`test -v 'a[$(id)]'`)."""
_EVALUATING = frozenset(
    {"test", "[", "let", "read", "unset", "declare", "typeset", "local", "export", "readonly", "mapfile",
     "readarray", "wait", "getopts"}
)  # fmt: skip
_OF_THE_SHELL = frozenset(
    {
        "export",
        "cd",
        "echo",
        "set",
        "alias",
        "declare",
        "local",
        "readonly",
        "true",
        ":",
        "pwd",
        "printf",
        "test",
        "[",
    }
)
"""Builtins: what `PATH` holds is nothing to them."""
_LAUNCHERS = frozenset({"mvnw", "gradlew"})
"""Scripts that a build tool puts into the workspace to start itself."""
_WITH_ONE = 2
"""Words of a program with a single argument."""


def run(command: Command, analysis: Analysis) -> None:
    """Add the actions of a simple command."""
    if not analysis.spend(command.depth, command.span):
        return
    word = command.words[0]
    if not word.known or word.glob or not word.text:
        why = (
            "the command's name is not known before it runs"
            if not word.glob
            else "the command's name is a pattern"
        )
        draft = analysis.opaque(word.span if word.text else command.span, why)
        draft.summary = f"runs {shown(word.text)}: {why}"
        finish(draft, command, analysis)
        return
    if word.text == "\\" or not word.text.isprintable() or " " in word.text:
        finish(
            analysis.opaque(word.span, "the command's name holds characters that no program's name has"),
            command,
            analysis,
        )
        return
    before = len(analysis.drafts)
    if command.name not in _OF_THE_SHELL:
        run_behind(analysis)
    _evaluated(command, analysis)
    forget_set(command)
    _run_known(command, analysis)
    _judge_assignments(command, analysis, before)


def _evaluated(command: Command, analysis: Analysis) -> None:
    """Add what builtins evaluate inside a word that is quoted."""
    name = command.name
    prints = name == "printf" and len(command.words) > 1 and command.words[1].text.startswith("-v")
    if name not in _EVALUATING and not prints:
        return
    for word in command.words[1 : 3 if prints else None]:
        if EVALUATED.search(word.text):
            finish(analysis.opaque(word.span, "an index that the shell evaluates"), command, analysis)


def _run_known(command: Command, analysis: Analysis) -> None:
    name = command.name
    body = command.scope.functions.get(name)
    alias = command.scope.aliases.get(name)
    if body is not None and body.running:
        # `command x` and `builtin x` inside of x mean the program.
        body = None if command.attributes.get("nested") else body
    if body is not None and body.running:
        _recurses(command, analysis)
    elif body is not None:
        _call(body, command, analysis)
    elif alias is not None:
        _expand_alias(alias, command, analysis)
    # FAIL-CLOSED: aliases are often off and definitions may not have run, so the program is judged as well.
    # So is it where a file defines them that may be another one by then.
    certain = [found for found in (body, alias) if found is not None and not found.from_file]
    if certain and name not in analysis.context.catalogue.programs:
        return
    program = find_program(command, analysis)
    if program is not None:
        before = len(analysis.drafts)
        run_program(program, command, analysis)
        add_project(program, command, analysis, before)


def run_program(program: Program, command: Command, analysis: Analysis) -> None:
    """Add the actions of a program that the catalogue knows."""
    if shows_version(command, program.version):
        builtins.quiet(command, analysis, f"shows the version or help of {shown(command.name)}")
        return
    special = specials.READERS.get(program.special)
    if special is not None and special(command, program, analysis):
        return
    if program.wrap is not None and wrappers.peel(program, program.wrap, command, analysis):
        return
    if program.code is not None and code.run_code(program, program.code, command, analysis):
        return
    apply_program(program, command, analysis)


def shows_version(command: Command, more: frozenset[str] = frozenset()) -> bool:
    """Tell whether a command is nothing but `PROGRAM --version`: nothing is read, not even the standard input."""
    words = command.words
    if command.assignments or len(words) != _WITH_ONE or not words[1].known:
        return False
    return words[1].text in ("--version", "--help") or words[1].text in more


def find_program(command: Command, analysis: Analysis) -> Program | None:
    """Return the program's row; what has none is added as `unknown` or as workspace code."""
    name = command.name
    programs = analysis.context.catalogue.programs
    if "/" not in name:
        program = programs.get(name) or programs.get(_versionless(name))
        if program is None and shows_version(command) and not command.scope.machine:
            builtins.quiet(command, analysis, f"shows the version or help of {shown(name)}")
        elif program is None:
            specials.unknown_program(command, analysis)
        return program
    folder, base = posixpath.split(name)
    if analysis.context.catalogue.paths.bin.fullmatch(posixpath.normpath(folder)):
        program = programs.get(base) or programs.get(_versionless(base))
        if program is not None:
            return program
    return _run_path(command, analysis)


def _versionless(name: str) -> str:
    """`python3.11` is `python3`."""
    return name.rstrip("0123456789").rstrip(".") + "3" if name.startswith(("python3.", "pip3.")) else ""


def _run_path(command: Command, analysis: Analysis) -> Program | None:
    """Run a file by its path: code that is not seen; tools of the workspace's own environment also by name."""
    code.framework(command.words[0], command.words[1:], command, analysis)
    groups = touch_drafts([Touched(Verb.RUN, command.words[0])], command.scope, analysis.context)
    base = posixpath.basename(command.name)
    path = groups[0].draft.trees[0] if groups[0].draft.trees else ""
    known = analysis.context.catalogue.programs.get(base) or analysis.context.catalogue.programs.get(
        _versionless(base)
    )
    for group in groups:
        draft = group.draft
        draft.operation = "code:run"
        draft.summary = f"runs the program {group.shown}; what it does is not seen here"
        ran, draft.paths, draft.trees = draft.trees, [*draft.paths, *draft.trees], []
        analysis.drafts.append(draft)
        finish(draft, command, analysis)
        code.run_path(draft, ran, command, analysis)
    own = base in _LAUNCHERS or "/.venv/" in path or "/venv/" in path or "/node_modules/.bin/" in path
    if known is not None and own and is_under(path, analysis.context.workspace):
        return known
    return known if known is not None and any(Effect.UNKNOWN in group.draft.effects for group in groups) else None


def _call(body: Body, command: Command, analysis: Analysis) -> None:
    """Run a function that the text itself defines."""
    scope = command.scope.copy()
    scope.functions[command.name] = replace(body, running=True)
    scope.positional = tuple(word.text if word.known else None for word in command.words[1:])
    analysis.script(analysis, body.source, scope, command.feed, command.depth + 1)
    command.scope.merge(scope)


def _recurses(command: Command, analysis: Analysis) -> None:
    """A function that calls itself: nothing tells where that ends, and `f | f &` fills the machine."""
    draft = analysis.opaque(command.span, "how often it calls itself", effects=(Effect.UNKNOWN, Effect.DISRUPTIVE))
    draft.summary = f"the function {shown(command.name)} calls itself; nothing shows where that ends"
    finish(draft, command, analysis)


def _expand_alias(body: Body, command: Command, analysis: Analysis) -> None:
    """Run an alias that the text itself defines, with the words behind it."""
    scope = command.scope.copy()
    scope.aliases.pop(command.name, None)
    tail = " ".join(shlex.quote(word.text) if word.known else word.text for word in command.words[1:])
    source = (
        body.source
        if not tail
        else replace(body.source, text=f"{body.source.text} {tail}", base=None, outer=command.span)
    )
    analysis.script(analysis, source, scope, command.feed, command.depth + 1)


def _judge_assignments(command: Command, analysis: Analysis, before: int) -> None:
    """Raise the command's actions when a variable in front of it makes programs run something else."""
    for name, value in command.assignments.items():
        if not decides(name, value, command.written.get(name, value or "$"), analysis.context):
            continue
        for draft in analysis.drafts[before:]:
            draft.effects.add(Effect.UNKNOWN)
            draft.unseen.append(f"what {shown(name)} makes the program run")
            draft.point(command.span, f"{shown(name)} decides what runs")
        add_behind(name, value, command.span, command.scope, analysis, depth=command.depth)
