"""Operations that no rule names, read by the words of the program's own command tree (`volumes delete vol_1`)."""

import re
from collections.abc import Sequence

from firewall.classify.catalogue import Words
from firewall.classify.names import effects_of_names
from firewall.classify.rows import Program, Rule
from firewall.classify.shell.options import Options
from firewall.classify.shell.words import Word
from firewall.core.effect import Effect

MAX_WORDS = 4
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_:-]*")
_DRY = ("--dry-run", "--dryrun", "--what-if")


def judge_verbs(positional: Sequence[Word], options: Options, program: Program, words: Words) -> Rule | None:
    """Return a rule read from the operation's own words; None when they say nothing."""
    names = [word.text for word in positional[:MAX_WORDS] if word.known and _NAME.fullmatch(word.text)]
    found = effects_of_names(names, words)
    if not found:
        return None
    line = f"`{program.name} {' '.join(names)}`"
    if any(flag in options.flags for flag in _DRY) and Effect.DESTRUCTIVE not in found:
        return Rule(effects=(Effect.READ,), summary=f"{line} shows what it would do")
    if Effect.DESTRUCTIVE in found:
        return Rule(effects=tuple(found), summary=f"{line} removes what it names; no undo that we know of")
    if found == {Effect.READ}:
        return Rule(effects=(Effect.READ,), summary=f"{line} only reads")
    if Effect.SECRET in found:
        return Rule(effects=tuple(found), summary=f"{line} shows credentials")
    return Rule(effects=tuple(found), summary=f"{line} changes what it names")
