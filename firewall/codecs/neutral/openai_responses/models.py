"""What models of OpenAI take, told from their names: they differ, and say so only in refusals.

Sources: https://developers.openai.com/api/docs/guides/reasoning, …/guides/latest-model (parameter compatibility).
A name of no known family is sent what was asked for: whoever serves other models under this API ignores the rest.
"""

import re
from dataclasses import dataclass

from firewall.codecs.neutral.form import Effort

_GPT = re.compile(r"(?:^|[/.:-])gpt-(\d+)(?:\.(\d+))?(?![\do])")
_OLD_REASONING = re.compile(r"(?:^|[/.:-])o[134](?:-|$)")
_LADDER = (Effort.NONE, Effort.MINIMAL, Effort.LOW, Effort.MEDIUM, Effort.HIGH, Effort.XHIGH)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a model takes."""

    reasons: bool = True
    """`reasoning`, and sealed reasoning in the answer."""
    samples: bool = True
    """`temperature`, `top_p`."""
    efforts: frozenset[Effort] = frozenset(_LADDER)

    def nearest(self, effort: Effort) -> Effort:
        """Return the level that it knows nearest to the wanted one; the lower of two."""
        if effort in self.efforts:
            return effort
        wanted = len(_LADDER) if effort is Effort.MAX else _LADDER.index(effort)
        known = [place for place, one in enumerate(_LADDER) if one in self.efforts]
        return _LADDER[min(known, key=lambda place: (abs(place - wanted), place))]


def facts_of(model: str) -> Facts:
    """Return what a model takes, by its name (`gpt-5.1`, `openai/gpt-4o-mini`, `o3`, …)."""
    name = model.lower()
    if _OLD_REASONING.search(name):
        return Facts(samples=False, efforts=frozenset({Effort.LOW, Effort.MEDIUM, Effort.HIGH}))
    found = _GPT.search(name)
    if found is None:
        return Facts(reasons="gpt-4o" not in name)
    version = (int(found.group(1)), int(found.group(2) or 0))
    if version < (5, 0) or "-chat" in name:
        return Facts(reasons=False)
    if version < (5, 1):
        return Facts(samples=False, efforts=frozenset({Effort.MINIMAL, Effort.LOW, Effort.MEDIUM, Effort.HIGH}))
    if version < (5, 2):
        return Facts(samples=False, efforts=frozenset({Effort.NONE, Effort.LOW, Effort.MEDIUM, Effort.HIGH}))
    return Facts(samples=False, efforts=frozenset(_LADDER) - {Effort.MINIMAL})
