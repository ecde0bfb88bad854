"""File programs with a language of their own: find, tar, sed, dd, chmod, and schedulers that keep shell text."""

import re
from itertools import pairwise

from firewall.classify.draft import Draft, Source, shown
from firewall.classify.likely import globbed
from firewall.classify.paths import Spot, inside
from firewall.classify.rows import Program, Verb
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.apply import finish
from firewall.classify.shell.options import Options, read_options
from firewall.classify.shell.scope import Feed
from firewall.classify.shell.touches import Group, Touched, spot_of, touch_drafts
from firewall.classify.shell.words import Word
from firewall.core.effect import Effect

MAX_SCRIPT_CHARS = 1500
MAX_ENDS = 24
_FIND_RUNS = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_FIND_WRITES = frozenset({"-fprint", "-fprint0", "-fprintf", "-fls"})
_REGENERABLE_NAMES = re.compile(
    r"\*?\.(?:pyc|pyo|class|o|obj|tsbuildinfo)|__pycache__|node_modules|\.DS_Store|\.pytest_cache|\.mypy_cache|\.ruff_cache|\*\.egg-info"
)


def add(group: Group, command: Command, analysis: Analysis, operation: str, summary: str) -> Draft:
    """Complete and add the draft of a group."""
    draft = group.draft
    draft.operation = operation
    draft.summary = summary.replace("{path}", group.shown)
    draft.point(command.words[0].span, f"runs `{operation}`")
    analysis.drafts.append(draft)
    finish(draft, command, analysis)
    return draft


def find(command: Command, _program: Program, analysis: Analysis) -> bool:
    """`find`: lists, unless `-delete`, `-exec` or `-fprint` does more; found names lie below its starts."""
    words = list(command.words[1:])
    while words and words[0].text in ("-L", "-P", "-H", "-D", "-O3"):
        words.pop(0)
    cut = next(
        (index for index, word in enumerate(words) if word.text[:1] in "-(!" or word.text == "\\!"), len(words)
    )
    starts = words[:cut] or [Word(".", span=command.words[0].span)]
    tests = words[cut:]
    texts = [word.text for word in tests]
    verb = Verb.REMOVE if "-delete" in texts else Verb.LIST
    spots = [spot_of(word, command.scope) for word in starts]
    below = tuple(path for spot in spots for path in spot.paths) if all(spot.paths for spot in spots) else ()
    names = [tests[index + 1].text for index, text in enumerate(texts[:-1]) if text in ("-name", "-iname")]
    ends = found_ends(spots, texts)
    for group in touch_drafts(
        [Touched(verb, _below(word, command, verb), recursive=True) for word in starts],
        command.scope,
        analysis.context,
    ):
        if (
            verb is Verb.REMOVE
            and group.draft.inside_workspace
            and names
            and all(_REGENERABLE_NAMES.fullmatch(name) for name in names)
        ):
            group.draft.effects = {Effect.WRITE}
            group.draft.attributes["regenerable"] = True
        summary = (
            "deletes what it finds below {path}; no undo"
            if verb is Verb.REMOVE
            else "looks for files below {path}"
        )
        draft = add(group, command, analysis, "shell:find", summary)
        _point_word(draft, tests, "-delete", "deletes what is found")
    _find_runs(tests, below, ends, command, analysis)
    return True


def found_ends(spots: list[Spot], tests: list[str]) -> tuple[str, ...]:
    """Return made-up paths for what `find` finds: starts that are not known, and names looked for."""
    named = [
        text for option, text in pairwise(tests) if option in ("-name", "-iname", "-path", "-ipath", "-wholename")
    ]
    found = [path for spot in spots for path in spot.guess]
    for name in named:
        found += [f"/{name.lstrip('*/')}", *globbed(("/x",), name.rpartition("/")[2])]
    return tuple(found)[:MAX_ENDS]


def _below(word: Word, command: Command, verb: Verb) -> Word:
    """`find . -delete` leaves the folder's own fate open; a narrowing test spares the rest."""
    if verb is not Verb.REMOVE:
        return word
    spot = spot_of(word, command.scope)
    narrowed = any(
        item.text
        in ("-name", "-iname", "-path", "-regex", "-size", "-mtime", "-empty", "-newer", "-mmin", "-atime")
        for item in command.words
    )
    if not narrowed or not spot.paths:
        return word
    return Word(word.text, known=False, head=word.head, span=word.span, below=spot.paths)


def _point_word(draft: Draft, words: list[Word], text: str, note: str) -> None:
    for word in words:
        if word.text == text:
            draft.point(word.span, note)


