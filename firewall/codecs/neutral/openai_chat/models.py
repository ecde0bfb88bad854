"""What models behind this dialect take, told from their names; compatible servers give their models any name.

Sources: https://developers.openai.com/api/docs/guides/reasoning, …/latest-model; the openai SDK 3.52. A name that
is none of OpenAI's gets the fields that every compatible server knows.
"""

import re
from dataclasses import dataclass

_OPENAI = re.compile(r"(?:^|/)(?:ft:)?(gpt-(\d)(?:\.(\d))?|chatgpt-|o[134](?:-|$))([\w.-]*)")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a model takes."""

    is_openai: bool = False
    """`max_completion_tokens` and a file by value; others know `max_tokens`."""
    reasons: bool = True
    """`reasoning_effort`; compatible servers pass it to the model's template, or over it."""
    samples: bool = True
    """`temperature` and its like at more than their defaults."""
    rests: bool = False
    """The effort `none`."""
    stretches: bool = False
    """The effort `xhigh`."""


def facts_of(model: str) -> Facts:
    """Return what a model takes, by its name (`gpt-6-sol`, `openai/gpt-5.4`, `qwen3-coder`, …)."""
    found = _OPENAI.search(model.lower())
    if found is None:
        return Facts()
    if found.group(1).startswith("o"):
        return Facts(is_openai=True, samples=False)
    version = (int(found.group(2) or 0), int(found.group(3) or 0))
    if version < (5, 0) or "chat" in found.group(4):
        return Facts(is_openai=True, reasons=False)
    return Facts(is_openai=True, samples=False, rests=version >= (5, 1), stretches=version >= (5, 2))
