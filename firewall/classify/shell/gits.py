"""git: what must be read before its rows apply: configuration on the command line, another directory, refspecs."""

import re
from collections.abc import Mapping
from dataclasses import replace

from firewall.classify.draft import Draft, Source, shown
from firewall.classify.environments import PlaceKind
from firewall.classify.rows import Program, Verb
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.apply import apply_program, finish
from firewall.classify.shell.options import read_options
from firewall.classify.shell.scope import Scope
from firewall.classify.shell.touches import Touched, spot_of, touch_drafts
from firewall.classify.shell.uses import Use, read_use
from firewall.classify.shell.words import Word
from firewall.core.effect import Effect

RUNNING_KEYS = re.compile(
    r"(?:alias\..*|core\.(?:sshcommand|pager|editor|hookspath|fsmonitor|askpass|gitproxy|worktree)|pager\..*|credential\..*helper|credential\.helper|"
    r"diff\..*|difftool\..*|mergetool\..*|filter\..*|merge\..*\.driver|gpg\..*|sequence\.editor|protocol\..*|uploadpack\..*|"
    r"remote\..*\.(?:uploadpack|receivepack|vcs|proxy)|url\..*|include\..*|includeif\..*|http\..*proxy|http\.sslverify|init\.templatedir|submodule\..*\.update|safe\..*)",
    re.IGNORECASE,
)
_HARMLESS_VALUES = frozenset(
    {"cat", "less", "", "true", "false", "always", "never", "auto", "vim", "nano", "vi", ":"}
)


def git(command: Command, program: Program, analysis: Analysis) -> bool:
    """Judge one git command; always complete."""
    use = read_use(program, command)
    before = len(analysis.drafts)
    configured = _configured(use, command, analysis)
    _started(use, command, analysis)
    inner = replace(command, scope=folder_of(use))
    if use.sub == "" and use.positional and configured.get(f"alias.{use.positional[0].text}") is not None:
        return True
    start = len(analysis.drafts)
    apply_program(program, inner, analysis)
    for draft in analysis.drafts[start:]:
        if draft.operation in (
            "git:push",
            "git:pull",
            "git:fetch",
            "git:clone",
            "git:ls-remote",
            "git:remote-update",
            "git:remote-prune",
        ):
            draft.attributes["network"] = True
        if draft.operation == "git:clean" and _unforced(use):
            draft.effects = {Effect.DESTRUCTIVE}
            draft.summary = "deletes files that git does not track; no undo"
        if draft.operation == "git:push":
            _push(draft_use=read_use(program, inner), analysis=analysis, start=start)
    for draft in analysis.drafts[before:start]:
        draft.attributes.setdefault("nested", 1)
    return True


def folder_of(use: Use) -> Scope:
    """Return the scope that git works in: `-C` and its like move it."""
    scope = use.command.scope
    moves = use.options.given("-C") or use.options.given("--git-dir")
    folders = use.options.values(("-C", "--git-dir", "--work-tree")) if moves else []
    if folders:
        scope = scope.copy()
        for word in folders:
            spot = spot_of(word, scope)
            scope.move(() if spot.below else spot.paths)
    return scope


def _unforced(use: Use) -> bool:
    """Tell whether the configuration lets `git clean` delete without `-f`."""
    return (
        any(
            re.fullmatch(r"clean\.requireforce(?:=(?:false|no|off|0|))?", word.text, re.IGNORECASE)
            for word in use.options.values(("-c", "--config-env"))
        )
        and not use.options.given("--dry-run")
        and "-n" not in use.options.flags
    )


def _configured(use: Use, command: Command, analysis: Analysis) -> dict[str, str]:
    """Judge `-c key=value`: keys that make git run something are read as what they run."""
    found: dict[str, str] = {}
    for word in use.options.values(("-c", "--config-env")):
        key, _, value = word.text.partition("=")
        if not word.known:
            finish(
                analysis.opaque(word.span, "git configuration that is not known before it runs"), command, analysis
            )
            continue
        if not RUNNING_KEYS.fullmatch(key) or value in _HARMLESS_VALUES:
            continue
        found[key.lower()] = value
        text = (
            value.removeprefix("!")
            if value.startswith("!") or not key.lower().startswith("alias.")
            else f"git {value}"
        )
        draft = analysis.opaque(
            word.span,
            f"git configuration {shown(key)} runs {shown(value)}",
            operation="git:config-run",
            effects=(Effect.EXEC,),
        )
        draft.unseen.clear()
        finish(draft, command, analysis)
        source = Source(text, base=None, outer=word.span)
        analysis.script(analysis, source, command.scope.copy(), None, command.depth + 1)
    return found


