"""Apply the rule that decides a use of a program: what it touches, where, and what is said of it."""

import re

from firewall.classify.catalogue import Words
from firewall.classify.draft import Draft, shown
from firewall.classify.environments import PlaceKind
from firewall.classify.names import tokens_of
from firewall.classify.paths import Spot, environment_of, inside
from firewall.classify.rows import Program, Rule, Touch
from firewall.classify.shell.addressed import addresses_of
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.filling import filled, line_of, summary_of
from firewall.classify.shell.help import shows_only
from firewall.classify.shell.touches import Group, Touched, spot_of, touch_drafts
from firewall.classify.shell.uses import Use, added_by, decided, places_of, read_use
from firewall.classify.shell.words import Word
from firewall.core.action import LOCAL, UNRESOLVED
from firewall.core.effect import Effect, severity, strictest

_RECURSIVE = ("-r", "-R", "--recursive", "-a", "--archive")
_FORCE = ("-f", "--force")
_MOST_PATHS = 32
_WORDS = re.compile(r"[A-Za-z][A-Za-z0-9_:-]*")
_SHOWS_HELP = Rule(effects=(Effect.READ,), place="none", summary="shows help")


def apply_program(program: Program, command: Command, analysis: Analysis) -> None:
    """Add the actions of a program by its rules; without a fitting one it is `unknown`."""
    use = read_use(program, command)
    before = len(analysis.drafts)
    rule, by_name = decided(use, analysis.context.catalogue.words)
    if _is_help(use) and not _hands_on(rule, use):
        rule, by_name = _SHOWS_HELP, False
    words = analysis.context.catalogue.words
    added = [found for more in program.added if (found := added_by(more, command, words)) is not None]
    for also, theirs in added:
        add_rule(also, theirs, analysis)
    if rule is None and added:
        return
    if rule is None:
        draft = analysis.opaque(command.span, f"an operation of `{program.name}` that is not known")
        draft.operation = use.operation
        draft.summary = f"runs {shown(line_of(command))}: not known what this does"
        _own_words(draft, use, analysis.context.catalogue.words)
        finish(draft, command, analysis)
        return
    add_rule(rule, use, analysis)
    named = [] if rule.touch or rule.place == "none" else _paths_named(use)
    for draft in analysis.drafts[before:]:
        draft.by_name = draft.by_name or by_name
        draft.paths += named


def _paths_named(use: Use) -> list[str]:
    """Return the paths among the words of a use whose rule does not say which of them are files.

    They change no effect; a file of the firewall's own is noticed behind any program.
    """
    values = [value for given in use.options.flags.values() for value in given if value is not None]
    words = [*use.positional, *values][:_MOST_PATHS]
    shaped = [word for word in words if "/" in word.text or word.text[:1] in ("~", ".")]
    return [path for word in shaped for path in spot_of(word, use.command.scope).paths]


def _own_words(draft: Draft, use: Use, words: Words) -> None:
    """Note that an operation which nobody knows says by its own name that it removes something."""
    for word in use.positional[:2]:
        if word.known and _WORDS.fullmatch(word.text) and set(tokens_of(word.text)) & words.destructive:
            draft.effects.add(Effect.DESTRUCTIVE)
            draft.point(word.span, "says that it removes something")
            draft.summary = f"runs {shown(line_of(use.command))}, which says that it removes something"
            return


def _is_help(use: Use) -> bool:
    if shows_only(use.command.words[1:], ("-help",) if use.program.style == "single" else ()):
        return True
    if "-h" in use.options.flags and "-h" not in use.program.takes and len(use.command.words) == 2:
        return True
    return bool(use.positional) and use.positional[0].text == "help" and bool(use.program.subcommands)


def _hands_on(rule: Rule | None, use: Use) -> bool:
    """Tell whether what stands behind the subcommand is another program's line, its `--help` included."""
    subcommand = 0 if use.sub else 1
    return rule is not None and Effect.EXEC in rule.effects and len(use.positional) > subcommand


def add_rule(rule: Rule, use: Use, analysis: Analysis) -> None:
    """Add the actions that a rule says this use has."""
    touched = [item for touch in rule.touch for item in _touched(touch, use)]
    groups = touch_drafts(touched, use.command.scope, analysis.context)
    if not groups:
        groups = [_placed(rule, use, analysis)]
    hidden = _hidden_option(rule, use)
    for group in groups:
        _complete(group, rule, use, analysis, hidden=hidden)