def _find_runs(
    tests: list[Word], below: tuple[str, ...], ends: tuple[str, ...], command: Command, analysis: Analysis
) -> None:
    index = 0
    while index < len(tests):
        text = tests[index].text
        if text in _FIND_RUNS:
            end = next(
                (at for at in range(index + 1, len(tests)) if tests[at].text in (";", "+", "\\;", ";z")),
                len(tests),
            )
            inner = [_found(word, below, ends) for word in tests[index + 1 : end]]
            if inner:
                analysis.run(command.rest(tuple(inner), feed=None), analysis)
            index = end
        elif text in _FIND_WRITES and index + 1 < len(tests):
            for group in touch_drafts(
                [Touched(Verb.OVERWRITE, tests[index + 1])], command.scope, analysis.context
            ):
                add(group, command, analysis, "shell:find", "writes its result over {path}")
        index += 1


def _found(word: Word, below: tuple[str, ...], ends: tuple[str, ...]) -> Word:
    if word.text == "{}":
        return Word("{}", known=False, span=word.span, below=below, head="" if below else "./", ends=ends)
    if "{}" in word.text:
        text = word.text.replace("{}", "${INSERTED}")
        return Word(text, known=False, head=text.partition("${INSERTED}")[0], span=word.span)
    return word


def tar(command: Command, program: Program, analysis: Analysis) -> bool:
    """`tar`: lists, packs or unpacks; some of its options run commands."""
    words = list(command.words[1:])
    if words and words[0].known and re.fullmatch(r"[a-zA-Z]+", words[0].text):
        words[0] = Word("-" + words[0].text, head="-" + words[0].text, span=words[0].span)
    options, _ = read_options(words, program.takes)
    for word in options.values(
        (
            "--checkpoint-action",
            "--to-command",
            "-I",
            "--use-compress-program",
            "--rsh-command",
            "-F",
            "--info-script",
            "--new-volume-script",
        )
    ):
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
    if any(flag in options.flags for flag in ("--remove-files",)):
        touched += [Touched(Verb.REMOVE, word, recursive=True) for word in options.positional]
    for group in touch_drafts(
        touched or [Touched(Verb.READ, Word(".", span=command.span))], command.scope, analysis.context
    ):
        writes = Effect.READ not in group.draft.effects or len(group.draft.effects) > 1
        unpacks = bool(set(options.flags) & {"-x", "--extract", "--get"})
        summary = (
            "unpacks into {path}, replacing files of the same name"
            if unpacks and writes
            else "packs or reads {path}"
        )
        add(group, command, analysis, "shell:tar", summary)
    return True


def _tar_touched(options: Options) -> list[Touched]:
    names = set(options.flags)
    archive, folder = options.values(("-f", "--file")), options.values(("-C", "--directory"))
    members = options.positional
    here = [word for word in archive if word.text != "-"]
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


def sed(command: Command, program: Program, analysis: Analysis) -> bool:
    """`sed`: reads, unless `-i`, a `w` command or an `e` command is there."""
    options, _ = read_options(command.words[1:], program.takes)
    scripts = options.values(("-e", "--expression"))
    files = list(options.positional)
    if not scripts and not options.given("--file") and "-f" not in options.flags and files:
        scripts, files = files[:1], files[1:]
    in_place = any(options.given(flag) for flag in ("-i", "--in-place"))
    touched = [Touched(Verb.EDIT if in_place else Verb.READ, word) for word in files]
    touched += [Touched(Verb.RUN, word) for word in options.values(("-f", "--file"))]
    for group in touch_drafts(touched, command.scope, analysis.context):
        add(group, command, analysis, "shell:sed", "edits {path} in place" if in_place else "reads {path}")
    if not touched:
        for group in touch_drafts(
            [Touched(Verb.LIST, Word("/dev/stdin", span=command.span))], command.scope, analysis.context
        ):
            add(group, command, analysis, "shell:sed", "edits its input")
    for script in scripts:
        _sed_script(script, command, analysis)
    if options.loose is not None and not in_place:
        finish(
            analysis.opaque(options.loose.span, f"options of sed that {shown(options.loose.text)} may add"),
            command,
            analysis,
        )
    return True


_SED_RUNS = re.compile(
    r"(?:^|[;{\n/}0-9$,|#])\s*e(?:\s|$|;)|s(?P<mark>[^\w\s\\]).*?(?P=mark).*?(?P=mark)[0-9gpiIMm]*e", re.DOTALL
)
_SED_WRITES = re.compile(
    r"(?:^|[;{\n/0-9$}])\s*[wW]\s+(?P<file>[^\s;]+)|s(?P<mark>[^\w\s\\])(?:\\.|(?!(?P=mark)).)*(?P=mark)(?:\\.|(?!(?P=mark)).)*(?P=mark)[0-9gpiIMm]*w\s*(?P<other>[^\s;]+)",
    re.DOTALL,
)


