"""One use of a program: its row, subcommand, arguments and places, and the rule or the words that decide it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from firewall.classify.catalogue import Words
from firewall.classify.environments import Place, PlaceKind
from firewall.classify.rows import Program, Rule
from firewall.classify.shell.analysis import Command
from firewall.classify.shell.options import PLAIN, Fit, Options, fit_of, read_options
from firewall.classify.shell.published import names_group, published_rule
from firewall.classify.shell.verbs import judge_verbs
from firewall.classify.shell.words import Word
from firewall.core.effect import Effect, severity

_DATABASE_URL = re.compile(
    r"(?:postgres(?:ql)?|mysql|mariadb|mongodb(?:\+srv)?|rediss?|clickhouse|cockroachdb)://"
    r"(?:[^@/]*@)?(?P<host>[^:/?]+)(?::\d+)?(?:/(?P<name>[^?]*))?"
)


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


def decided(use: Use, words: Words) -> tuple[Rule | None, bool]:
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


def added_by(program: Program, command: Command, words: Words) -> tuple[Rule, Use] | None:
    """Return what a pack says of this use, by a row or by what it publishes."""
    use = read_use(program, command)
    named = [word.text for word in use.positional if word.known]
    rule = choose(use)[0] or published_rule(program, named, use.options, words)
    return (rule, use) if rule is not None else None


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
