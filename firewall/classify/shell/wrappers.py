"""Programs whose arguments are another command: peeled by data, what is inside is judged as itself.

INVARIANT: a wrapper never lowers what is inside; it may add effects, attributes and another machine.
"""

import re
from dataclasses import replace

from firewall.classify.draft import Draft, Source, shown
from firewall.classify.rows import Program, Verb, Wrap
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.appended import fed, from_files
from firewall.classify.shell.apply import finish
from firewall.classify.shell.options import Options, read_options
from firewall.classify.shell.scope import Scope
from firewall.classify.shell.touches import Touched, touch_drafts
from firewall.classify.shell.uses import places_of, read_use
from firewall.classify.shell.words import Word
from firewall.core.action import LOCAL, UNRESOLVED
from firewall.core.effect import Effect

_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


def peel(program: Program, wrap: Wrap, command: Command, analysis: Analysis) -> bool:
    """Judge the command inside a wrapper; False: this use wraps nothing and its own rules decide."""
    words = [word for word in command.words[1:] if word.text not in wrap.drops]
    if wrap.subcommands:
        use = read_use(program, command)
        matched = _subcommand(wrap, [word.text for word in use.options.positional])
        if matched is None and program.front:
            wrap = replace(wrap, takes=wrap.takes | program.front)
            wider, _ = read_options(command.words[1:], program.takes | program.front, style=program.style)
            matched = _subcommand(wrap, [word.text for word in wider.positional])
        if matched is None:
            return False
        words = _behind_subcommand(words, matched)
        if words and words[0].known and words[0].text == "--help":
            return False
    before = len(analysis.drafts)
    done = _inner(program, wrap, words, command, analysis)
    if not done:
        return False
    for draft in analysis.drafts[before:]:
        draft.effects |= set(wrap.effects)
        draft.attributes.update(wrap.attributes)
    return True


def _subcommand(wrap: Wrap, positional: list[str]) -> list[str] | None:
    for item in wrap.subcommands:
        wanted = item.split(" ")
        if positional[: len(wanted)] == wanted:
            return wanted
    return None


def _behind_subcommand(words: list[Word], wanted: list[str]) -> list[Word]:
    """Drop the subcommand's own words; options between and before them stay in front."""
    left = list(wanted)
    found: list[Word] = []
    for word in words:
        if left and word.text == left[0]:
            left.pop(0)
        else:
            found.append(word)
    return found


def _inner(program: Program, wrap: Wrap, words: list[Word], command: Command, analysis: Analysis) -> bool:
    takes = program.takes | wrap.takes | frozenset(wrap.text)
    options, used = read_options(words, takes, style=program.style, first_only=True)
    rest = words[used:]
    if any(flag in options.flags for flag in wrap.unless):
        return False
    scope = command.scope
    texts = options.values(wrap.text)
    if wrap.after:
        cut = next((index for index, word in enumerate(words) if word.text in wrap.after.split("|")), None)
        if cut is None:
            if not texts:
                return False
        else:
            options, _ = read_options(words[:cut], takes, style=program.style)
            if wrap.machine:
                scope = _machine(wrap, options.positional, program, command)
            rest = words[cut + 1 :]
    elif wrap.skip:
        behind, _ = read_options(words[used + wrap.skip :], takes, style=program.style, first_only=True)
        skipped, rest = _skip(rest, wrap.skip)
        texts += behind.values(wrap.text)
        rest = [] if texts and not wrap.joined else [*_entry(options), *rest]
        if wrap.machine:
            scope = _machine(wrap, skipped, program, command)
    assigned = dict(command.assignments)
    rest = _assignments(rest, assigned) if wrap.assignments else rest
    for text in texts:
        _shell_text(text, command, scope, analysis)
    _records(options, program, command, analysis)
    rest = rest if texts else _opened(wrap, options, command, rest)
    if not rest:
        return bool(texts) or _alone(program, wrap, command, analysis, options)
    return _start(wrap, rest, command, scope, assigned, analysis)


def _entry(options: Options) -> list[Word]:
    """Return the words that a container starts with instead of its own program (`--entrypoint rm`)."""
    given = options.values(("--entrypoint",))[-1:]
    return [replace(word, text=part, head=part, source=None) for word in given for part in word.text.split()]


def _opened(wrap: Wrap, options: Options, command: Command, rest: list[Word]) -> list[Word]:
    """Return the shell that a wrapper starts, with what it hands to it; it reads what the wrapper is fed."""
    if rest and not wrap.through:
        return rest
    opens = "*" in wrap.shell or any(flag in options.flags for flag in wrap.shell)
    return [replace(command.words[0], text="sh", source=None), *rest] if opens else rest


def _records(options: Options, program: Program, command: Command, analysis: Analysis) -> None:
    """Add the file that a tracing wrapper writes its findings to, or that xargs takes its words from."""
    touched: list[Touched] = []
    if program.name in ("strace", "ltrace", "time", "gtime", "valgrind"):
        touched = [Touched(Verb.OVERWRITE, word) for word in options.values(("-o", "--output"))]
    elif program.wrap is not None and program.wrap.stdin:
        touched = [Touched(Verb.READ, word) for word in options.values(("-a", "--arg-file"))]
    for group in touch_drafts(touched, command.scope, analysis.context):
        group.draft.operation = f"shell:{program.name}"
        replaces = group.draft.effects - {Effect.READ, Effect.SECRET}
        group.draft.summary = f"{'replaces the content of' if replaces else 'reads'} {group.shown}"
        analysis.drafts.append(group.draft)
        finish(group.draft, command, analysis)


