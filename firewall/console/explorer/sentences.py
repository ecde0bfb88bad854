"""What a list says of an entry: a sentence, and who did it. Pure."""

from collections.abc import Mapping, Sequence

from firewall.console.explorer.seen import Seen
from firewall.console.happened import happened

CHARS = 200
_DOES = "summary"
"""Says by itself what a call does."""
_TOLD = ("reason", "why", "line", "detail", "model", "provider", "route", "host", "tools")
"""Fields of a sealed part that say best what an entry is about, the best first; who it was stands beside.

They stand behind what happened: a person's reason alone would read as what the entry says.
"""


def sentence(seen: Seen) -> str:
    """Return what an entry says best, else words for its kind, with whom it is about and who did it."""
    private = seen.private or {}
    actions = private.get("actions")
    first = actions[0] if isinstance(actions, Sequence) and actions and isinstance(actions[0], Mapping) else {}
    for name in (_DOES, *_TOLD):
        for place in (first, private):
            said = _text(place, name)
            if said:
                return (said if name == _DOES else f"{happened(seen.kind, seen.data)}: {said}")[:CHARS]
    by = _text(private, "by")
    about = _text(private, "holder") or (_text(private, "name") if by else "")
    by = by if seen.principal else ""  # it stands beside where no agent does
    return f"{happened(seen.kind, seen.data)}{f': {about}' if about else ''}{f', by {by}' if by else ''}"[:CHARS]


def who(seen: Seen, names: Mapping[str, str]) -> str:
    """Return who did it, or whose agent: `person/agent`; a pseudonym where nobody knows whose it is."""
    private = seen.private or {}
    known = names.get(seen.principal)
    if known:
        return known
    agent, owner = _text(private, "agent"), _text(private, "owner")
    if owner:
        return f"{owner}/{agent}" if agent else owner
    return _text(private, "by") or _text(private, "name") or seen.principal


def _text(place: Mapping[str, object], name: str) -> str:
    said = place.get(name)
    return said if isinstance(said, str) else ""
