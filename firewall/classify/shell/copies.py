"""`scp`, `rsync`, `ln`: from one place to another, possibly on another machine."""

import re

from firewall.classify.draft import Source, shown
from firewall.classify.paths import inside
from firewall.classify.rows import Program, Verb
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.apply import add, finish
from firewall.classify.shell.options import read_options
from firewall.classify.shell.touches import Touched, spot_of, touch_drafts
from firewall.classify.shell.words import Word
from firewall.core.effect import Effect

_REMOTE = re.compile(r"(?:[\w.-]+@)?(?P<host>\[[^\]]+\]|[\w.-]+)::?(?P<path>(?!//).*)", re.DOTALL)
_URL = re.compile(r"(?:rsync|ssh|scp|sftp)://(?:[^@/]*@)?(?P<host>[^/:]+)(?::\d+)?(?P<path>/.*)?", re.DOTALL)


MAX_SOURCES = 100
_STARTING = {
    "rsync": ("-e", "--rsh", "--rsync-path", "--remote-option"),
    "scp": ("-S", "-o", "-F", "-D"),
    "rcp": ("-S",),
}
_PLAIN_SSH = re.compile(
    r"(?:/usr/bin/)?ssh(?: -(?:p|l|i|c|o (?!Proxy|Local|Permit|KnownHosts)) ?[\w./~@=:-]+| -[aAqTvx46C]+)*"
)
_PLAIN_OPTION = re.compile(
    r"(?!Proxy|Local|Permit|KnownHosts|Include|PKCS11|Remote)[A-Za-z]+[= ][\w./~@=:,-]+", re.IGNORECASE
)


def _transport(option: str, word: Word, *, command: Command, analysis: Analysis) -> None:
    """Judge the value of an option that names the program to connect with."""
    plain = _PLAIN_OPTION if option == "-o" else _PLAIN_SSH
    if word.known and plain.fullmatch(word.text):
        return
    why = f"connects with the program {shown(word.text)}"
    finish(analysis.opaque(word.span, why, effects=(Effect.EXEC, Effect.UNKNOWN)), command, analysis)
    if word.known:
        source = Source(word.text, base=None, outer=word.span)
        analysis.script(analysis, source, command.scope.copy(), None, command.depth + 1)


def copy(command: Command, program: Program, analysis: Analysis) -> bool:
    """`scp`, `rsync`: copies, possibly to or from another machine; `--delete` removes at the destination."""
    options, _ = read_options(command.words[1:], program.takes)
    for option in _STARTING.get(program.name, ()):
        for word in options.values((option,)):
            _transport(option, word, command=command, analysis=analysis)
    words = options.positional
    if len(words) < 2:
        return False
    sources, target = words[:-1], words[-1]
    if len(sources) > MAX_SOURCES:
        finish(analysis.opaque(command.span, "more files than are read here"), command, analysis)
        sources = sources[:MAX_SOURCES]
    dry = options.lowers(("-n", "--dry-run"))
    deletes = not dry and any(flag.startswith(("--delete", "--del")) for flag in options.flags)
    verb = Verb.LIST if dry else Verb.PLACE
    moves = not dry and options.given("--remove-source-files")
    _copy_end(command, program, analysis, target, verb, deletes=deletes)
    for word in sources:
        _copy_end(command, program, analysis, word, Verb.MOVE if moves else Verb.READ, deletes=False)
    remote_target = _remote(target)
    if remote_target is not None and not dry:
        draft = analysis.drafts[-len(sources) - 1]
        draft.attributes["network"] = True
        if any(_remote(word) is None for word in sources):
            draft.effects.add(Effect.EXFIL)
            also = " and deletes everything else there" if deletes else ""
            draft.summary = f"sends local files to {shown(target.text)}{also}"
    return True


def _remote(word: Word) -> re.Match[str] | None:
    match = _URL.fullmatch(word.text) or _REMOTE.fullmatch(word.text)
    return None if match is None or "/" in word.text.partition(":")[0] else match


def _copy_end(
    command: Command, program: Program, analysis: Analysis, word: Word, verb: Verb, *, deletes: bool
) -> None:
    remote = _url_match(word)
    scope = command.scope
    if remote is not None:
        scope = scope.copy()
        scope.machine = f"ssh:{remote.group('host').strip('[]')}"
        word = Word(remote.group("path") or ".", known=word.known, head=word.head, span=word.span)
    used = Verb.ERASE if deletes else verb
    for group in touch_drafts([Touched(used, word, recursive=True)], scope, analysis.context):
        summary = (
            "makes {path} equal to the source and deletes everything else there; no undo"
            if deletes
            else f"{'reads' if verb in (Verb.READ, Verb.LIST) else 'copies to'} {{path}}"
        )
        draft = add(group, command, analysis, f"shell:{program.name}", summary)
        if remote is not None:
            draft.addresses.append(f"{remote.group('host').strip('[]')}:22/")
            draft.attributes.update(network=True, hosts=1, host=remote.group("host").lower())


def _url_match(word: Word) -> re.Match[str] | None:
    return _remote(word)


def link(command: Command, program: Program, analysis: Analysis) -> bool:
    """`ln`: a link to what lies outside the workspace makes later paths mean something else."""
    options, _ = read_options(command.words[1:], program.takes)
    words = options.positional
    into = options.values(("-t", "--target-directory"))
    targets, places = (words, into) if into else (words[:-1] or words, words[1:][-1:])
    forced = any(flag in options.flags for flag in ("-f", "--force"))
    verb = Verb.PLACE if forced or into else Verb.CREATE
    touched = [Touched(Verb.READ, word) for word in targets]
    touched += [Touched(verb, word) for word in places or [Word(".", span=command.span)]]
    away = [
        word
        for word in targets
        if not inside(spot_of(word, command.scope), analysis.context) and command.scope.cwds
    ]
    for group in touch_drafts(touched, command.scope, analysis.context):
        draft = add(group, command, analysis, f"shell:{program.name}", "links {path}")
        if away and draft.effects & {Effect.WRITE, Effect.DESTRUCTIVE}:
            draft.effects.add(Effect.UNKNOWN)
            draft.unseen.append("what is later done through the link")
            draft.summary = f"makes a link to {shown(away[0].text)}, which lies outside the workspace"
    return bool(words)
