"""What somebody looks for in the log: read from a form's fields, and whether an entry is it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta

from firewall.console.explorer import words
from firewall.console.explorer.seen import RESOURCE, SESSION, Seen
from firewall.core.effect import Effect
from firewall.core.errors import ProtocolError
from firewall.settings.values import seconds

MOST_CHARS = 200
"""Characters of one field."""
MOST_WORDS = 16
VERDICTS = ("allow", "ask", "deny", "approved", "denied")
"""What a call was judged to be, and what people said."""
KNOWN = frozenset(
    {
        "actor",
        "environment",
        "effect",
        "resource",
        "verdict",
        "kind",
        "since",
        "until",
        "approval",
        "session",
        "text",
    }
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is looked for; what is empty or 0 is not asked."""

    actor: str = ""
    """A person, `person/agent`, a pseudonym, or a token's id."""
    environment: str = ""
    effect: str = ""
    resource: str = ""
    verdict: str = ""
    kind: str = ""
    """A kind, or the part before the dot: all of its kinds."""
    since: int = 0
    """Unix microseconds, the first that counts."""
    until: int = 0
    """Unix microseconds, the first that does not."""
    approval: str = ""
    session: str = ""
    text: str = ""

    @property
    def asked(self) -> tuple[str, ...]:
        """The names of the fields that are asked."""
        return tuple(one.name for one in fields(self) if getattr(self, one.name))

    @property
    def words(self) -> tuple[str, ...]:
        """Everything that an entry must say, as the index has it: words, its session, a resource."""
        found = words.asked(self.text)
        if self.actor.startswith("tok_"):
            found += words.asked(self.actor)
        if self.session:
            found += (SESSION + words.folded(self.session),)
        if self.resource:
            found += (RESOURCE + words.wanted(self.resource),)
        return found

    def is_kind(self, kind: str) -> bool:
        """Tell whether a kind is looked for."""
        return not self.kind or kind == self.kind or kind.startswith(self.kind + ".")


@dataclass(frozen=True, slots=True)
class Who:
    """What an actor's name stands for in the log."""

    principals: frozenset[str] = frozenset()
    subjects: frozenset[str] = frozenset()
    """Ids of keys: entries about somebody's agents are sealed under his."""


def read_wish(given: Mapping[str, str], now_us: int) -> Wish:
    """Read a form's fields; those that are unknown or empty are left out.

    Raises: ProtocolError `search_invalid` (400).
    """
    said = {name: value.strip() for name, value in given.items() if name in KNOWN and value.strip()}
    for name, value in said.items():
        if len(value) > MOST_CHARS or "\0" in value:
            raise _wrong(f"`{name}` has at most {MOST_CHARS} characters")
    times = {name: _instant(name, said.pop(name), now_us) for name in ("since", "until") if name in said}
    if said.get("effect", "") not in {"", *Effect}:
        raise _wrong(f"`effect` is one of {', '.join(Effect)}")
    if said.get("verdict", "") not in {"", *VERDICTS}:
        raise _wrong(f"`verdict` is one of {', '.join(VERDICTS)}")
    said["kind"] = said.get("kind", "").removesuffix("*").rstrip(".")
    wish = replace(Wish(**said), since=times.get("since", 0), until=times.get("until", 0))  # type: ignore[arg-type]  # texts
    if wish.text and not words.asked(wish.text):
        raise _wrong("`text` has no word that could be looked for")
    if len(wish.words) > MOST_WORDS:
        raise _wrong(f"`text` has at most {MOST_WORDS} words")
    if wish.resource and not words.wanted(wish.resource):
        raise _wrong("`resource` names nothing")
    return wish


def looked(wish: Wish, who: Who | None, seen: Seen) -> tuple[bool, bool]:
    """Return whether an entry is what is looked for, and whether it was looked at to its end.

    `who`: whom the wish's actor is, None where it names nobody.
    """
    if not _is_alike(wish, who, seen):
        return False, True
    wanted = frozenset(wish.words)
    if not wanted:
        return True, True
    rest, is_all = seen.lacking(wanted)
    return not rest, is_all or not rest


def _is_alike(wish: Wish, who: Who | None, seen: Seen) -> bool:
    if (wish.since and seen.at < wish.since) or (wish.until and seen.at >= wish.until):
        return False
    plain = (
        wish.is_kind(seen.kind)
        and wish.approval in ("", seen.approval)
        and wish.environment in ("", seen.environment)
        and wish.verdict in ("", seen.verdict)
        and (not wish.effect or wish.effect in seen.effects)
    )
    if not plain:
        return False
    return who is None or seen.principal in who.principals or seen.subject in who.subjects


def _instant(name: str, text: str, now_us: int) -> int:
    """Return unix microseconds of a day, an instant with an offset, or a time ago such as `7d`."""
    try:
        if len(text) == len("2026-12-24") and text[4] == "-":
            day = datetime.combine(date.fromisoformat(text), time(), UTC)
            return _us(day + timedelta(days=1) if name == "until" else day)
        if text[0].isdigit() and text[-1] in "smhd":
            return now_us - seconds(text) * 1_000_000
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise _when(name) from error
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return _us(found)


def _us(at: datetime) -> int:
    return max(1, int(at.timestamp() * 1_000_000))


def _when(name: str) -> ProtocolError:
    return _wrong(f"`{name}` is a day, an instant or a time ago: 2026-12-24, 2026-12-24T18:00Z, 7d")


def _wrong(words_: str) -> ProtocolError:
    return ProtocolError(words_, code="search_invalid")
