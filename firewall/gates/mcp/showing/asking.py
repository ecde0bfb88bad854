"""What servers ask of clients by themselves: their model, their user, their folders. Pure; refused by default.

INVARIANT: nothing that a server asks makes a client give away what its user has not seen: forms that ask for
secrets, prompts that take other servers' context along and addresses that run something are refused, whatever is
allowed.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from firewall.classify.content.inert import inert
from firewall.classify.content.instructions import aimed
from firewall.codecs.mcp.messages import at
from firewall.gates.mcp import forms
from firewall.gates.mcp.pinning.suspicion import texts_of

KINDS: Mapping[str, str] = {
    "sampling/createMessage": "sampling",
    "elicitation/create": "elicitation",
    "roots/list": "roots",
}
NOTICES = frozenset(
    {
        "notifications/message",
        "notifications/progress",
        "notifications/cancelled",
        "notifications/tools/list_changed",
        "notifications/prompts/list_changed",
        "notifications/resources/list_changed",
        "notifications/resources/updated",
        "notifications/elicitation/complete",
        "notifications/subscriptions/acknowledged",
    }
)
"""What servers may say by themselves; all else is dropped, also how tasks stand: it names servers' own ids."""
_SECRET = re.compile(
    r"\b(?:pass ?(?:word|phrase|code)s?|secrets?|api ?keys?|access ?tokens?|auth(?:entication)? tokens?"
    r"|private keys?|credentials?|card numbers?|cvv|cvc|pin code|seed phrase|social security)\b|\btoken\b",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[_\-.]|(?<=[a-z])(?=[A-Z])")


ASKED = "stayhand_approval"
"""The name of our own question among `inputRequests`: no server's may have it."""


def is_declared(method: str, params: Mapping[str, object], capabilities: Mapping[str, object]) -> bool:
    """Tell whether a client said that it can be asked this; an elicitation without a mode is a form."""
    can = capabilities.get(KINDS.get(method, ""))
    if not isinstance(can, dict):
        return False
    return method != "elicitation/create" or not can or params.get("mode", "form") in can


def objection(method: str, params: Mapping[str, object], allowed: tuple[str, ...]) -> str:
    """Return why a request of a server's is not passed on, as a word of the log; empty: it may be."""
    kind = KINDS.get(method)
    if kind is None:
        return "unknown-request"
    if kind not in allowed:
        return f"{kind}-not-allowed"
    if "task" in params:
        return f"{kind}-as-task"
    if kind == "sampling":
        return _sampling(params)
    return _elicitation(params) if kind == "elicitation" else ""


def _sampling(params: Mapping[str, object]) -> str:
    if params.get("includeContext", "none") != "none":
        return "sampling-with-context"
    if params.get("tools"):
        return "sampling-with-tools"
    return "sampling-aimed" if aimed("\n".join(texts_of(dict(params)))) is not None else ""


def _elicitation(params: Mapping[str, object]) -> str:
    if params.get("mode", "form") == "url":
        return "" if _is_harmless(params.get("url")) else "elicitation-address"
    if params.get("mode", "form") != "form":
        return "elicitation-mode"
    if not forms.is_readable(params):
        return "elicitation-schema"
    wanted = at(params, ["requestedSchema", "properties"])
    texts = [_WORDS.sub(" ", text) for text in (*texts_of(wanted), *texts_of(params.get("message")))]
    return "elicitation-secret" if any(_SECRET.search(text) for text in texts) else ""


def _is_harmless(url: object) -> bool:
    """Tell whether an address is one that a browser opens and nothing else: https, a host, nothing hidden."""
    if not isinstance(url, str) or not url.isascii() or inert(url).hidden or any(char.isspace() for char in url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and bool(parts.hostname) and parts.username is None
    except ValueError:
        return False
