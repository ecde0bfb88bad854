"""What the shell does itself: directories, variables, evaluation, traps, signals."""

import re
from dataclasses import replace

from firewall.classify.draft import Draft, Source, shown
from firewall.classify.paths import Spot, environment_of, inside
from firewall.classify.rows import Program, Verb
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.apply import finish
from firewall.classify.shell.behind import add_behind
from firewall.classify.shell.contents import Read, add_contents, as_script
from firewall.classify.shell.options import read_options
from firewall.classify.shell.output import printed
from firewall.classify.shell.scope import Body
from firewall.classify.shell.touches import Touched, spot_of, touch_drafts
from firewall.classify.shell.variables import decides, later, waits
from firewall.classify.shell.words import Word
from firewall.core.action import LOCAL, UNRESOLVED
from firewall.core.effect import Effect

_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)\+?=(.*)", re.DOTALL)
_ALIAS = re.compile(r"([^=\s]+)=(.*)", re.DOTALL)


def quiet(command: Command, analysis: Analysis, summary: str) -> Draft:
    """Add an action that touches nothing outside its process."""
    draft = Draft(f"shell:{command.name}", "none:", effects={Effect.READ}, summary=summary)
    draft.environment = LOCAL if analysis.context.workspace else UNRESOLVED
    draft.inside_workspace = bool(analysis.context.workspace)
    analysis.drafts.append(draft)
    finish(draft, command, analysis)
    return draft


def change_directory(command: Command, _program: Program, analysis: Analysis) -> bool:
    """`cd`: later paths are read from there; where it may fail, from both."""
    options, _ = read_options(command.words[1:], frozenset())
    scope = command.scope
    before = scope.cwds
    if scope.machine:
        quiet(command, analysis, "changes the working directory")
        return True
    target = options.positional[0] if options.positional else Word("~", span=command.span)
    spot = Spot((), "-") if target.text == "-" else spot_of(target, scope)
    if spot.below or ("CDPATH" in scope.variables and not target.text.startswith(("/", "."))):
        spot = Spot((), target.text)
    scope.move((*spot.paths, *before) if spot.paths else ())
    scope.near = "" if spot.paths or not spot.guess else spot.guess[0]
    draft = quiet(command, analysis, f"changes the working directory to {shown(target.text)}")
    draft.resource = f"file:{spot.paths[0]}" if spot.paths else "unknown:"
    draft.environment = environment_of(spot, analysis.context)
    draft.inside_workspace = inside(spot, analysis.context)
    draft.paths += spot.paths
    return True


def evaluate(command: Command, _program: Program, analysis: Analysis) -> bool:
    """`eval`: its words are joined and read as shell text."""
    words = command.words[1:]
    if not words:
        quiet(command, analysis, "does nothing")
        return True
    span = (words[0].span[0], words[-1].span[1])
    if not all(word.known for word in words):
        finish(analysis.opaque(span, "`eval` of text that is not known before it runs"), command, analysis)
    source = words[0].source if len(words) == 1 else None
    text = source or Source(" ".join(word.text for word in words), base=None, outer=span)
    analysis.script(analysis, text, command.scope, command.feed, command.depth + 1)
    return True


def source_file(command: Command, _program: Program, analysis: Analysis) -> bool:
    """`source file`: runs a file in this shell; afterwards nobody knows its variables."""
    words = command.words[1:2]
    text = words[0].output if words else None
    if words and words[0].text in ("/dev/stdin", "/dev/fd/0") and command.feed is not None:
        text = command.feed.text
    if text is not None:
        source = Source(text, base=None, outer=words[0].span)
        analysis.script(analysis, source, command.scope, None, command.depth + 1)
        return True
    for group in touch_drafts([Touched(Verb.RUN, word) for word in words], command.scope, analysis.context):
        draft = group.draft
        draft.operation = "code:run"
        draft.summary = f"runs the file {group.shown} in this shell"
        ran, draft.paths, draft.trees = draft.trees, [*draft.paths, *draft.trees], []
        if not words[0].known or words[0].text.startswith(("/dev/", "<(")):
            draft.effects.add(Effect.UNKNOWN)
            draft.unseen.append("the text that it runs")
        draft.point(command.span, draft.summary)
        analysis.drafts.append(draft)
        finish(draft, command, analysis)
        add_contents(draft, ran, command, analysis, lambda path, _text: _sourced(path, command))
    if not words:
        quiet(command, analysis, "does nothing")
    command.scope.forget()
    return True


