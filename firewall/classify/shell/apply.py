"""Apply a program's rows to its words: the subcommand, the first rule that fits, what it touches, where."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from firewall.classify.catalogue import Words
from firewall.classify.draft import Draft, shown
from firewall.classify.environments import Place, PlaceKind
from firewall.classify.http import plain_host
from firewall.classify.names import tokens_of
from firewall.classify.paths import Spot, environment_of, inside
from firewall.classify.rows import Program, Rule, Touch
from firewall.classify.sentences import placed
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.help import shows_only
from firewall.classify.shell.options import PLAIN, Fit, Options, fit_of, read_options
from firewall.classify.shell.published import names_group, published_rule
from firewall.classify.shell.touches import Group, Touched, spot_of, touch_drafts
from firewall.classify.shell.verbs import judge_verbs
from firewall.classify.shell.words import Word
from firewall.core.action import LOCAL, UNRESOLVED
from firewall.core.effect import Effect, severity, strictest

_RECURSIVE = ("-r", "-R", "--recursive", "-a", "--archive")
_FORCE = ("-f", "--force")
_MOST_PATHS = 32
_WORDS = re.compile(r"[A-Za-z][A-Za-z0-9_:-]*")
_DATABASE_URL = re.compile(
    r"(?:postgres(?:ql)?|mysql|mariadb|mongodb(?:\+srv)?|rediss?|clickhouse|cockroachdb)://"
    r"(?:[^@/]*@)?(?P<host>[^:/?]+)(?::\d+)?(?:/(?P<name>[^?]*))?"
)

_SHOWS_HELP = Rule(effects=(Effect.READ,), place="none", summary="shows help")


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a program: its row, subcommand and arguments."""

    program: Program
    command: Command
    sub: str
    options: Options
    positional: tuple[Word, ...]

    @property
    def operation(self) -> str:
        """Return `git:push`, `kubectl:delete`, `shell:rm`."""
        if self.sub:
            return f"{self.program.name}:{self.sub.replace(' ', '-')}"
        if self._has_subcommands:
            return f"{self.program.name}:{'-'.join(word.text for word in self.named) or 'run'}"
        return f"shell:{self.program.name}"

    @property
    def named(self) -> tuple[Word, ...]:
        """Return the words behind the program that say which of its operations this is."""
        if self.sub:
            count = len(self.options.positional) - len(self.positional)
            return tuple(self.options.positional[:count])
        return tuple(word for word in self.positional[:2] if word.known) if self._has_subcommands else ()

    @property
    def _has_subcommands(self) -> bool:
        program = self.program
        return bool(program.subcommands or program.verbs or program.published or program.tree)


def apply_program(program: Program, command: Command, analysis: Analysis) -> None:
    """Add the actions of a program by its rules; without a fitting one it is `unknown`."""
    use = read_use(program, command)
    before = len(analysis.drafts)
    rule, by_name = _decided(use, analysis.context.catalogue.words)
    if _is_help(use) and not _hands_on(rule, use):
        rule, by_name = _SHOWS_HELP, False
    words = analysis.context.catalogue.words
    added = [found for more in program.added if (found := _added(more, command, words)) is not None]
    for also, theirs in added:
        add_rule(also, theirs, analysis)
    if rule is None and added:
        return
    if rule is None:
        draft = analysis.opaque(command.span, f"an operation of `{program.name}` that is not known")
        draft.operation = use.operation
        draft.summary = f"runs {shown(_line(command))}: not known what this does"
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


def _added(program: Program, command: Command, words: Words) -> tuple[Rule, Use] | None:
    """Return what a pack says of this use, by a row or by what it publishes."""
    use = read_use(program, command)
    named = [word.text for word in use.positional if word.known]
    rule = choose(use)[0] or published_rule(program, named, use.options, words)
    return (rule, use) if rule is not None else None


def _own_words(draft: Draft, use: Use, words: Words) -> None:
    """Note that an operation which nobody knows says by its own name that it removes something."""
    for word in use.positional[:2]:
        if word.known and _WORDS.fullmatch(word.text) and set(tokens_of(word.text)) & words.destructive:
            draft.effects.add(Effect.DESTRUCTIVE)
            draft.point(word.span, "says that it removes something")
            draft.summary = f"runs {shown(_line(use.command))}, which says that it removes something"
            return