def _sed_script(word: Word, command: Command, analysis: Analysis) -> None:
    if len(word.text) > MAX_SCRIPT_CHARS:
        finish(analysis.opaque(word.span, "a sed script that is too long to read"), command, analysis)
        return
    if match := _SED_WRITES.search(word.text):
        name = match.group("file") or match.group("other")
        for group in touch_drafts(
            [Touched(Verb.OVERWRITE, Word(name, span=word.span))], command.scope, analysis.context
        ):
            if not group.is_void:
                add(group, command, analysis, "shell:sed", "writes over {path}")
    if not word.known or _SED_RUNS.search(word.text):
        draft = analysis.opaque(
            word.span, "a sed script that may run commands", effects=(Effect.EXEC, Effect.UNKNOWN)
        )
        if not word.known:
            draft.effects = {Effect.UNKNOWN}
        finish(draft, command, analysis)


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


_REMOTE = re.compile(r"(?:[\w.-]+@)?(?P<host>\[[^\]]+\]|[\w.-]+)::?(?P<path>(?!//).*)", re.DOTALL)
_URL = re.compile(r"(?:rsync|ssh|scp|sftp)://(?:[^@/]*@)?(?P<host>[^/:]+)(?::\d+)?(?P<path>/.*)?", re.DOTALL)


def copy(command: Command, program: Program, analysis: Analysis) -> bool:
    """`scp`, `rsync`: copies, possibly to or from another machine; `--delete` removes at the destination."""
    options, _ = read_options(command.words[1:], program.takes)
    for word in options.values(("-e", "--rsh", "--rsync-path", "-S", "-o")):
        if re.search(r"\bProxyCommand|[;&|`$]", word.text) or not word.known:
            finish(
                analysis.opaque(
                    word.span, "a transport that starts a command", effects=(Effect.EXEC, Effect.UNKNOWN)
                ),
                command,
                analysis,
            )
    words = options.positional
    if len(words) < 2:
        return False
    sources, target = words[:-1], words[-1]
    dry = "-n" in options.flags or "--dry-run" in options.flags
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
            draft.summary = f"sends local files to {shown(target.text)}"
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


_OPEN_MODE = re.compile(r"[0-7]?[0-7][0-7][2367]|[ugo]*[ao][ugoa]*[+=][rx]*w[rwxX]*")
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
            f"{'; everybody may then change it' if mode and _OPEN_MODE.fullmatch(mode.text) else ''}",
        )
    if not words:
        finish(
            analysis.opaque(command.span, "a change of rights without a file that can be seen"), command, analysis
        )
    return True


def crontab(command: Command, program: Program, analysis: Analysis) -> bool:
    """`crontab`: `-l` shows, `-r` erases, anything else installs commands that run later."""
    options, _ = read_options(command.words[1:], program.takes)
    draft = Draft("shell:crontab", "schedule:crontab")
    draft.point(command.span, "the schedule of commands")
    if "-l" in options.flags:
        draft.effects, draft.summary = {Effect.READ}, "shows the schedule of commands"
    elif "-r" in options.flags:
        draft.effects, draft.summary = (
            {Effect.DESTRUCTIVE, Effect.PRIVILEGE},
            "deletes the whole schedule of commands; no undo",
        )
    else:
        draft.effects, draft.summary = (
            {Effect.PRIVILEGE, Effect.EXEC, Effect.DESTRUCTIVE},
            "replaces the schedule of commands that run later",
        )
        _later(command, analysis, draft, skip=5)
    analysis.drafts.append(draft)
    finish(draft, command, analysis)
    return True


def at(command: Command, _program: Program, analysis: Analysis) -> bool:
    """`at`, `batch`: runs later what it reads."""
    draft = Draft("shell:at", "schedule:at", effects={Effect.EXEC}, summary="schedules commands that run later")
    draft.point(command.span, draft.summary)
    _later(command, analysis, draft, skip=0)
    analysis.drafts.append(draft)
    finish(draft, command, analysis)
    return True


def _later(command: Command, analysis: Analysis, draft: Draft, *, skip: int) -> None:
    feed: Feed | None = command.feed
    if feed is None or feed.text is None:
        draft.effects.add(Effect.UNKNOWN)
        draft.unseen.append("the commands that will run")
        return
    for line in feed.text.splitlines():
        stripped = line.strip()
        fields = stripped.split(None, 1 if stripped.startswith("@") else skip) if skip else [stripped]
        if stripped and not stripped.startswith("#"):
            outer = feed.source.whole() if feed.source is not None else command.span
            analysis.script(
                analysis, Source(fields[-1], base=None, outer=outer), command.scope.copy(), None, command.depth + 1
            )
