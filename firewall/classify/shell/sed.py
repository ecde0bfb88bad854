"""`sed`: scripts that edit in place, write files or run commands."""

import re

from firewall.classify.draft import shown
from firewall.classify.rows import Program, Verb
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.apply import add, finish
from firewall.classify.shell.options import read_options
from firewall.classify.shell.touches import Touched, touch_drafts
from firewall.classify.shell.words import Word
from firewall.core.effect import Effect

MAX_SCRIPT_CHARS = 1500


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
