"""Suggestions of the catalogue are milder than what they replace: judged when the policies are loaded."""

from collections.abc import Iterator, Mapping

from firewall.classify.catalogue import Catalogue
from firewall.classify.context import Context
from firewall.classify.environments import Environments
from firewall.classify.rows import Rule
from firewall.classify.text import actions_of_input
from firewall.core.effect import severity, strictest
from firewall.policy.problem import Problem

_WORKSPACE = "/work/app"


def check(catalogue: Catalogue, environments: Environments, files: Mapping[str, bytes]) -> list[Problem]:
    """Return a problem for each suggestion that is judged as strict as the row that makes it."""
    context = Context(_WORKSPACE, "", "", environments, catalogue)
    found: list[Problem] = []
    for name, rule in _suggesting(catalogue):
        effects = [e for action in actions_of_input("shell", rule.suggest, context) for e in action.effects]
        if severity(strictest(effects)) < severity(rule.strictest):
            continue
        file, line = _place(rule.suggest, files)
        message = f"`{name}` suggests `{rule.suggest}`, which is {strictest(effects)} itself"
        found.append(Problem(file, line, message, f"suggest something milder than {rule.strictest}"))
    return found


def _suggesting(catalogue: Catalogue) -> Iterator[tuple[str, Rule]]:
    seen: set[int] = set()
    for program in catalogue.programs.values():
        for rule in program.all_rules():
            if rule.suggest and id(rule) not in seen:
                seen.add(id(rule))
                yield program.name, rule


def _place(text: str, files: Mapping[str, bytes]) -> tuple[str, int]:
    """Find the file and line that hold a suggestion, packs first."""
    written = [f"suggest = {quote}{text}{quote}".encode() for quote in ('"', "'")]
    for name in sorted(files, key=lambda name: (not name.startswith("packs/"), name)):
        for line, content in enumerate(files[name].splitlines(), 1):
            if any(item in content for item in written):
                return name, line
    return "tools.toml", 0
