"""Sentences and resources of a use: a rule's templates, filled with its words."""

from firewall.classify.draft import Draft, shown
from firewall.classify.environments import PlaceKind
from firewall.classify.rows import Rule
from firewall.classify.sentences import placed
from firewall.classify.shell.analysis import Command
from firewall.classify.shell.touches import Group
from firewall.classify.shell.uses import Use
from firewall.core.effect import Effect

_MILD = frozenset({Effect.READ, Effect.WRITE})
_INSIDE = {
    PlaceKind.KUBE_NAMESPACE: "in namespace",
    PlaceKind.KUBE_CONTEXT: "of cluster",
    PlaceKind.DATABASE: "in database",
    PlaceKind.HOST: "at",
}


def summary_of(rule: Rule, use: Use, group: Group) -> str:
    """Return what a rule says of a use; where its words name nothing, the command line does."""
    if not rule.summary:
        return _default_summary(group.draft, use, group)
    if "{" in rule.summary or "`" in rule.summary or group.draft.effects <= _MILD:
        return filled(rule.summary, use, group)
    return placed(rule.summary, f"by {shown(line_of(use.command))}")


def _default_summary(draft: Draft, use: Use, group: Group) -> str:
    what = f"`{use.program.name}{' ' + use.sub if use.sub else ''}`"
    if draft.effects <= {Effect.READ}:
        return f"{what} reads {group.shown}" if group.shown else f"{what} only reads"
    return f"runs {shown(line_of(use.command))}"


def _inside(use: Use) -> str:
    """Return where the options of a command say that it acts: ` in namespace `shop``; empty: they do not."""
    found = [
        f" {words} {shown(word.text)}"
        for kind, words in _INSIDE.items()
        for word in use.options.values(use.program.places.get(kind, ()))
    ]
    return "".join(found[:2])


def filled(template: str, use: Use, group: Group) -> str:
    """Fill `{path}`, `{args}`, `{in}`, `{sub}`, `{0}`, `{1}`, `{last}` of a template; other braces stay.

    `{raw0}` and `{names}` are for resources: as they were written, without the marks of `{0}` and `{args}`.
    """
    if "{" not in template:
        return template
    words = [word.text for word in use.positional]
    first = words[0] if words else ""
    values = {
        "{path}": group.shown or shown(" ".join(words)),
        "{args}": shown(" ".join(words) or line_of(use.command)),
        "the cluster{in}": _inside(use).removeprefix(" in ").removeprefix(" of ") or "the cluster",
        "{in}": _inside(use),
        "{sub}": use.sub,
        "{0}": first if template.startswith(("{", "volume:", "branch:")) else shown(first),
        "{raw0}": first,
        "{names}": " ".join(words) or line_of(use.command),
        "{1}": shown(words[1]) if len(words) > 1 else "it",
        "{from}": shown(" ".join(words[:-1])) if len(words) > 1 else "it",
        "{last}": shown(words[-1]) if words else "it",
        "{line}": shown(line_of(use.command)),
    }
    for name, value in values.items():
        template = template.replace(name, value)
    return template


def line_of(command: Command) -> str:
    """Return a command's words as one line, cut where it is long."""
    return " ".join(word.text[:1000] for word in command.words[:200])[:1000]
