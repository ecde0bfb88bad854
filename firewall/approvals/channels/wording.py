"""What channels say, in words that no channel can take for anything but words. Pure.

Operations and environments are partly foreign words: an MCP server names its tools, an agent names a program. Only
letters, digits and a few marks that mean nothing to Slack, Teams or a mail reader stay as they are; everything
else is spelled by its number, and dots are set in brackets so that nothing becomes a link.
"""

import re
from datetime import UTC, datetime

from firewall.approvals.text import spelled
from firewall.core.action import UNRESOLVED
from firewall.core.approval import ApprovalStatus
from firewall.core.notice import Message, Notice, Opened, Reminded, Seen, Settled

NAME_CHARS = 60
"""How much of a name is shown."""
SHOWN = 3
"""How many operations are named."""
UNKNOWN_PLACE = "a place that nobody can name, so it may be production"
"""Said where it is unresolved what a call reaches."""
_STRANGE = re.compile(r"[^A-Za-z0-9:_/ -]")
_ENDINGS = {
    ApprovalStatus.APPROVED: "was approved",
    ApprovalStatus.CONSUMED: "was approved",
    ApprovalStatus.DENIED: "was denied",
    ApprovalStatus.EXPIRED: "has expired undecided",
    ApprovalStatus.CANCELLED: "was withdrawn",
}


def named(text: str) -> str:
    """Return a foreign name as words that no channel reads as markup, a link or a call to everybody."""
    cut = text[:NAME_CHARS].replace("//", "/ /")
    shown = _STRANGE.sub(lambda found: "[.]" if found[0] == "." else spelled(found[0]), cut)
    return (" ".join(shown.split()) or "unnamed") + (" (cut)" if len(text) > NAME_CHARS else "")


def quoted(text: str) -> str:
    """Return a foreign name in quotes, which it cannot end: its own are spelled. None reads as words of ours."""
    shown = named(text)
    name = shown.removesuffix(" (cut)")
    return f'"{name}"{shown[len(name) :]}'


def operations(notice: Notice) -> str:
    """Return what would be done, at most SHOWN names."""
    names = list(dict.fromkeys(map(quoted, notice.operations)))
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}" if names else "a call"


def sentence(notice: Notice, *, is_over: bool = False) -> str:
    """Return in one sentence what will happen, without an argument; `is_over`: nobody is asked any more."""
    effects = ", ".join(map(named, notice.effects)) or "unknown"
    return f"An agent {'asked' if is_over else 'asks'} for {operations(notice)} in {place(notice)}: {effects}."


def told(message: Opened | Reminded | Seen | Settled) -> str:
    """Return the sentence of a message: what an agent asks for, of one that has ended what it asked for."""
    return sentence(message.notice, is_over=isinstance(message, Settled))


def mark(message: Opened | Reminded | Seen | Settled) -> str:
    """Return which approval it is, and until when it can be decided, where it still can."""
    notice = message.notice
    return notice.id if isinstance(message, Settled) else f"{notice.id}, until {until(notice)}"


def place(notice: Notice) -> str:
    """Return where it would happen; what is unresolved is said in words."""
    return UNKNOWN_PLACE if notice.environment == UNRESOLVED else quoted(notice.environment)


def until(notice: Notice) -> str:
    """Return the end of its time."""
    return f"{datetime.fromtimestamp(notice.expires_at / 1e6, UTC):%Y-%m-%d %H:%M} UTC"


def ending(message: Settled) -> str:
    """Return how it ended: `was denied`."""
    return _ENDINGS.get(message.status, "waits no more")


def headline(message: Message) -> str:
    """Return what a message says first, in a few words."""
    match message:
        case Opened():
            return "Somebody has to decide"
        case Reminded():
            return "Still nobody has decided"
        case Settled():
            return f"This {ending(message)}"
        case _:
            return "Stayhand"
