"""Interpreters: text given to them is read in its language where we can, else `exec` or `unknown`."""

import posixpath
import re

from firewall.classify import embedded
from firewall.classify.code.found import Found, Touch
from firewall.classify.draft import Draft, Source, shown
from firewall.classify.paths import is_under
from firewall.classify.rows import Code, Program, Verb
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.apply import apply_program, finish
from firewall.classify.shell.contents import Read, add_contents, as_script, language_of, left_out, read_all
from firewall.classify.shell.databases import add_outputs
from firewall.classify.shell.help import shows_only
from firewall.classify.shell.options import Options, read_options
from firewall.classify.shell.touches import Touched, does, spot_of, touch_drafts, word_of
from firewall.classify.shell.uses import Use, places_of, read_use
from firewall.classify.shell.words import Word
from firewall.core.action import LOCAL
from firewall.core.effect import Effect

MAX_TEXTS = 12
"""Texts that an interpreter is given at once."""


def run_code(program: Program, code: Code, command: Command, analysis: Analysis) -> bool:
    """Judge what an interpreter is given; False: its own rules decide."""
    if code.language == "shell" and (given := _shell_text(program, code, command)) is not None:
        started, _ = read_options(command.words[1:], program.takes, first_only=True)
        _loads(program, code, started, command, analysis)
        _text(given[0], program, code, command, analysis, list(given))
        return True
    takes = program.takes | frozenset(code.text) | ({code.module} if code.module else frozenset())
    options, used = read_options(
        command.words[1:], takes, style=program.style, first_only=code.script and not code.first
    )
    if shows_only(command.words[1 : 1 + used], ("-V",)):
        return False
    _loads(program, code, options, command, analysis)
    rest = list(command.words[1 + used :]) if code.script and not code.first else list(options.positional)
    texts = options.values(code.text)
    if len(texts) > MAX_TEXTS:
        why = f"more code for `{program.name}` than is read"
        finish(analysis.opaque(command.span, why, effects=(Effect.EXEC, Effect.UNKNOWN)), command, analysis)
        texts = texts[:MAX_TEXTS]
    for word in texts:
        _text(word, program, code, command, analysis, [word, *rest])
    if not texts and code.module and (module := options.values((code.module,))):
        return run_module(module[0], rest, program, command, analysis)
    return bool(texts) or _positional(rest, program, code, command, analysis, options)


def _positional(
    rest: list[Word], program: Program, code: Code, command: Command, analysis: Analysis, options: Options
) -> bool:
    """Judge an interpreter without code in its options: a first word of code, a file, the standard input."""
    if code.first and rest:
        _text(rest[0], program, code, command, analysis, rest)
        return False
    script = rest[0] if code.script and rest and rest[0].text not in _STDIN else None
    if script is None or (code.language == "shell" and "-s" in options.flags):
        return _from_stdin(program, code, command, analysis, options)
    if script.output is not None:
        source = Source(script.output, base=None, outer=script.span)
        read_text(source, code.language, command, analysis, program, rest)
        return True
    _script_file(script, rest, program, code.language, command, analysis)
    framework(script, tuple(rest[1:]), command, analysis)
    return True


