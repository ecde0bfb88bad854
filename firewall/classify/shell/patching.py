"""Patches given to a program on its standard input, as a word, in a file: `patch`, `git apply`, `apply_patch`."""

from collections.abc import Sequence
from dataclasses import replace

from firewall.classify.draft import Draft, Source
from firewall.classify.patches import Patch, read_patch, strange_drafts, touched
from firewall.classify.rows import Program, Verb
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.apply import apply_program, finish
from firewall.classify.shell.contents import add_contents, left_out
from firewall.classify.shell.gits import folder_of, git
from firewall.classify.shell.touches import spot_of
from firewall.classify.shell.uses import read_use
from firewall.classify.shell.words import Word
from firewall.core.effect import Effect

_SHOWING = ("--check", "--stat", "--numstat", "--summary", "--abort", "--quit", "--show-current-patch")
_CHANGING = frozenset({Effect.WRITE, Effect.DESTRUCTIVE, Effect.UNKNOWN, Effect.EXEC, Effect.PRIVILEGE})
_MOVING = ("-d", "--directory", "-o", "--output", "--unsafe-paths", "-r", "--get")
"""Options that put a patch's files somewhere else."""
_ELSEWHERE = ("-R", "--reverse", "-i", "--input", *_MOVING)
"""Options with which a patch on the standard input is turned round, moved or not read at all."""
_ROUND = ("-R", "--reverse")
_TURNED = {Verb.CREATE: Verb.REMOVE, Verb.REMOVE: Verb.CREATE}


def patch(command: Command, program: Program, analysis: Analysis) -> bool:
    """`patch` and `apply_patch`: False where the text of the patch is not known and it is only tried."""
    if any(word.text == "--dry-run" for word in command.words):
        return False
    source = _text(command)
    if source is None:
        use = read_use(program, command)
        given = use.options.values(("-i", "--input")) or list(use.positional[1:2])
        fed = command.feed.paths if command.feed is not None else ()
        before = len(analysis.drafts)
        apply_program(program, command, analysis)
        _files(given, fed, command, analysis, before)
        return True
    _judge(source, command, program.name, analysis)
    return True


def git_or_patch(command: Command, program: Program, analysis: Analysis) -> bool:
    """`git`: what `git apply` finds on its standard input is read as a patch, the rest is git's."""
    words = [word.text for word in command.words[1:]]
    source = _text(command) if words[:1] == ["apply"] else None
    shows = any(word in _SHOWING for word in words)
    if source is None or shows or any(not word.startswith("-") for word in words[1:]):
        before = len(analysis.drafts)
        git(command, program, analysis)
        use = read_use(program, command)
        if use.sub in ("apply", "am") and not shows:
            fed = command.feed.paths if command.feed is not None and not use.positional else ()
            _files(list(use.positional), fed, replace(command, scope=folder_of(use)), analysis, before)
        return True
    _judge(source, command, "git apply", analysis)
    return True


def _files(words: list[Word], paths: Sequence[str], command: Command, analysis: Analysis, before: int) -> None:
    """Name the files that hold patches on the action that applies them, and add what the visible ones do."""
    named = [*(path for word in words for path in spot_of(word, command.scope).paths), *paths]
    changing = (draft for draft in analysis.drafts[before:] if draft.effects & _CHANGING)
    draft = next(changing, None)
    if draft is None or not named or command.scope.machine:
        return

    def read(inner: Analysis, source: Source) -> None:
        _judge_file(source, command, draft.operation.removeprefix("shell:").replace(":", " "), inner)
        if any(Effect.UNKNOWN in one.effects for one in inner.drafts if one.operation == "file:patch"):
            left_out(inner, "a part of the patch that is not understood")

    add_contents(draft, named, command, analysis, lambda _path, _text: read)


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
    _touches(read_patch(source.text), source, command, name, analysis)
    if any(word.text.startswith(_ELSEWHERE) for word in command.words[1:]):
        _elsewhere(command, name, analysis)


def _judge_file(source: Source, command: Command, name: str, analysis: Analysis) -> None:
    """Judge the patch of a file: one that is turned round removes what it would create."""
    read = read_patch(source.text)
    if any(word.text in _ROUND for word in command.words[1:]):
        read.items = [replace(one, verb=_TURNED.get(one.verb, one.verb)) for one in read.items]
    _touches(read, source, command, name, analysis)
    others = (word.text for word in command.words[1:] if word.text not in _ROUND)
    if any(text.startswith((*_MOVING, *_ROUND)) for text in others):
        _elsewhere(command, name, analysis)


def _touches(read: Patch, source: Source, command: Command, name: str, analysis: Analysis) -> None:
    for verb, draft, names in touched(read, analysis.context, command.scope, source):
        draft.operation = f"file:{'delete' if verb is Verb.REMOVE else verb.value}"
        draft.summary = f"applies a patch with `{name}`: {verb.value} {names}"
        _add(draft, command, analysis)
    for draft in strange_drafts(read, source):
        _add(draft, command, analysis)


def _elsewhere(command: Command, name: str, analysis: Analysis) -> None:
    why = f"`{name}` applies the patch in another way or place than it says"
    _add(Draft("file:patch", effects={Effect.UNKNOWN}, unseen=[why], summary=why), command, analysis)


def _add(draft: Draft, command: Command, analysis: Analysis) -> None:
    analysis.drafts.append(draft)
    finish(draft, command, analysis)
