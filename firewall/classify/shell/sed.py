"""`sed`: scripts that edit in place, write files or run commands."""

from dataclasses import dataclass, field

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
    if scripts:
        _sed_script(scripts, command, analysis)
    if options.loose is not None and not in_place:
        finish(
            analysis.opaque(options.loose.span, f"options of sed that {shown(options.loose.text)} may add"),
            command,
            analysis,
        )
    return True


def _sed_script(words: list[Word], command: Command, analysis: Analysis) -> None:
    """Judge scripts, which sed joins by lines."""
    text = "\n".join(word.text for word in words)
    span = (words[0].span[0], words[-1].span[1])
    if len(text) > MAX_SCRIPT_CHARS:
        finish(analysis.opaque(span, "a sed script that is too long to read"), command, analysis)
        return
    found = read_script(text)
    for name in found.writes:
        for group in touch_drafts(
            [Touched(Verb.OVERWRITE, Word(name, span=span))], command.scope, analysis.context
        ):
            if not group.is_void:
                add(group, command, analysis, "shell:sed", "writes over {path}")
    known = all(word.known for word in words)
    if found.runs or not known:
        draft = analysis.opaque(span, "a sed script that may run commands", effects=(Effect.EXEC, Effect.UNKNOWN))
        if not known and not found.runs:
            draft.effects = {Effect.UNKNOWN}
        finish(draft, command, analysis)


@dataclass(slots=True)
class Script:
    """What a sed script does besides editing."""

    writes: list[str] = field(default_factory=list)
    runs: bool = False


def read_script(text: str) -> Script:
    """Read a sed script command by command (GNU sed 4.9, "sed scripts"); one step for each character."""
    found = Script()
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == "/" or (char == "\\" and at < len(text)):
            mark = "/" if char == "/" else text[at]
            at = _behind(text, at if char == "/" else at + 1, mark)
        elif char in "sy":
            at = _substitute(text, at, found, is_s=char == "s")
        elif char in "wWrR":
            end = _line_end(text, at)
            found.writes += [text[at:end].strip()] if char in "wW" and text[at:end].strip() else []
            at = end
        elif char in "aic#:bTt":
            at = _line_end(text, at) if char in "aic#" else _label_end(text, at)
        elif char == "e":
            found.runs = True
            at = _line_end(text, at)
    return found


def _behind(text: str, at: int, mark: str) -> int:
    """Return the offset behind the next mark that is not escaped, outside of a bracket expression."""
    bracket = False
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 1
        elif char == "[" and not bracket and mark != "[":
            bracket = "]" in text[at + 2 : at + 64]
        elif char == "]":
            bracket = False
        elif char == mark and not bracket:
            return at + 1
        at += 1
    return at


def _substitute(text: str, at: int, found: Script, *, is_s: bool) -> int:
    """Read `s/a/b/flags` or `y/a/b/` behind its letter."""
    if at >= len(text):
        return at
    mark = text[at]
    at = _plain_behind(text, _behind(text, at + 1, mark) if is_s else _plain_behind(text, at + 1, mark), mark)
    while is_s and at < len(text) and text[at] in "0123456789gpiIMmewE":
        if text[at] == "e":
            found.runs = True
        if text[at] == "w":
            end = _line_end(text, at)
            found.writes += [text[at + 1 : end].strip()] if text[at + 1 : end].strip() else []
            return end
        at += 1
    return at


def _plain_behind(text: str, at: int, mark: str) -> int:
    """Return the offset behind the next mark that is not escaped; brackets mean nothing there."""
    while at < len(text) and text[at] != mark:
        at += 2 if text[at] == "\\" else 1
    return at + 1


def _line_end(text: str, at: int) -> int:
    """Return the offset of the end of the line, continued lines included."""
    while at < len(text) and text[at] != "\n":
        at += 2 if text[at] == "\\" else 1
    return min(at, len(text))


def _label_end(text: str, at: int) -> int:
    while at < len(text) and text[at] not in "\n;}":
        at += 1
    return at