def _told(use: Use, words: Words) -> Rule | None:
    """Return what is published about an operation that no rule names, else what its own words say.

    What runs something is both: the words behind it may say what.
    """
    program = use.program
    names = [*use.sub.split(), *(word.text for word in use.positional if word.known)]
    found = published_rule(program, names, use.options, words)
    if not program.verbs or (found is not None and Effect.EXEC not in found.effects):
        return found
    guess = judge_verbs(use.positional, use.options, program, words)
    if found is not None and guess is not None and names_group(program, names, words):
        return guess
    if found is None or guess is None or Effect.READ in guess.effects:
        return found or guess
    return replace(guess, effects=(*found.effects, *guess.effects))


def read_use(program: Program, command: Command) -> Use:
    """Split a command's words by the program's row."""
    options, _ = read_options(command.words[1:], program.takes, style=program.style)
    if not program.subcommands:
        options.plain = program.plain | PLAIN
        return Use(program, command, "", options, tuple(options.positional))
    sub, count = _subcommand(program, options.positional)
    if not sub and program.front:
        wider, _ = read_options(command.words[1:], program.takes | program.front, style=program.style)
        sub, count = _subcommand(program, wider.positional)
        options = wider if sub else options
    if sub and program.sub_takes.get(sub):
        options, _ = read_options(command.words[1:], program.takes | program.sub_takes[sub], style=program.style)
        again, count = _subcommand(program, options.positional)
        sub = again or sub
    options.plain = program.plain | PLAIN
    if options.dashes >= 0:
        options.dashes = max(0, options.dashes - count)
    return Use(program, command, sub, options, tuple(options.positional[count:]))


def _subcommand(program: Program, positional: Sequence[Word]) -> tuple[str, int]:
    for count in (3, 2, 1):
        words = positional[:count]
        if len(words) == count and all(word.known for word in words):
            sub = " ".join(word.text for word in words)
            if sub in program.subcommands:
                return sub, count
    return "", 0


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


def _decided(use: Use, words: Words) -> tuple[Rule | None, bool]:
    """Return the rule of a use, and whether names told it; none: nobody knows what it does."""
    rule, surely = choose(use)
    if rule is not None and (surely or severity(rule.strictest) >= severity(Effect.UNKNOWN)):
        return rule, False
    told = _told(use, words)
    if rule is None or told is None:
        # FAIL-CLOSED: a milder rule that fits only perhaps does not speak for a use that no other rule knows.
        return told, True
    return (rule, False) if severity(rule.strictest) >= severity(told.strictest) else (told, True)


def choose(use: Use) -> tuple[Rule | None, bool]:
    """Return the first rule that fits, and whether it surely does.

    One that fits only perhaps hides no stricter one behind it.
    """
    rules = use.program.subcommands[use.sub] if use.sub else use.program.rules
    perhaps: list[Rule] = []
    for rule in rules:
        fit = fit_of(rule, use.options, use.positional)
        if fit is not Fit.NO:
            perhaps.append(rule)
        if fit is Fit.YES:
            return max(perhaps, key=lambda rule: severity(rule.strictest)), True
    return max(perhaps, key=lambda rule: severity(rule.strictest), default=None), False


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
        draft.resource = _fill(rule.resource, use, group)
    draft.summary = _summary(rule, use, group)
    if draft.attributes.get("recursive") and draft.summary.startswith(f"deletes {group.shown}"):
        draft.summary = draft.summary.replace(group.shown, f"{group.shown} and everything below", 1)
    draft.undo = _fill(rule.undo, use, group)
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


def places_of(use: Use) -> list[Place]:
    """Return the places that a use's options name."""
    found: list[Place] = []
    for kind, options in use.program.places.items():
        for word in use.options.values(options):
            value = (
                f"{use.program.provider or use.program.name}/{word.text}"
                if kind is PlaceKind.PROJECT
                else word.text
            )
            found.append((kind, value if word.known else "?"))
    for word in use.command.words[1:]:
        if word.known and (match := _DATABASE_URL.match(word.text)):
            found.append((PlaceKind.HOST, match.group("host").lower()))
            found.append((PlaceKind.DATABASE, match.group("name") or "?"))
    if use.command.scope.machine:
        found.append((PlaceKind.MACHINE, use.command.scope.machine))
    return found


def finish(draft: Draft, command: Command, analysis: Analysis) -> None:
    """Fill what every action of a command has: reach, wrappers' attributes, where it runs."""
    draft.programs.append(_line(command))
    draft.addresses += _addresses(command)
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
        draft.summary = f"runs {shown(_line(command))}"


