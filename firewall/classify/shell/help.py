"""When a command only shows its help or its version, whatever else stands in the line.

INVARIANT: a `--help` that may be a value of the option before it (`helm uninstall x --description --help`), that
stands behind `--` or behind a word that may become one, or that a subcommand may read as an option of its own
(`gem yank x --version 1.0`) is no plea for help: the command runs.
"""

from collections.abc import Iterable, Sequence

from firewall.classify.shell.words import Word

_HELP = "--help"
_VERSION = "--version"


def shows_only(words: Sequence[Word], also: Iterable[str] = ()) -> bool:
    """Tell whether a program that is given these words (its own name left out) shows help or version and ends.

    `also` are more options by which this program does so, wherever they stand. `--version` counts in front of
    the first word that is no option: behind it, it is often which version a subcommand works on.
    """
    helping = frozenset((_HELP, *also))
    before: Word | None = None
    bare = False
    for word in words:
        if not word.known or word.text == "--":
            return False
        asks = word.text in helping or (word.text == _VERSION and not bare)
        if asks and not _may_take(before):
            return True
        bare = bare or not word.text.startswith("-")
        before = word
    return False


def _may_take(option: Word | None) -> bool:
    """Tell whether the word before may be an option that takes the next word as its value."""
    return option is not None and option.text.startswith("-") and "=" not in option.text