_PROGRAM_OPTIONS = {
    "rebase": ("-x", "--exec"),
    "archive": ("--exec",),
    "grep": ("-O", "--open-files-in-pager"),
    "fetch": ("--upload-pack",),
    "pull": ("--upload-pack",),
    "clone": ("-u", "--upload-pack"),
    "ls-remote": ("--upload-pack", "--exec"),
    "push": ("--receive-pack", "--exec"),
    "difftool": ("-x", "--extcmd"),
    "filter-branch": (
        "--tree-filter", "--index-filter", "--msg-filter", "--env-filter", "--commit-filter", "--parent-filter",
        "--tag-name-filter", "--setup",
    ),
}  # fmt: skip
"""Subcommand -> options whose value git runs."""
_MESSAGES: Mapping[str, tuple[str, ...]] = {
    "commit": ("-F", "--file", "-t", "--template"),
    "tag": ("-F", "--file"),
    "merge": ("-F", "--file"),
    "notes": ("-F", "--file"),
    "commit-tree": ("-F",),
}
"""Subcommand -> options that name a file whose text becomes part of the history."""
_PATCHING = frozenset(
    {"-p", "-u", "--patch", "-L", "-S", "-G", "--patch-with-stat", "-c", "--cc", "-U", "--unified"}
)
"""Options with which a log shows content, and not only names and messages."""
_SHOWS_CONTENT = frozenset(
    {"show", "diff", "cat-file", "blame", "annotate", "grep", "hash-object", "archive", "diff-index", "diff-tree"}
)
_TRANSPORT = re.compile(r"(?:ext|fd|file)::.*|-.+", re.DOTALL)


def _started(use: Use, command: Command, analysis: Analysis) -> None:
    """Judge what git starts besides itself: helpers in addresses, commands for every commit or submodule."""
    words = list(use.positional)
    takes = use.program.takes | frozenset(_PROGRAM_OPTIONS.get(use.sub, ()))
    options, _ = read_options(command.words[1:], takes, style=use.program.style)
    texts = options.values(_PROGRAM_OPTIONS.get(use.sub, ()))
    if use.sub == "submodule foreach" and words:
        texts.append(_joined(words))
    if use.sub == "bisect" and words and words[0].text == "run" and len(words) > 1:
        texts.append(_joined(words[1:]))
    for word in command.words[1:]:
        if "::" in word.text and _TRANSPORT.fullmatch(word.text) and not word.text.startswith(("file::", "-")):
            _runs(word, word.text.partition("::")[2], "an address that starts a program", command, analysis)
    for word in texts:
        _runs(word, word.text, f"git runs {shown(word.text)}", command, analysis)
    for word in use.options.values(("--exec-path",)):
        finish(analysis.opaque(word.span, f"git programs from {shown(word.text)}"), command, analysis)
    _shows(_shown_words(use, words, command), command, analysis)


def _shown_words(use: Use, words: list[Word], command: Command) -> list[Word]:
    """Return the words that name what a subcommand shows, or takes into the history."""
    given = read_options(command.words[1:], use.program.takes | {"-F", "--file", "-t", "--template", "-L"})[0]
    if use.sub in _MESSAGES or use.sub.startswith("notes "):
        return given.values(_MESSAGES.get(use.sub.partition(" ")[0], ()))
    if use.sub in ("log", "whatchanged", "stash show", "shortlog"):
        shows = use.sub == "stash show" or any(given.given(name) for name in _PATCHING)
        ranges = [replace(word, text=word.text.rpartition(":")[2]) for word in given.values(("-L",))]
        return [*words, *ranges] if shows else []
    if use.sub == "cat-file" and command.feed is not None and command.feed.text is not None:
        lines = command.feed.text.split("\n")[:20]
        return [*words, *(Word(line.strip(), head=line.strip(), span=command.span) for line in lines)]
    return words if use.sub in _SHOWS_CONTENT else []


