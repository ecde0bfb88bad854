"""Operations that no rule names, read by the words of the program's own command tree (`volumes delete vol_1`)."""

import re
from collections.abc import Sequence

from firewall.classify.catalogue import Words
from firewall.classify.names import effects_of_names
from firewall.classify.phrases import command_does, verbs_of
from firewall.classify.rows import Program, Rule
from firewall.classify.shell.options import Options
from firewall.classify.shell.words import Word
from firewall.core.effect import Effect

MAX_WORDS = 4
_DEEPEST = 7
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_:-]*")
_NAMES = ("--name", "-n", "--id", "--ids")
_DRY = ("--dry-run", "--dryrun", "--what-if")


def judge_verbs(positional: Sequence[Word], options: Options, program: Program, words: Words) -> Rule | None:
    """Return a rule read from the operation's own words; None when they say nothing."""
    near, far = positional[:MAX_WORDS], positional[MAX_WORDS:_DEEPEST]
    names = [word.text for word in near if word.known and _NAME.fullmatch(word.text)]
    names += [word.text for word in far if word.known and word.text in verbs_of(words)]
    found = effects_of_names(names, words)
    if not found:
        return None
    line = f"`{program.name} {' '.join(names)}`"
    if options.lowers(_DRY) and Effect.DESTRUCTIVE not in found:
        return Rule(effects=(Effect.READ,), summary=f"{line} shows what it would do")
    if found == {Effect.READ}:
        return Rule(effects=(Effect.READ,), summary=f"{line} only reads")
    told = phrase(program.name, positional, options, words)
    default = "removes what it names" if Effect.DESTRUCTIVE in found else "changes what it names"
    if Effect.SECRET in found:
        return Rule(effects=tuple(found), summary=f"{told or line}, which shows credentials")
    return Rule(effects=tuple(found), summary=told or f"{line} {default}")


def phrase(program: str, positional: Sequence[Word], options: Options, words: Words) -> str:
    """Return what a command line's words say: "deletes sql instance `shop-db` with `gcloud`"; empty: nothing."""
    names = [word.text for word in positional[: MAX_WORDS + 1] if word.known]
    named = next((word.text for word in options.values(_NAMES) if word.known), "")
    return command_does(program, names, verbs_of(words), losing=words.destructive, named=named)
