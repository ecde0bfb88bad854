"""Patches given to a program on its standard input or as a word: `apply_patch`, `patch`, `git apply`."""

from firewall.classify.draft import Draft, Source
from firewall.classify.patches import read_patch, strange_drafts, touched
from firewall.classify.rows import Program, Verb
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.apply import finish
from firewall.classify.shell.gits import git
from firewall.core.effect import Effect

_ELSEWHERE = (
    "-R",
    "--reverse",
    "-d",
    "--directory",
    "-o",
    "--output",
    "--unsafe-paths",
    "-i",
    "--input",
    "-r",
    "--get",
)
"""Options that turn a patch round, or put its files somewhere else."""


def patch(command: Command, program: Program, analysis: Analysis) -> bool:
    """`patch` and `apply_patch`: False where the text of the patch is not known."""
    source = _text(command)
    if source is None or any(word.text == "--dry-run" for word in command.words):
        return False
    _judge(source, command, program.name, analysis)
    return True


def git_or_patch(command: Command, program: Program, analysis: Analysis) -> bool:
    """`git`: what `git apply` finds on its standard input is read as a patch, the rest is git's."""
    words = [word.text for word in command.words[1:]]
    source = _text(command) if words[:1] == ["apply"] else None
    shows = any(word in ("--check", "--stat", "--numstat", "--summary") for word in words)
    if source is None or shows or any(not word.startswith("-") for word in words[1:]):
        return git(command, program, analysis)
    _judge(source, command, "git apply", analysis)
    return True


def _text(command: Command) -> Source | None:
    """Return the patch: a word that holds one, or what is fed in."""
    for word in command.words[1:]:
        if "*** Begin Patch" in word.text and word.known:
            return word.source or Source(word.text, base=None, outer=word.span)
    feed = command.feed
    if feed is None or feed.text is None:
        return None
    source = feed.source
    return (
        source
        if source is not None and source.text == feed.text
        else Source(feed.text, base=None, outer=command.span)
    )


def _judge(source: Source, command: Command, name: str, analysis: Analysis) -> None:
    read = read_patch(source.text)
    for verb, draft, names in touched(read, analysis.context, command.scope, source):
        draft.operation = f"file:{'delete' if verb is Verb.REMOVE else verb.value}"
        draft.summary = f"applies a patch with `{name}`: {verb.value} {names}"
        _add(draft, command, analysis)
    for draft in strange_drafts(read, source):
        _add(draft, command, analysis)
    if any(word.text.startswith(_ELSEWHERE) for word in command.words[1:]):
        why = f"`{name}` applies the patch in another way or place than it says"
        _add(Draft("file:patch", effects={Effect.UNKNOWN}, unseen=[why], summary=why), command, analysis)


def _add(draft: Draft, command: Command, analysis: Analysis) -> None:
    analysis.drafts.append(draft)
    finish(draft, command, analysis)
