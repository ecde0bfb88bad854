"""Text that is aimed at the model that reads it: found by what it says, reported, never acted upon.

A signal of weight two is hardly ever a manual, a log or a talk about models; of the others two different ones must
meet. INVARIANT: what is found here is only told; nothing is allowed or refused by it.
Text is read with what hides in it taken away, full-width letters made plain, and without regard to case.
"""

import re
from dataclasses import dataclass

from firewall.classify.content.inert import smuggled, without_hidden
from firewall.classify.content.signals import SIGNALS
from firewall.classify.content.sought import Sought
from firewall.core.folding import normal

MOST_CHARS = 256 << 10
"""Of a longer text both ends are read, half as much each."""
SHOWN_CHARS = 200
_ENOUGH = 2
_SMUGGLED = "smuggled"
_ESCAPED = re.compile(
    r"(?:[\x1b\u241b]\[|\x9b|\u27e6U\+009B\u27e7)[0-?]*[ -/]*[@-~]"
    r"|(?:[\x1b\u241b]\]|\x9d|\u27e6U\+009D\u27e7)[^\x07\u2407\x1b\u241b\x9d\u27e6\n]{0,4096}(?:[\x07\u2407]|[\x1b\u241b]\\)"
)
"""Sequences that drive a terminal (ECMA-48: CSI, OSC), as they came or made inert: they part no words."""
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1b\x7f\u2400-\u2408\u240e-\u241b\u2421]")
"""Likewise single ones; what separates lines stays."""
_ANY = Sought(word for signal in SIGNALS for word in signal.words.words)
_ASCII_CONTROLS = bytes([*range(9), *range(0x0E, 0x1C), 0x7F])
"""Those of them within ASCII, with what every sequence begins with there."""


@dataclass(frozen=True, slots=True)
class Aimed:
    """Why a text is taken to be aimed at the model."""

    signals: tuple[str, ...]
    excerpt: str
    """Where the first of them was found."""


def aimed(text: str) -> Aimed | None:
    """Return why a text is aimed at the model, None where it is not."""
    plain = _plain(text)
    found: list[str] = []
    weight, excerpt = 0, ""
    for signal in SIGNALS if _ANY.stands_in(plain) else ():
        if not signal.words.stands_in(plain):
            continue
        match = signal.search(plain)
        if match is None:
            continue
        found.append(signal.name)
        weight += signal.weight
        excerpt = excerpt or plain[max(0, match.start() - 40) : match.start() + SHOWN_CHARS - 40]
    hidden = "" if text.isascii() else smuggled(text[: MOST_CHARS * 2])
    if sum(map(str.isalpha, hidden)) >= 8:
        return Aimed((_SMUGGLED, *found), hidden[:SHOWN_CHARS].strip())
    return Aimed(tuple(found), excerpt.strip()) if weight >= _ENOUGH else None


def _is_bare(text: str) -> bool:
    """Tell at once that a text drives no terminal: the patterns look at every character, one by one."""
    if not text.isascii():
        return False
    data = text.encode()
    return len(data.translate(None, _ASCII_CONTROLS)) == len(data)


def _plain(text: str) -> str:
    if len(text) > MOST_CHARS:
        text = f"{text[: MOST_CHARS // 2]}\n{text[-MOST_CHARS // 2 :]}"
    if not _is_bare(text):
        text = _CONTROLS.sub("", _ESCAPED.sub("", text))
    if not text.isascii():
        text = normal(without_hidden(text), "NFKC").replace("\u2019", "'")
    lines = (" ".join(line.split()) for line in text.lower().splitlines())
    return "\n".join(line for line in lines if line)
