"""Other ways to set a variable than `x=value`: what they set is not known afterwards."""

import re

from firewall.classify.shell.analysis import Command
from firewall.classify.shell.scope import Scope
from firewall.classify.shell.words import Word

_COMPUTED = re.compile(
    r"(?<!\w)([A-Za-z_]\w*+)(?:\[[^\]]*+\])?+\s*+(?:(?:[-+*/%&|^]|<<|>>)?=(?!=)|\+\+|--)|(?:\+\+|--)\s*([A-Za-z_]\w*)"
)
MAX_ARITHMETIC_CHARS = 4096
_NAME = re.compile(r"[A-Za-z_]\w*")
_DECLARING = frozenset({"declare", "typeset", "local", "export", "readonly"})
_NAMING = frozenset(
    {"read", "mapfile", "readarray", "getopts", "wait", "unset", "printf", "coproc", "select", "exec"}
)
"""Builtins that set variables named by their words."""


def forget_computed(text: str, scope: Scope) -> None:
    """Forget the variables that arithmetic sets (`((x = 1))`, `$((y++))`); of a long text, all."""
    if len(text) > MAX_ARITHMETIC_CHARS:
        scope.forget()
        return
    for match in _COMPUTED.finditer(text):
        scope.assign(match.group(1) or match.group(2), None)


def forget_set(command: Command) -> None:
    """Forget what a builtin sets; where the name of it is not known, everything."""
    name = command.name
    if name == "let":
        for word in command.words[1:]:
            forget_computed(word.text, command.scope)
    if name not in _DECLARING and name not in _NAMING and name != "let":
        return
    words = command.words[1:]
    if name == "printf":
        words = words[1:2] if words and words[0].text == "-v" else ()
    if name == "exec":
        words = tuple(word for word in words if word.text[:1] == "{")
    if not all(_is_name_known(word) for word in words):
        command.scope.forget()
    elif name not in _DECLARING:
        for word in words:
            if _NAME.fullmatch(word.text.strip("{}")):
                command.scope.assign(word.text.strip("{}"), None)


def _is_name_known(word: Word) -> bool:
    """Tell whether the name of what is set is known, whatever its value is."""
    return word.known or re.match(r"[A-Za-z_]\w*\+?=", word.head) is not None