def _joined(words: list[Word]) -> Word:
    text = " ".join(word.text for word in words)
    return Word(text, known=all(word.known for word in words), span=(words[0].span[0], words[-1].span[1]))


def _runs(word: Word, text: str, why: str, command: Command, analysis: Analysis) -> None:
    draft = analysis.opaque(word.span, why, operation="git:run", effects=(Effect.EXEC,))
    draft.unseen = [] if word.known else [why]
    draft.effects |= set() if word.known else {Effect.UNKNOWN}
    finish(draft, command, analysis)
    scope = command.scope.copy()
    scope.move(())
    analysis.script(analysis, Source(text, base=None, outer=word.span), scope, None, command.depth + 1)


def _shows(words: list[Word], command: Command, analysis: Analysis) -> None:
    """Say when the content that git shows is that of a credential file (`HEAD:.env`)."""
    for word in words:
        revision, colon, path = word.text.partition(":")
        item = Word(path if colon and revision else word.text, known=word.known, glob=word.glob, span=word.span)
        for group in touch_drafts([Touched(Verb.READ, item)], command.scope, analysis.context):
            if Effect.SECRET in group.draft.effects:
                group.draft.operation = "git:show-file"
                group.draft.summary = f"shows {group.shown}, which usually holds credentials"
                analysis.drafts.append(group.draft)
                finish(group.draft, command, analysis)


def _push(*, draft_use: Use, analysis: Analysis, start: int) -> None:
    """Say which branch of which remote a push changes, and whether a refspec forces or deletes."""
    remote, refs = _destination(draft_use)
    draft = analysis.drafts[start]
    forced = [word for word in refs if word.text.startswith("+")]
    removed = [word for word in refs if word.text.startswith(":") and len(word.text) > 1]
    branches = [_branch(word) for word in refs]
    branch = next((name for name in branches if name), "")
    draft.resource = f"branch:{remote}/{branch or 'HEAD'}"
    draft.attributes["remote"] = remote
    draft.attributes["branch"] = branch
    draft.environment = analysis.context.environments.name_of(
        [(PlaceKind.GIT_REMOTE, f"{remote}/{branch or 'HEAD'}")]
    )
    draft.inside_workspace = False
    on = f"{'branch ' + shown(branch) if branch else 'the current branch'} on {shown(remote)}"
    if removed or draft_use.options.given("--delete") or "-d" in draft_use.options.flags:
        _lose(draft, f"deletes {on}; commits that only the remote has are lost", removed)
    elif forced or Effect.DESTRUCTIVE in draft.effects:
        if draft_use.options.given("--mirror") and "--mirror" in draft_use.options.flags:
            on = f"every branch and tag on {shown(remote)}"
        _lose(draft, f"overwrites {on}; commits that only the remote has are lost, for everybody", forced)
    else:
        draft.summary = f"pushes to {on}"
    if re.search(r"://|^[./~]|@.*:|\\", remote) and draft.effects & {Effect.WRITE, Effect.DESTRUCTIVE}:
        draft.effects.add(Effect.EXFIL)
        draft.summary += "; that is an address, not one of the repository's remotes"
    if any(not word.known for word in (*refs, *draft_use.positional[:1])):
        draft.unseen.append("which branch it pushes")
        draft.effects.add(Effect.UNKNOWN)


def _lose(draft: Draft, summary: str, words: list[Word]) -> None:
    draft.effects = {Effect.DESTRUCTIVE}
    draft.attributes["history"] = True
    draft.summary = summary
    draft.undo = ""
    for word in words:
        draft.point(word.span, "forces or deletes")


def _destination(use: Use) -> tuple[str, list[Word]]:
    words = list(use.positional)
    named = use.options.values(("--repo",))
    if not words:
        return (named[0].text if named else "origin"), []
    return words[0].text if words[0].known else "?", words[1:]


def _branch(word: Word) -> str:
    return word.text.lstrip("+").rpartition(":")[2].removeprefix("refs/heads/") if word.known else "?"