def _sourced(path: str, command: Command) -> Read:
    """Return the reader of a file that runs in this shell: its functions and aliases are there afterwards."""

    def read(inner: Analysis, source: Source) -> None:
        script, settled = as_script(command, path, source)
        scope = script.scope
        if command.words[2:]:
            scope.positional = tuple(word.text if word.known else None for word in command.words[2:])
        before = {id(body) for body in (*scope.functions.values(), *scope.aliases.values())}
        inner.script(inner, settled, scope, None, command.depth + 1)
        for bodies in (scope.functions, scope.aliases):
            for name, body in bodies.items():
                if id(body) not in before:
                    there = replace(body.source, base=None, outer=command.span)
                    bodies[name] = replace(body, source=there, from_file=True)
        command.scope.merge(scope)

    return read


def declare(command: Command, _program: Program, analysis: Analysis) -> bool:
    """`export`, `declare`, `local`: variables that make programs run code stay in force."""
    assigned = dict(command.assignments)
    written = dict(command.written)
    for word in command.words[1:]:
        if match := _ASSIGNMENT.fullmatch(word.text):
            assigned[match.group(1)] = match.group(2) if word.known else None
            written[match.group(1)] = match.group(2)
            command.scope.assign(match.group(1), assigned[match.group(1)])
    for word in command.words[1:]:
        if word.known and word.text in command.scope.variables:
            value = command.scope.variables[word.text]
            assigned[word.text], written[word.text] = value, "$" if value is None else value
    if (
        any(word.text[:1] == "-" and "n" in word.text[1:] for word in command.words[1:])
        and command.name != "export"
    ):
        why = "a name that stands for another variable"
        finish(analysis.opaque(command.span, why), command, analysis)
    draft = quiet(command, analysis, f"sets {', '.join(shown(name) for name in assigned) or 'shell variables'}")
    context = analysis.context
    deciding = [name for name in assigned if decides(name, assigned[name], written.get(name, "$"), context)]
    if deciding:
        draft.summary += ", which decides what later programs run"
        draft.point(command.span, "decides what later programs run")
        if deciding == ["PATH"] and waits(written.get("PATH", "$"), context):
            later(draft, analysis)
        else:
            draft.effects.add(Effect.UNKNOWN)
            draft.unseen.append("what later programs run because of it")
    for name in (name for name in deciding if name not in command.assignments):
        add_behind(name, assigned[name], command.span, command.scope, analysis, depth=command.depth)
    if not assigned and any(word.text == "-p" for word in command.words[1:]):
        draft.effects.add(Effect.SECRET)
        draft.summary = "prints every variable of the environment, credentials among them"
    return True


def alias(command: Command, _program: Program, analysis: Analysis) -> bool:
    """`alias x=…`: kept for its use."""
    for word in command.words[1:]:
        if match := _ALIAS.fullmatch(word.text):
            text = match.group(2)
            source = Source(text, base=None, outer=word.span)
            command.scope.aliases[match.group(1)] = Body(source)
            if not word.known:
                finish(analysis.opaque(word.span, "an alias whose text is not known"), command, analysis)
            if any(other.text in ("-g", "-s") for other in command.words[1:]):
                # zsh puts it in place of any word, or of any file that ends so: nobody says which.
                why = "an alias that stands for other words than a command's name"
                finish(analysis.opaque(word.span, why), command, analysis)
                analysis.script(analysis, source, command.scope.copy(), None, command.depth + 1)
    quiet(command, analysis, "defines or shows aliases")
    return True


