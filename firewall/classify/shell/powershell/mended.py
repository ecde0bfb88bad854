"""What PowerShell takes and the grammar does not, written so that it does, in as many characters.

The grammar stops at bare words in a list (`Remove-Item dist, build`), at a statement right behind `param(…)` and
at a second clause of `switch` on one line. INVARIANT: no character moves, strings and comments stay as they are,
and who asks takes the result only where all of it parses.
"""

import re

LISTED = "\x01"
"""Stands for the commas between bare words, and the spaces around them."""
MAX_CHARS = 2048
_PIECE = re.compile(
    r"""(?P<kept>@'\n(?:[\s\S]*?\n'@|[\s\S]*)|@"\n(?:[\s\S]*?\n"@|[\s\S]*)|'(?:[^']|'')*'|"(?:[^"`]|`[\s\S])*"|"""
    r"""<\#(?:[\s\S]*?\#>|[\s\S]*)|(?<!\S)\#[^\n]*)|"""
    r"""(?P<list>(?<![^\s|;{(])[\w.*?/\\~:-]+(?:[ \t]*,[ \t]*[\w.*?/\\~:-]+)+(?![^\s|;})]))|"""
    r"""(?P<param>(?<![\w$-])param[ \t]*\([^()'"]*(?:\([^()'"]*\)[^()'"]*)*\))(?P<gap>[ \t])(?=[^\s)}])|"""
    r"""(?P<clause>\})(?P<space>[ \t])(?!else|catch|finally|while|until)(?=(?:'[^'\n]*'|[\w.*]+)[ \t]*\{)""",
    re.IGNORECASE,
)
_COMMA = re.compile(r"(?<![ \t])[ \t]*+,[ \t]*+")


def mended(text: str) -> str | None:
    """Return the text as the grammar takes it; None where there is nothing to mend."""
    if len(text) > MAX_CHARS or LISTED in text:
        return None
    changed = _PIECE.sub(_put, text)
    return changed if changed != text else None


def _put(match: re.Match[str]) -> str:
    if match.group("list") is not None:
        return _COMMA.sub(lambda comma: LISTED * len(comma.group()), match.group())
    if match.group("param") is not None:
        return f"{match.group('param')}\n"
    return "}\n" if match.group("clause") is not None else match.group()
