"""`find`: what it looks for, what it deletes, what it runs for each."""

import re
from itertools import pairwise

from firewall.classify.draft import Draft
from firewall.classify.likely import globbed
from firewall.classify.paths import Spot
from firewall.classify.rows import Program, Verb
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.apply import add
from firewall.classify.shell.touches import Touched, spot_of, touch_drafts
from firewall.classify.shell.words import Word
from firewall.core.effect import Effect

MAX_ENDS = 24
_FIND_RUNS = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_FIND_WRITES = frozenset({"-fprint", "-fprint0", "-fprintf", "-fls"})
_REGENERABLE_NAMES = re.compile(
    r"\*?\.(?:pyc|pyo|class|o|obj|tsbuildinfo)|__pycache__|node_modules|\.pytest_cache|\.mypy_cache|\.ruff_cache|\*\.egg-info"
)


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
