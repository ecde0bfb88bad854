"""Brackets that would keep a grammar busy: counted before a text is parsed, quotes and comments not looked at."""

import re

MAX_OPEN = 100
"""Brackets open within each other; deeper than what any reader follows."""
MAX_STRAY = 60
"""Closing brackets that close nothing: the grammars take long to get over them."""
BRACES = re.compile(r"[(){}]")
EVERY = re.compile(r"[(){}\[\]]")


def unbalanced(text: str, brackets: re.Pattern[str]) -> bool:
    """Tell whether more brackets stand within each other, or close nothing, than anybody writes."""
    depth = stray = 0
    for found in brackets.finditer(text):
        if found[0] in "({[":
            depth += 1
        elif depth:
            depth -= 1
        else:
            stray += 1
        if depth > MAX_OPEN or stray > MAX_STRAY:
            return True
    return False
