"""The word list: what teams put into an agent's settings or a hook before they have anything better.

It reads the text as it stands, in any language, and knows only "stop" and "go". It was put together from the
commands and verbs that such lists name, and made as good as a list gets: word boundaries, options in any order.
"""

import re

_PATTERNS = (
    r"\brm\s+(?:-\S+\s+)*-\w*[rf]",
    r"\b(?:shred|mkfs(?:\.\w+)?|wipefs|fdisk|blkdiscard)\b",
    r"\bdd\b.*\bof=/dev/",
    r"\bgit\s+push\b.*(?:--force|\s-f\b|--mirror|--delete)",
    r"\bgit\s+reset\s+--hard",
    r"\bgit\s+clean\s+-\w*[fdx]",
    r"\bgit\s+(?:checkout|restore)\s+(?:--\s+)?\.",
    r"\bgit\s+branch\s+-D",
    r"\bgit\s+stash\s+(?:drop|clear)",
    r"\bfind\b.*\s-delete\b",
    r"\brsync\b.*\s--delete",
    r"\b(?:drop|truncate)\s+(?:table|database|schema|index|view|collection|user|role)\b",
    r"\btruncate\b",
    r"\bdelete\s+from\b",
    r"\bflush(?:all|db)\b",
    r"\bdropdb\b|\bdrop(?:database|collection|_table|-)",
    r"\bsystem\s+prune\b|\bvolume\s+(?:rm|prune)\b|\bdown\s+(?:-v|--volumes)\b",
    r"(?:^|[\s_:\"{/.-])(?:delete|destroy|remove|purge|wipe|terminate|uninstall)(?:s|d)?(?:$|[\s_:\"(A-Z/-])",
    r"(?<=[a-z])(?:Delete|Destroy|Remove|Purge|Wipe|Terminate)\b",
    r"(?:rmtree|unlink|rmSync|rmdir|removedirs)\b",
    r"\"method\":\s*\"DELETE\"",
)
_LIST = [re.compile(pattern, 0 if "[a-z])" in pattern else re.IGNORECASE) for pattern in _PATTERNS]


def stops(text: str) -> bool:
    """Tell whether a word of the list stands in the text."""
    return any(pattern.search(text) for pattern in _LIST)