_STDIN = frozenset({"-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})


def _shell_text(program: Program, code: Code, command: Command) -> tuple[Word, ...] | None:
    """Return the text rest a shell's `-c` with its arguments; for a shell `-c` takes no value of its own."""
    options, used = read_options(command.words[1:], program.takes - frozenset(code.text), first_only=True)
    rest = command.words[1 + used :]
    if rest and rest[0].text == "--":
        rest = rest[1:]
    return rest if rest and any(flag in options.flags for flag in code.text) else None


_LOADING = {
    "sql": ("-f", "--file", "-init", "--init-command", "--pager", "--defaults-file", "--defaults-extra-file",
            "--plugin-dir", "--login-path"),
    "shell": ("--rcfile", "--init-file"),
    "mongo": ("-f", "--file"),
    "javascript": ("-r", "--require", "--import", "--loader", "--experimental-loader", "--env-file"),
}  # fmt: skip
"""Options that load more code beside the text that is given."""
_READ_AS_CODE = (
    "--rcfile",
    "--init-file",
    "-f",
    "--file",
    "-init",
    "-r",
    "--require",
    "--import",
    "--loader",
    "--experimental-loader",
)
"""Those of them whose file is in the interpreter's own language."""


def _loads(program: Program, code: Code, options: Options, command: Command, analysis: Analysis) -> None:
    """Add what an interpreter loads or starts besides its text, so that harmless text hides none of it."""
    for word in options.values(_LOADING.get(code.language, ())):
        effects = (Effect.EXEC, Effect.UNKNOWN)
        why = f"reads commands or settings from {shown(word.text)}"
        draft = analysis.opaque(word.span, why, effects=effects)
        finish(draft, command, analysis)
        paths = list(spot_of(word, command.scope).paths)
        if word not in options.values(_READ_AS_CODE):
            draft.files += paths
        else:
            inner = command.rest(command.words, feed=None)
            _contents(draft, paths, (code.language, program, [word]), inner, analysis)
    if code.language == "sql":
        add_outputs(options, command, analysis)
    values = [word for found in options.flags.values() for word in found if word is not None]
    values = values if code.language == "sql" else []
    piped = [word for word in values if word.text.lstrip().startswith("|")]
    for word in piped:
        why = f"hands its output to {shown(word.text)}"
        finish(analysis.opaque(word.span, why, effects=(Effect.EXEC, Effect.UNKNOWN)), command, analysis)
        source = Source(word.text.lstrip(" |"), base=None, outer=word.span)
        analysis.script(analysis, source, command.scope.copy(), None, command.depth + 1)


def _text(
    word: Word, program: Program, code: Code, command: Command, analysis: Analysis, rest: list[Word]
) -> None:
    source = word.source or Source(word.text, base=None, outer=word.span)
    if not word.known:
        finish(
            analysis.opaque(word.span, f"code for `{program.name}` that is not known before it runs"),
            command,
            analysis,
        )
    read_text(source, code.language, command, analysis, program, rest)


def read_text(
    source: Source, language: str, command: Command, analysis: Analysis, program: Program, rest: list[Word]
) -> None:
    """Judge code in a language; shell is read again, the rest by `embedded`."""
    before = len(analysis.drafts)
    if language == "shell":
        scope = command.scope.copy()
        if rest:
            scope.positional = tuple(word.text if word.known else None for word in rest[2:])
            scope.variables["0"] = rest[1].text if rest[1:] and rest[1].known else None
        analysis.script(analysis, source, scope, command.feed, command.depth + 1)
    else:
        found = _found(source, language, program, command, analysis)
        if found.reads is not None:
            _reads(found.reads, source, program, command, analysis)
        _touches(found.touches, program, command, analysis)
        for nested in found.shell:
            analysis.script(analysis, nested, command.scope.copy(), None, command.depth + 1)
        analysis.drafts += found.drafts
    line = " ".join(word.text for word in command.words)[:1000]
    for draft in analysis.drafts[before:]:
        draft.attributes["nested"] = int(draft.attributes.get("nested", 0)) + 1
        draft.programs.append(line)
        if command.scope.machine:
            draft.attributes["machine"] = command.scope.machine
        for name, value in command.attributes.items():
            draft.attributes.setdefault(name, value)


def _runs_more(use: Use) -> bool:
    """Tell whether mongosh runs files beside its text, or goes on with what is typed; one word is a database."""
    files = use.positional[1:] or any(not word.known or word.text.endswith(_SCRIPTS) for word in use.positional)
    return bool(files) or bool(use.options.given("--shell"))


_SCRIPTS = (".js", ".mjs", ".mongodb")


def _found(source: Source, language: str, program: Program, command: Command, analysis: Analysis) -> Found:
    """Read code by its syntax, or where that is too much of it by its words."""
    if analysis.study(source.text):
        use = read_use(program, command)
        places = places_of(use)
        if language == "mongo" and _runs_more(use):
            language = "javascript"
        return embedded.read(source, language, program.name, analysis.context, places)
    return embedded.scanned(source, language, program.name)


def _reads(  # what a piece of code needs to be shown
    files: tuple[str, ...], source: Source, program: Program, command: Command, analysis: Analysis
) -> None:
    """Add code that was seen to do nothing but read and print."""
    words = [Word(name, head=name, span=source.whole()) for name in files]
    groups = touch_drafts([Touched(Verb.READ, word) for word in words], command.scope, analysis.context)
    if not groups:
        nowhere = Word("/dev/stdout", span=source.whole())
        groups = touch_drafts([Touched(Verb.LIST, nowhere)], command.scope, analysis.context)
    for group in groups:
        group.draft.operation = "code:inline"
        group.draft.resource = f"code:{program.name}" if not files else group.draft.resource
        group.draft.summary = f"runs `{program.name}` code that only reads and prints"
        group.draft.point(source.whole(), "code that only reads and prints")
        analysis.drafts.append(group.draft)
        finish(group.draft, command, analysis)


def _touches(touches: list[Touch], program: Program, command: Command, analysis: Analysis) -> None:
    """Add the files that a piece of code does something with."""
    for verb in dict.fromkeys(touch.verb for touch in touches):
        touched = [Touched(verb, word_of(touch), touch.recursive) for touch in touches if touch.verb is verb]
        for group in touch_drafts(touched, command.scope, analysis.context):
            group.draft.operation = f"code:{verb.value}"
            group.draft.summary = f"runs `{program.name}` code that {does(verb, group.shown)}"
            analysis.drafts.append(group.draft)
            finish(group.draft, command, analysis)


def framework(word: Word, arguments: tuple[Word, ...], command: Command, analysis: Analysis) -> None:
    """Add what a framework's script does with its arguments (`python manage.py flush`)."""
    base = posixpath.basename(word.text)
    program = analysis.context.catalogue.programs.get(base)
    if word.known and program is not None and program.script:
        head = Word(base, head=base, span=word.span)
        inner = command.rest((head, *arguments))
        apply_program(program, inner, analysis)


def _script_file(  # the script, its arguments, and what it is run with
    word: Word, rest: list[Word], program: Program, language: str, command: Command, analysis: Analysis
) -> None:
    """Run a file: `code:run`, bound by hash where it is visible."""
    for group in touch_drafts([Touched(Verb.RUN, word)], command.scope, analysis.context):
        draft = group.draft
        draft.operation = "code:run"
        draft.summary = f"runs the file {group.shown} with `{program.name}`; what it does is not seen here"
        if not word.known or word.text.startswith(("/dev/", "<(")) or word.text.startswith(("http:", "https:")):
            draft.effects.add(Effect.UNKNOWN)
            draft.unseen.append("the code that it runs")
        ran, draft.paths, draft.trees = draft.trees, [*draft.paths, *draft.trees], []
        draft.point(command.span, draft.summary)
        analysis.drafts.append(draft)
        finish(draft, command, analysis)
        _contents(draft, ran, (language, program, rest), command, analysis)


def _contents(
    draft: Draft,
    paths: list[str],
    how: tuple[str, Program, list[Word]],
    command: Command,
    analysis: Analysis,
) -> None:
    """Add what visible files do that are run in a language, by a program, with words (the file's name first)."""
    language, program, words = how

    def reader(path: str, _text: str) -> Read:
        return _reader(path, language, program, [words[0], *words], command)

    add_contents(draft, paths, command, analysis, reader)


def run_path(draft: Draft, paths: list[str], command: Command, analysis: Analysis, *, language: str = "") -> None:
    """Add what visible files do that are run by their path; without a `language` they say theirs themselves."""

    def reader(path: str, text: str) -> Read:
        spoken = language or language_of(path, text)
        name = _RUNS.get(spoken, "bash")
        program = analysis.context.catalogue.programs.get(name, Program(name))
        return _reader(path, spoken, program, [command.words[0], *command.words], command)

    add_contents(draft, paths, command, analysis, reader)


def _reader(path: str, language: str, program: Program, words: list[Word], command: Command) -> Read:
    def read(inner: Analysis, source: Source) -> None:
        if language == "shell":
            script, source = as_script(command, path, source)
            read_all(inner, source, lambda to, text: read_text(text, language, script, to, program, words))
        elif language == "powershell":
            _powershell(inner, source, command)
        else:
            read_text(source, language, command, inner, program, words)

    return read


def _powershell(inner: Analysis, source: Source, command: Command) -> None:
    """Read the text of a file of PowerShell, as a whole or not at all."""
    before = len(inner.drafts)
    head = Word("pwsh", head="pwsh", span=source.whole())
    option = Word("-command", head="-command", span=source.whole())
    text = Word(source.text, head=source.text, span=source.whole(), source=source)
    given = command.rest((head, option, text), span=source.whole(), feed=None)
    inner.powershell(given, inner.context.catalogue.programs.get("pwsh", Program("pwsh")), inner)
    if any(draft.operation == "shell:unread" for draft in inner.drafts[before:]):
        left_out(inner, "PowerShell that is too much to read")


_RUNS = {"shell": "bash", "python": "python3", "javascript": "node", "powershell": "pwsh", "other": "perl"}


_MODULE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


def run_module(word: Word, rest: list[Word], program: Program, command: Command, analysis: Analysis) -> bool:
    """Run `python -m NAME`: as the program of that name where the catalogue knows it, else as code."""
    index = next((i for i, item in enumerate(command.words) if item.span == word.span), len(command.words) - 1)
    catalogue = analysis.context.catalogue
    known = f"python:{word.text}" if f"python:{word.text}" in catalogue.programs else word.text
    if known in catalogue.programs and word.known:
        before = len(analysis.drafts)
        head = Word(known, head=known, span=word.span)
        analysis.run(command.rest((head, *command.words[index + 1 :])), analysis)
        for draft in analysis.drafts[before:]:
            draft.programs.append(" ".join(item.text for item in command.words)[:1000])
        return True
    draft = workspace_code(command, analysis, f"runs the Python module {shown(word.text)}")
    if word.known and _MODULE.fullmatch(word.text) and not command.scope.machine:
        path = word.text.replace(".", "/")
        files = [
            f"{cwd}/{path}{end}" for cwd in command.scope.cwds for end in (".py", "/__main__.py", "/__init__.py")
        ]
        _contents(draft, files, ("python", program, [word]), command.rest(command.words, feed=None), analysis)
    if not word.known:
        draft.effects.add(Effect.UNKNOWN)
        draft.unseen.append("the module that it runs")
    for item in rest:
        if " " in item.text or "(" in item.text:
            source = item.source or Source(item.text, base=None, outer=item.span)
            read_text(source, "python", command, analysis, program, [])
    return True


def workspace_code(command: Command, analysis: Analysis, summary: str) -> Draft:
    """Add an action for code that is found from the working directory and not seen."""
    context = analysis.context
    cwds = command.scope.cwds
    here = bool(cwds) and all(is_under(cwd, context.workspace) for cwd in cwds) and not command.scope.machine
    draft = Draft("code:run", f"project:{cwds[0]}" if cwds else "unknown:", effects={Effect.EXEC}, summary=summary)
    draft.environment = LOCAL if here else "unresolved"
    draft.inside_workspace = here
    draft.paths += cwds
    draft.point(command.span, summary)
    analysis.drafts.append(draft)
    finish(draft, command, analysis)
    return draft


def _from_stdin(program: Program, code: Code, command: Command, analysis: Analysis, options: Options) -> bool:
    """Judge an interpreter that reads its code from the standard input."""
    if not code.stdin:
        return False
    feed = command.feed
    if feed is not None and feed.text is not None:
        source = feed.source or Source(feed.text, base=None, outer=command.span)
        if source.text != feed.text and source.text != feed.text.rstrip("\n"):
            source = Source(feed.text, base=None, outer=source.whole())
        inner = command.rest(command.words, feed=None)
        read_text(source, code.language, inner, analysis, program, [])
        return True
    if feed is None and options.flags and not code.script:
        return False
    why = (
        f"`{program.name}` runs what it reads from {shown(feed.exec_label)}"
        if feed is not None
        else f"`{program.name}` runs what is typed into it later"
    )
    draft = analysis.opaque(command.span, why, effects=(Effect.EXEC, Effect.UNKNOWN))
    draft.operation = "code:stdin"
    finish(draft, command, analysis)
    if feed is not None and feed.paths:
        inner = command.rest(command.words, feed=None)
        _contents(draft, list(feed.paths), (code.language, program, [command.words[0]]), inner, analysis)
    return True
