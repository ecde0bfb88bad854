"""File programs with a language of their own: tar, dd, chmod."""

import re
from dataclasses import replace

from firewall.classify.draft import Source, shown
from firewall.classify.rows import Program, Verb
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.apply import add, finish
from firewall.classify.shell.options import Options, read_options
from firewall.classify.shell.touches import Touched, touch_drafts
from firewall.classify.shell.words import Word
from firewall.core.effect import Effect

_TAR_RUNS = (
    "--checkpoint-action",
    "--to-command",
    "-I",
    "--use-compress-program",
    "--rsh-command",
    "--rmt-command",
    "-F",
    "--info-script",
    "--new-volume-script",
)
_TAR_LONG = (
    *(name for name in _TAR_RUNS if name.startswith("--")),
    *(
        "--remove-files",
        "--delete",
        "--absolute-names",
        "--extract",
        "--get",
        "--create",
        "--list",
        "--diff",
        "--compare",
    ),
    *(
        "--append",
        "--update",
        "--file",
        "--files-from",
        "--directory",
        "--exclude",
        "--exclude-from",
        "--checkpoint",
    ),
)


def _spelled_out(word: Word) -> Word:
    """Return a long option of tar as it is called: GNU tar takes its beginning for it."""
    name, equals, value = word.text.partition("=")
    if not name.startswith("--") or len(name) < 4 or name in _TAR_LONG:
        return word
    whole = next((one for one in _TAR_LONG if one.startswith(name)), "")
    return replace(word, text=whole + equals + value, head=whole + equals + value, source=None) if whole else word


def tar(command: Command, program: Program, analysis: Analysis) -> bool:
    """`tar`: lists, packs or unpacks; some of its options run commands."""
    words = list(command.words[1:])
    if words and words[0].known and re.fullmatch(r"[a-zA-Z]+", words[0].text):
        words[0] = Word("-" + words[0].text, head="-" + words[0].text, span=words[0].span)
    options, _ = read_options([_spelled_out(word) for word in words], program.takes)
    for word in options.values(_TAR_RUNS):
        text = word.text.partition("exec=")[2] or (
            "" if word.text in ("dot", "echo", "gzip", "zstd", "pigz", "xz", "bzip2") else word.text
        )
        if text:
            source = Source(text, base=None, outer=word.span)
            finish(
                analysis.opaque(word.span, "tar starts a command", operation="shell:tar", effects=(Effect.EXEC,)),
                command,
                analysis,
            )
            analysis.script(analysis, source, command.scope.copy(), None, command.depth + 1)
    touched = _tar_touched(options)
    if options.given("--absolute-names") or "-P" in options.flags:
        finish(analysis.opaque(command.span, "tar may write anywhere that the archive says"), command, analysis)
    if "--remove-files" in options.flags:
        touched += [Touched(Verb.REMOVE, word, recursive=True) for word in options.positional]
    for group in touch_drafts(
        touched or [Touched(Verb.READ, Word(".", span=command.span))], command.scope, analysis.context
    ):
        add(group, command, analysis, "shell:tar", _tar_told(options, group.draft.effects))
    return True


def _tar_told(options: Options, effects: set[Effect]) -> str:
    """Return the sentence for one file that tar touches."""
    if "--delete" in options.flags:
        return "deletes what is named from the archive {path}"
    if "--remove-files" in options.flags and Effect.DESTRUCTIVE in effects:
        return "packs {path} and then deletes it"
    unpacks = bool(options.flags.keys() & {"-x", "--extract", "--get"}) and effects != {Effect.READ}
    return "unpacks into {path}, replacing files of the same name" if unpacks else "packs or reads {path}"


def _tar_touched(options: Options) -> list[Touched]:
    names = set(options.flags)
    archive, folder = options.values(("-f", "--file")), options.values(("-C", "--directory"))
    members = options.positional
    here = [word for word in archive if word.text != "-"]
    if "--delete" in names:
        return [Touched(Verb.OVERWRITE, word) for word in here]
    if names & {"-t", "--list", "-d", "--diff", "--compare"}:
        return [Touched(Verb.READ, word) for word in here]
    if names & {"-x", "--extract", "--get"}:
        into = folder or [Word(".", span=here[0].span if here else (0, 0))]
        verb = Verb.PLACE
        return [
            *(Touched(Verb.READ, word) for word in here),
            *(Touched(verb, word, recursive=True) for word in into),
        ]
    if names & {"-c", "--create", "-r", "--append", "-u", "--update", "-A"}:
        return [
            *(Touched(Verb.PLACE, word) for word in here),
            *(Touched(Verb.READ, word, recursive=True) for word in members),
        ]
    return [Touched(Verb.READ, word) for word in (*here, *members)]


def dd(command: Command, _program: Program, analysis: Analysis) -> bool:
    """`dd if=… of=…`: reads one, replaces the other."""
    touched: list[Touched] = []
    for word in command.words[1:]:
        key, _, value = word.text.partition("=")
        if key in ("if", "of") and value:
            item = Word(value, known=word.known, head=value if word.known else "", span=word.span)
            touched.append(Touched(Verb.READ if key == "if" else Verb.OVERWRITE, item))
    for group in touch_drafts(touched, command.scope, analysis.context):
        summary = (
            "replaces the content of {path}; what was there is gone"
            if Effect.DESTRUCTIVE in group.draft.effects
            else "copies bytes: {path}"
        )
        add(group, command, analysis, "shell:dd", summary)
    if not touched:
        finish(analysis.opaque(command.span, "dd without a file that can be seen"), command, analysis)
    return True


MAX_MODE_CHARS = 64
_OPEN_MODE = re.compile(r"[0-7]?[0-7][0-7][2367]|[ugo]*[ao][ugoa]*[+=][rx]*w[rwxX]*")


def _is_open(mode: str) -> bool:
    return len(mode) <= MAX_MODE_CHARS and _OPEN_MODE.fullmatch(mode) is not None


_MILD_MODE = re.compile(r"[ugoa]*\+[xX]|[ua]?\+r|[u]\+[rwxX]+|0?[4567][0145][0145]")
"""Makes a file executable or readable, or takes rights from others."""


def chmod(command: Command, program: Program, analysis: Analysis) -> bool:
    """`chmod`: making a workspace file executable is an edit; anything else changes who may do what."""
    options, _ = read_options(command.words[1:], program.takes)
    words = options.positional if options.given("--reference") else options.positional[1:]
    mode = options.positional[0] if options.positional else None
    recursive = any(options.given(flag) for flag in ("-R", "--recursive"))
    mild = mode is not None and mode.known and bool(_MILD_MODE.fullmatch(mode.text)) and not recursive
    for group in touch_drafts(
        [Touched(Verb.MODE, word, recursive) for word in words], command.scope, analysis.context
    ):
        edited = touch_drafts(
            [Touched(Verb.EDIT, word, recursive) for word in words], command.scope, analysis.context
        )
        if (
            mild
            and group.draft.inside_workspace
            and not any(Effect.PRIVILEGE in item.draft.effects for item in edited)
        ):
            group.draft.effects = {Effect.WRITE}
        add(
            group,
            command,
            analysis,
            f"shell:{program.name}",
            f"changes who may use {{path}}{' and everything below' if recursive else ''} "
            f"({shown(mode.text) if mode else 'mode'})"
            f"{'; everybody may then change it' if mode and _is_open(mode.text) else ''}",
        )
    if not words:
        finish(
            analysis.opaque(command.span, "a change of rights without a file that can be seen"), command, analysis
        )
    return True
