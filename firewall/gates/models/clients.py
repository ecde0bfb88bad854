"""What each agent program tolerates, measured with the real programs (docs/clients.md).

The client is named by its user agent: a claim, used only to choose keep-alives, patience and the status that it
takes as final; never a verdict.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

KEEPALIVE_S = 10.0
"""Codex needs a real event every 10 s; everybody else is content with it."""


@dataclass(frozen=True, slots=True)
class Client:
    """One agent program's habits."""

    name: str
    silent_s: int
    """How long it waits for headers before it gives up."""
    final_status: int
    """The status that it does not retry."""


CLIENTS = {
    "claude-code": Client("claude-code", silent_s=360, final_status=403),
    "codex": Client("codex", silent_s=420, final_status=400),
    "gemini-cli": Client("gemini-cli", silent_s=60, final_status=403),
    "opencode": Client("opencode", silent_s=300, final_status=403),
    "other": Client("other", silent_s=90, final_status=403),
}
_MARKS = (
    ("claude-cli/", "claude-code"),
    ("claude-code/", "claude-code"),
    ("codex_", "codex"),
    ("codex-", "codex"),
    ("geminicli", "gemini-cli"),
    ("gemini-cli", "gemini-cli"),
    ("opencode/", "opencode"),
)
_REMEMBERED = 256
SLACK_S = 10
"""We answer this much before a silent client would give up."""


def client_of(headers: Mapping[str, str]) -> Client:
    """Recognise the program from its user agent (Codex also says so in `originator`)."""
    agent, originator = headers.get("user-agent", ""), headers.get("originator", "")
    recognise = _recognised if len(agent) + len(originator) <= _REMEMBERED else _recognise
    return recognise(agent, originator)


def _recognise(agent: str, originator: str) -> Client:
    said = f"{agent} {originator}".lower()
    for mark, name in _MARKS:
        if mark in said:
            return CLIENTS[name]
    return CLIENTS["other"]


_recognised = lru_cache(maxsize=256)(_recognise)
"""The same, looked up once for each short name."""


def hold_seconds(client: Client, *, hold_s: int, is_streamed: bool) -> float:
    """Return how long a call may be held: a stream has keep-alives, a plain answer only the client's patience."""
    return float(hold_s if is_streamed else min(hold_s, client.silent_s - SLACK_S))