def trap(command: Command, _program: Program, analysis: Analysis) -> bool:
    """`trap 'text' SIGNAL`: the text runs later."""
    words = [word for word in command.words[1:] if word.text != "--"]
    if len(words) < 2 or words[0].text in ("-", "", "-l", "-p"):
        quiet(command, analysis, "sets or shows signal handlers")
        return True
    word = words[0]
    if not word.known:
        finish(analysis.opaque(word.span, "a signal handler that is not known"), command, analysis)
    source = word.source or Source(word.text, base=None, outer=word.span)
    handler = command.scope.copy()
    analysis.script(analysis, source, handler, None, command.depth + 1)
    changes = handler.variables != command.scope.variables or handler.arrays != command.scope.arrays
    if changes and any(signal.text.upper() in ("DEBUG", "RETURN", "ERR") for signal in words[1:]):
        finish(analysis.opaque(word.span, "a handler that sets variables before every command"), command, analysis)
    command.scope.merge(handler)
    return True


def read_variable(command: Command, _program: Program, analysis: Analysis) -> bool:
    """`read x`: fills variables with what nobody knows; paths below a folder stay such paths."""
    if any(word.text.startswith("-C") for word in command.words[1:]):
        why = "text that runs for every line that is read"
        finish(analysis.opaque(command.span, why, effects=(Effect.EXEC, Effect.UNKNOWN)), command, analysis)
    options, _ = read_options(command.words[1:], frozenset({"-p", "-d", "-t", "-n", "-N", "-u", "-i", "-a"}))
    feed = command.feed
    for word in (*options.positional, *options.values(("-a",))):
        if decides(word.text, None, "$", analysis.context):
            why = f"sets {shown(word.text)}, which decides what later programs run, to what it reads"
            finish(analysis.opaque(word.span, why), command, analysis)
        command.scope.assign(word.text, None)
        if feed is not None and feed.below and len(options.positional) == 1:
            command.scope.below[word.text] = feed.below
    quiet(command, analysis, "reads a line into variables")
    return True


def echo(command: Command, _program: Program, analysis: Analysis) -> bool:
    """`echo`, `printf`: only prints; a variable named like a credential is shown by it."""
    secret = analysis.context.catalogue.variables.secret
    draft = quiet(command, analysis, "prints text")
    for word in command.words[1:]:
        for name in word.names:
            if secret.fullmatch(name.upper()) and not command.piped_out:
                draft.effects.add(Effect.SECRET)
                draft.summary = f"prints the variable {shown(name)}, which is named like a credential"
                draft.point(word.span, "named like a credential")
    if command.words[0].text == "printf":
        _print_into(command, analysis)
    return True


def _print_into(command: Command, analysis: Analysis) -> None:
    """`printf -v NAME …`: sets a variable, which may decide what later programs run."""
    words = command.words[1:]
    if not words or not words[0].text.startswith("-v"):
        return
    name = words[0].text[2:] or (words[1].text if words[1:] else "")
    behind = words[1:] if words[0].text[2:] else words[2:]
    value = printed([word.text for word in behind]) if all(word.known for word in behind) else None
    command.scope.assign(name, value)
    if decides(name, value, value or "$", analysis.context):
        why = f"sets {shown(name)}, which decides what later programs run"
        finish(analysis.opaque(command.span, why, operation="shell:assign"), command, analysis)
        add_behind(name, value, command.span, command.scope, analysis, depth=command.depth)


def shift(command: Command, _program: Program, analysis: Analysis) -> bool:
    """`shift [n]`: drops the first positional parameters."""
    words = command.words[1:]
    scope = command.scope
    number = words[0].text if words else "1"
    if scope.positional is not None:
        scope.positional = scope.positional[int(number) :] if re.fullmatch(r"\d{1,4}", number) else None
    quiet(command, analysis, "drops arguments of the shell")
    return True


