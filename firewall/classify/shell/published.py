"""Subcommands that no row of ours names, by what their program publishes about them (`[commands]`)."""

from collections.abc import Sequence
from dataclasses import replace

from firewall.classify.catalogue import Words
from firewall.classify.names import tokens_of
from firewall.classify.phrases import verbs_of
from firewall.classify.rows import Program, Rule
from firewall.classify.shell.options import Options
from firewall.classify.shell.verbs import phrase
from firewall.classify.shell.words import Word
from firewall.core.effect import Effect

_DEEPEST = 5
_RUNNING = frozenset({"exec", "command", "script", "eval", "hook", "shell", "editor", "pager"})
_HANDING = _RUNNING | {
    "test",
    "dev",
    "debug",
    "console",
    "scripts",
    "proxy",
    "tunnel",
    "sandbox",
    "repl",
    "serve",
    "invoke",
}


def published_rule(program: Program, words: Sequence[str], options: Options, known: Words) -> Rule | None:
    """Return the rule of the longest published subcommand that the words begin with.

    Its options are not described, so one that says that it removes or runs something counts.
    """
    if not program.published:
        return None
    for count in range(min(len(words), _DEEPEST), 0, -1):
        path = " ".join(words[:count])
        rule = program.published.get(path)
        if rule is not None:
            effects = set(rule.effects) | _of_options(options, known, runs=Effect.EXEC in rule.effects)
            if any(set(tokens_of(word)) & known.destructive for word in words[count : count + 2]):
                effects.add(Effect.DESTRUCTIVE)
            if effects <= {Effect.READ}:
                return replace(rule, effects=tuple(effects), summary=f"`{program.name} {path}` only reads")
            told = phrase(program.name, [Word(word) for word in words], options, known)
            what = _SUMMARIES.get(rule.effects[0], "changes what it names")
            return replace(rule, effects=tuple(effects), summary=told or f"`{program.name} {path}` {what}")
    return None


_SUMMARIES = {
    Effect.SECRET: "shows credentials",
    Effect.DESTRUCTIVE: "removes what it names",
    Effect.DISRUPTIVE: "stops what it names",
    Effect.PRIVILEGE: "changes who may do what",
}


def names_group(program: Program, words: Sequence[str], known: Words) -> bool:
    """Tell whether the published path is a group (`compute domain`) and the next word one of its verbs (`list`).

    A path that says itself that it runs something (`test`, `ssh`, `exec`) is none: what follows is its argument.
    """
    for count in range(min(len(words) - 1, _DEEPEST), 0, -1):
        if " ".join(words[:count]) in program.published:
            path = {token for word in words[:count] for token in tokens_of(word)}
            return words[count] in verbs_of(known) and not path & (known.execute | _HANDING)
    return False


def _of_options(options: Options, known: Words, *, runs: bool) -> set[Effect]:
    found: set[Effect] = set()
    for name in options.flags:
        tokens = set(tokens_of(name)) if name.startswith("--") else set()
        if tokens & known.destructive:
            found.add(Effect.DESTRUCTIVE)
        if tokens & _RUNNING and not runs:
            found.add(Effect.UNKNOWN)
    return found