def add(group: Group, command: Command, analysis: Analysis, operation: str, summary: str) -> Draft:
    """Complete and add the draft of a group."""
    draft = group.draft
    draft.operation = operation
    draft.summary = summary.replace("{path}", group.shown)
    draft.point(command.words[0].span, f"runs {shown(operation.removeprefix('shell:'))}")
    analysis.drafts.append(draft)
    finish(draft, command, analysis)
    return draft


_URL = re.compile(
    r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*://(?:[^/@\s]*@)?(?P<host>\[[^\]\s]+\]|[^/:?#\s\[\]]+)"
    r"(?::(?P<port>\d+))?(?P<path>/[^\s?#]*)?",
    re.IGNORECASE,
)
MAX_ADDRESS_CHARS = 2000
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443, "ssh": 22, "git": 9418, "ftp": 21}
_HOST_PORT = re.compile(r"(?:[^/\s]*:)?(?P<host>\[[^\]\s/]+\]|[^\s:/@\[\]]+):(?P<port>\d{2,5})(?P<path>/\S*)?")


def _addresses(command: Command) -> list[str]:
    """Return the addresses that stand in a command's words, whatever the program does with them."""
    found: list[str] = []
    for word in command.words[1:20]:
        for match in islice(_URL.finditer(word.text[:MAX_ADDRESS_CHARS]), 4) if "://" in word.text else ():
            port = match.group("port") or _PORTS.get(match.group(0).partition(":")[0].lower(), 0)
            found.append(f"{plain_host(match.group('host'))}:{port}{match.group('path') or '/'}")
        if (
            len(word.text) < MAX_ADDRESS_CHARS
            and "://" not in word.text
            and (plain := _HOST_PORT.fullmatch(word.text))
        ):
            found.append(f"{plain_host(plain.group('host'))}:{plain.group('port')}{plain.group('path') or '/'}")
    return found


def _line(command: Command) -> str:
    return " ".join(word.text[:1000] for word in command.words[:200])[:1000]


_MILD = frozenset({Effect.READ, Effect.WRITE})


def _summary(rule: Rule, use: Use, group: Group) -> str:
    """Return what a rule says of a use; where its words name nothing, the command line does."""
    if not rule.summary:
        return _default_summary(group.draft, use, group)
    if "{" in rule.summary or "`" in rule.summary or group.draft.effects <= _MILD:
        return _fill(rule.summary, use, group)
    return placed(rule.summary, f"by {shown(_line(use.command))}")


def _default_summary(draft: Draft, use: Use, group: Group) -> str:
    what = f"`{use.program.name}{' ' + use.sub if use.sub else ''}`"
    if draft.effects <= {Effect.READ}:
        return f"{what} reads {group.shown}" if group.shown else f"{what} only reads"
    return f"runs {shown(_line(use.command))}"


_INSIDE = {
    PlaceKind.KUBE_NAMESPACE: "in namespace",
    PlaceKind.KUBE_CONTEXT: "of cluster",
    PlaceKind.DATABASE: "in database",
    PlaceKind.HOST: "at",
}


def _inside(use: Use) -> str:
    """Return where the options of a command say that it acts: ` in namespace `shop``; empty: they do not."""
    found = [
        f" {words} {shown(word.text)}"
        for kind, words in _INSIDE.items()
        for word in use.options.values(use.program.places.get(kind, ()))
    ]
    return "".join(found[:2])


def _fill(template: str, use: Use, group: Group) -> str:
    """Fill `{path}`, `{args}`, `{in}`, `{sub}`, `{0}`, `{1}`, `{last}` of a template; other braces stay.

    `{raw0}` and `{names}` are for resources: as they were written, without the marks of `{0}` and `{args}`.
    """
    if "{" not in template:
        return template
    words = [word.text for word in use.positional]
    first = words[0] if words else ""
    values = {
        "{path}": group.shown or shown(" ".join(words)),
        "{args}": shown(" ".join(words) or _line(use.command)),
        "the cluster{in}": _inside(use).removeprefix(" in ").removeprefix(" of ") or "the cluster",
        "{in}": _inside(use),
        "{sub}": use.sub,
        "{0}": first if template.startswith(("{", "volume:", "branch:")) else shown(first),
        "{raw0}": first,
        "{names}": " ".join(words) or _line(use.command),
        "{1}": shown(words[1]) if len(words) > 1 else "it",
        "{from}": shown(" ".join(words[:-1])) if len(words) > 1 else "it",
        "{last}": shown(words[-1]) if words else "it",
        "{line}": shown(_line(use.command)),
    }
    for name, value in values.items():
        template = template.replace(name, value)
    return template