def _start(
    wrap: Wrap,
    rest: list[Word],
    command: Command,
    scope: Scope,
    assigned: dict[str, str | None],
    analysis: Analysis,
) -> bool:
    if wrap.joined:
        _joined(rest, command, scope, analysis)
        return True
    words, before = rest, len(analysis.drafts)
    if wrap.stdin:
        rest = fed(rest, command)
    inner = command.rest(tuple(rest), scope=scope, assignments=assigned)
    if wrap.stdin:
        inner = inner.rest(tuple(rest), feed=None, depth=inner.depth)
    analysis.run(inner, analysis)
    if wrap.stdin:
        from_files(words, command, analysis, before)
    return True


def _skip(rest: list[Word], count: int) -> tuple[list[Word], list[Word]]:
    """Take positional words of the wrapper itself, with options that stand between."""
    skipped = rest[:count]
    behind = rest[count:]
    while behind and behind[0].text.startswith("-") and behind[0].text != "--":
        behind = behind[1:]
    if behind and behind[0].text == "--":
        behind = behind[1:]
    return skipped, behind


def _machine(wrap: Wrap, words: list[Word], program: Program, command: Command) -> Scope:
    name = words[0].text if words and words[0].known else "?"
    scope = command.scope
    inner = Scope(machine=wrap.machine.replace("{0}", name.rpartition("@")[2]))
    inner.places = (*scope.places, *places_of(read_use(program, command)))
    inner.variables = dict.fromkeys(scope.variables)
    return inner


def _assignments(rest: list[Word], assigned: dict[str, str | None]) -> list[Word]:
    while rest and (match := _ASSIGNMENT.fullmatch(rest[0].text)):
        assigned[match.group(1)] = match.group(2) if rest[0].known else None
        rest = rest[1:]
    return rest


def _shell_text(word: Word, command: Command, scope: Scope, analysis: Analysis) -> None:
    """Read the value of `-c`, `-S`, `--command` as shell text."""
    if not word.known:
        finish(analysis.opaque(word.span, "shell text that is not known before it runs"), command, analysis)
    source = word.source or Source(word.text, base=None, outer=word.span)
    before = len(analysis.drafts)
    analysis.script(analysis, source, scope.copy(), None, command.depth + 1)
    _nested(analysis, before, command)


def texts(command: Command, program: Program, analysis: Analysis) -> bool:
    """`concurrently 'a' 'b'`: every word is a command line of its own; `npm:NAME` is a script of the workspace."""
    options, _ = read_options(command.words[1:], program.takes, style=program.style)
    for word in options.positional:
        if not word.known or not _SCRIPT.fullmatch(word.text):
            _shell_text(word, command, command.scope, analysis)
    return False


_SCRIPT = re.compile(r"(?:npm|yarn|pnpm|bun|node|deno):[\w:*@./-]+")


def _joined(rest: list[Word], command: Command, scope: Scope, analysis: Analysis) -> None:
    if len(rest) == 1:
        _shell_text(rest[0], command, scope, analysis)
        return
    span = (rest[0].span[0], rest[-1].span[1])
    if not all(word.known for word in rest):
        finish(analysis.opaque(span, "shell text that is not known before it runs"), command, analysis)
    text = " ".join(word.text for word in rest)
    before = len(analysis.drafts)
    analysis.script(analysis, Source(text, base=None, outer=span), scope.copy(), None, command.depth + 1)
    _nested(analysis, before, command)


def _nested(analysis: Analysis, before: int, command: Command) -> None:
    line = " ".join(word.text for word in command.words)[:1000]
    for draft in analysis.drafts[before:]:
        draft.attributes["nested"] = int(draft.attributes.get("nested", 0)) + 1
        draft.programs.append(line)
        for name, value in command.attributes.items():
            draft.attributes.setdefault(name, value)


def _alone(program: Program, wrap: Wrap, command: Command, analysis: Analysis, options: Options) -> bool:
    """Judge a wrapper that was given no command (`sudo -l`, a bare `ssh host`)."""
    if (program.rules or program.subcommands) and not wrap.operation and not wrap.subcommands:
        return False
    draft = Draft(wrap.operation or f"shell:{program.name}", f"program:{program.name}", effects=set(wrap.alone))
    draft.environment = LOCAL if analysis.context.workspace and set(wrap.alone) == {Effect.READ} else UNRESOLVED
    line = shown(" ".join(word.text for word in command.words))
    shows = Effect.SECRET in draft.effects
    draft.summary = "shows every variable of the environment, credentials among them" if shows else f"runs {line}"
    draft.point(command.span, draft.summary)
    if Effect.EXEC in draft.effects or Effect.UNKNOWN in draft.effects:
        draft.unseen.append("what is typed into it later")
    analysis.drafts.append(draft)
    finish(draft, command, analysis)
    return bool(options is not None)