def _complete(group: Group, rule: Rule, use: Use, analysis: Analysis, *, hidden: Word | None) -> None:
    draft = group.draft
    draft.operation = rule.operation or use.operation
    draft.effects |= set(rule.effects)
    if rule.resource:
        draft.resource = filled(rule.resource, use, group)
    draft.summary = summary_of(rule, use, group)
    if draft.attributes.get("recursive") and draft.summary.startswith(f"deletes {group.shown}"):
        draft.summary = draft.summary.replace(group.shown, f"{group.shown} and everything below", 1)
    draft.undo = filled(rule.undo, use, group)
    draft.suggest = rule.suggest
    draft.attributes.update(rule.attributes)
    if any((flag := use.options.given(name)) and not any(use.options.flags[flag]) for name in _FORCE):
        draft.attributes.setdefault("force", True)
    draft.attributes["count"] = len(use.positional)
    if rule.signals and not use.command.scope.machine:
        named = _which(rule.signals, use)
        draft.signals += [word.text.removesuffix(".service") if word.known else "*" for word in named]
    _point(draft, rule, use)
    if rule.place == "outside":
        draft.environment, draft.inside_workspace = UNRESOLVED, False
    if hidden is not None:
        draft.effects.add(Effect.UNKNOWN)
        draft.unseen.append(f"options that {shown(hidden.text)} may add")
        draft.point(hidden.span, "not known before it runs; may add options")
    if not _lossy(draft):
        draft.attributes.pop("whole_workspace", None)
    analysis.drafts.append(draft)
    finish(draft, use.command, analysis)


def _lossy(draft: Draft) -> bool:
    return Effect.DESTRUCTIVE in draft.effects or Effect.UNKNOWN in draft.effects or Effect.WRITE in draft.effects


def _point(draft: Draft, rule: Rule, use: Use) -> None:
    """Underline the words that decided: the program with its subcommand, and the options that the rule names."""
    named = use.positional[:1] if rule.first else ()
    words = (*use.named, *(word for word in named if word not in use.named))
    note = f"runs {shown(' '.join((use.program.name, *(word.text for word in words))))}"
    for word in (use.command.words[0], *words):
        draft.point(word.span, note)
    for name in (*rule.flag, *rule.every, *rule.exact):
        flag = use.options.given(name)
        if flag:
            draft.point(use.options.spans[flag], f"with {shown(flag)}")


def _hidden_option(rule: Rule, use: Use) -> Word | None:
    """Return an unseen word that could be an option which makes this stricter."""
    loose = use.options.loose
    if loose is None:
        return None
    rules = use.program.subcommands[use.sub] if use.sub else use.program.rules
    current = severity(strictest(rule.effects)) if rule.effects else 0
    for other in rules:
        if other is not rule and (other.flag or other.every) and severity(other.strictest) > current:
            return loose
    return None


def _touched(touch: Touch, use: Use) -> list[Touched]:
    recursive = any(use.options.given(flag) for flag in _RECURSIVE)
    return [Touched(touch.verb, word, recursive) for word in _which(touch.which, use)]


_SLICES = {
    "all": slice(None),
    "first": slice(1),
    "second": slice(1, 2),
    "rest": slice(1, None),
    "last": slice(-1, None),
    "butlast": slice(-1),
}


def _which(which: str, use: Use) -> list[Word]:
    """Return the words that a rule's `touch` names."""
    words = list(use.positional)
    if which in _SLICES:
        return words[_SLICES[which]]
    if which == "cwd":
        return [Word(".", span=use.command.words[0].span)]
    if which == "behind":
        return words[use.options.dashes :] if use.options.dashes >= 0 else []
    return use.options.values(which.split("|"))


def _placed(rule: Rule, use: Use, analysis: Analysis) -> Group:
    """Return the draft of a use that touches no path: placed by the rule."""
    context = analysis.context
    scope = use.command.scope
    draft = Draft("", resource=f"program:{use.program.name}")
    if rule.place in ("none", "cwd") and not scope.machine:
        spot = Spot(scope.cwds, ".")
        draft.environment = (
            environment_of(spot, context) if rule.place == "cwd" else (LOCAL if context.workspace else UNRESOLVED)
        )
        draft.inside_workspace = inside(spot, context) if rule.place == "cwd" else bool(context.workspace)
        if rule.place == "cwd":
            draft.resource = f"project:{scope.cwds[0]}" if scope.cwds else "unknown:"
            draft.trees += scope.cwds
    else:
        draft.environment = context.environments.name_of(places_of(use))
    return Group(draft, shown="")


def finish(draft: Draft, command: Command, analysis: Analysis) -> None:
    """Fill what every action of a command has: reach, wrappers' attributes, where it runs."""
    draft.programs.append(line_of(command))
    draft.addresses += addresses_of(command)
    draft.attributes.update(command.attributes)
    if command.attributes.get("elevated") and draft.summary and not draft.summary.startswith("with more rights"):
        draft.summary = f"with more rights than the agent has: {draft.summary}"
    if command.scope.machine:
        draft.attributes["machine"] = command.scope.machine
        draft.inside_workspace = False
        if draft.summary and not draft.summary.startswith("on `"):
            draft.summary = f"on {shown(command.scope.machine)}: {draft.summary}"
        if draft.environment in (LOCAL, UNRESOLVED):
            here = (PlaceKind.MACHINE, command.scope.machine)
            draft.environment = analysis.context.environments.name_of([here, *command.scope.places])
    if not draft.summary:
        draft.summary = f"runs {shown(line_of(command))}"


def add(group: Group, command: Command, analysis: Analysis, operation: str, summary: str) -> Draft:
    """Complete and add the draft of a group."""
    draft = group.draft
    draft.operation = operation
    draft.summary = summary.replace("{path}", group.shown)
    draft.point(command.words[0].span, f"runs {shown(operation.removeprefix('shell:'))}")
    analysis.drafts.append(draft)
    finish(draft, command, analysis)
    return draft
