"""Templates of pages: every string on a page is escaped, and its hidden characters are spelled out, here. Pure."""

import jinja2
from markupsafe import Markup, escape

from firewall.approvals.text import visible
from firewall.console.words import STATUS_WORDS
from firewall.core.approval import ApprovalStatus


def environment() -> jinja2.Environment:
    """Return what renders our templates; a name that a template misses is an error."""
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("firewall.console", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    found.filters.update(
        moment=_moment, lasting=_lasting, prose=_prose, coded=_coded, called=_called, amount=_amount
    )
    return found


def _finalize(value: object) -> object:
    # Every string on a page goes through here, so that none with a hidden character can be forgotten.
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _prose(text: str) -> Markup:
    """Show a sentence of ours: its first letter large, code between backticks, hidden characters spelled out."""
    plain = visible(text)
    return _coded(plain[:1].upper() + plain[1:])


def _coded(text: str) -> Markup:
    """Show a text of ours: code between backticks, hidden characters spelled out."""
    plain = visible(text)
    parts = plain.split("`")
    if len(parts) % 2 == 0:  # a name with a backtick in it: nothing is guessed
        return escape(plain)
    code = Markup("<code>{}</code>")
    return Markup("").join(code.format(part) if index % 2 else escape(part) for index, part in enumerate(parts))


def _called(status: str) -> str:
    """Return what a status is called on the approval's own page."""
    return "waiting" if status == ApprovalStatus.PENDING else STATUS_WORDS[ApprovalStatus(status)][0].lower()


def _lasting(seconds: float) -> str:
    """Return how long something took, in the two units that people would say it in."""
    whole = int(seconds)
    if whole < 120:
        return f"{seconds:g} s"
    for unit, size, smaller, step in (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // step
            return f"{whole // size} {unit} {rest} {smaller}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


def _amount(count: int) -> str:
    """Show a number as people read it, as `3,912,345`."""
    return f"{count:,}"


def _moment(text: str) -> str:
    """Show an instant as people read it, with its zone."""
    return text.replace("T", " ").replace("Z", " UTC").replace("+00:00", " UTC")