def set_options(command: Command, _program: Program, analysis: Analysis) -> bool:
    """`set -e` and the like; bare `set` prints every variable."""
    if len(command.words) == 1:
        draft = quiet(command, analysis, "prints every variable of the shell, credentials among them")
        draft.effects.add(Effect.SECRET)
        draft.point(command.span, "prints every variable")
        return True
    if any(word.text == "--" for word in command.words):
        cut = next(index for index, word in enumerate(command.words) if word.text == "--")
        command.scope.positional = tuple(word.text if word.known else None for word in command.words[cut + 1 :])
    quiet(command, analysis, "sets shell options")
    return True


def print_environment(command: Command, _program: Program, analysis: Analysis) -> bool:
    """`printenv`, a bare `env`: every variable is shown, credentials among them."""
    variables = analysis.context.catalogue.variables
    names = [word for word in command.words[1:] if not word.text.startswith("-")]
    draft = quiet(command, analysis, "prints variables of the environment")
    plain = bool(names) and all(variables.plain.fullmatch(word.text) and word.known for word in names)
    if not plain:
        draft.effects.add(Effect.SECRET)
        what = ", ".join(shown(word.text) for word in names) or "every variable of the environment"
        draft.summary = f"prints {what}, which may hold credentials"
        draft.point(command.span, "prints variables that may hold credentials")
    return True


def _signalled(word: Word) -> str:
    """Return a process as signals name it: numbers without leading zeros, `*` where it is not known."""
    number = re.fullmatch(r"(-?)0*(\d+)", word.text)
    return "*" if not word.known else f"{number.group(1)}{number.group(2)}" if number else word.text


def kill(command: Command, program: Program, analysis: Analysis) -> bool:
    """`kill`, `pkill`, `killall`: interrupts processes."""
    options, _ = read_options(command.words[1:], program.takes)
    if "-l" in options.flags or "-0" in options.flags:
        quiet(command, analysis, "shows signals")
        return True
    draft = Draft(f"shell:{command.name}", effects={Effect.DISRUPTIVE})
    targets = [word for word in options.positional if not re.fullmatch(r"-?(?:SIG)?[A-Z]+\d?", word.text)]
    # The first `-9` is the signal; a negative number behind it is a process group, -1 everybody.
    signs = [word for word in command.words[1:] if re.fullmatch(r"-\d+", word.text) and word not in targets]
    targets += signs[1:]
    names = ", ".join(shown(word.text) for word in targets) or "processes"
    draft.resource = f"process:{targets[0].text}" if targets and targets[0].known else "unknown:"
    draft.signals += [_signalled(word) for word in targets] or ["*"]
    draft.signals += ["*"] if any(word.text in ("-1", "0") for word in targets) else []
    draft.summary = f"ends or signals {names}"
    draft.environment = UNRESOLVED
    draft.unseen += [f"which process {shown(word.text)} is" for word in targets if not word.known]
    draft.point(command.span, "signals processes")
    own = targets and all(re.fullmatch(r"%\d*|\$!", word.text) for word in targets)
    if own and not command.scope.machine:
        draft.environment, draft.inside_workspace = (
            (LOCAL, True) if analysis.context.workspace else (UNRESOLVED, False)
        )
        draft.effects = {Effect.WRITE}
        draft.signals = []
        draft.unseen = []
        draft.summary = "ends a job that this shell started"
    analysis.drafts.append(draft)
    finish(draft, command, analysis)
    return True


def trace(command: Command, program: Program, analysis: Analysis) -> bool:
    """`strace -p 12`: looks into a running program; with a command it is left to what wraps."""
    options, _ = read_options(command.words[1:], program.takes, first_only=True)
    targets = options.values(("-p", "--attach", "--pid"))
    if not targets:
        return False
    draft = analysis.opaque(command.span, "what a running program does", operation=f"shell:{command.name}")
    draft.effects |= {Effect.EXEC}
    draft.signals += [_signalled(word) for word in targets]
    draft.summary = f"looks into the running program {', '.join(shown(word.text) for word in targets)}"
    finish(draft, command, analysis)
    return True
