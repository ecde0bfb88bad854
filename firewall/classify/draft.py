"""Actions while they are being put together, and spans that lead back into the text that was judged."""

import re
from dataclasses import dataclass, field

from firewall.classify.sentences import MAX_SUMMARY_CHARS, sentence
from firewall.core.action import (
    Action,
    Attribute,
    Confidence,
    Evidence,
    action_of,
    evidence_of,
    reach_of,
    with_effects,
)
from firewall.core.effect import Effect
from firewall.core.fast_init import fast_init, maker
from firewall.core.thing import Thing

MAX_REACH = 64
_NO_UNDO = re.compile(r"; no undo(?: that we know of)?\b")
SECRET_NOTE = "a file that usually holds credentials"  # noqa: S105 - words for people
PRIVILEGE_NOTE = "a file that configures agents, hooks, shells, editors, CI, git or access"


@fast_init
@dataclass(frozen=True, slots=True)
class Source:
    """A piece of text on its way through the readers, and where it stands in the judged text."""

    text: str
    base: int | None = 0
    """Offset in the judged text when it stands there character for character; None: decoded or joined."""
    outer: tuple[int, int] = (0, 0)
    """Span of the judged text that it came from, used when `base` is None."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span in the judged text for offsets into `text`."""
        if self.base is None:
            return self.outer
        return self.base + start, self.base + end

    def whole(self) -> tuple[int, int]:
        """Return the span of everything."""
        return self.span(0, len(self.text))

    def part(self, text: str, start: int, end: int) -> "Source":
        """Return text found at offsets: character for character where it is, else as a whole."""
        if self.base is not None and self.text[start:end] == text:
            return Source(text, base=self.base + start)
        return Source(text, base=None, outer=self.span(start, end))


@dataclass(slots=True)
class Draft:
    """One action in the making."""

    operation: str
    resource: str = "unknown:"
    environment: str = "unresolved"
    effects: set[Effect] = field(default_factory=set)
    summary: str = ""
    undo: str = ""
    suggest: str = ""
    inside_workspace: bool = False
    evidence: list[Evidence] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    trees: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    programs: list[str] = field(default_factory=list)
    signals: list[str] = field(default_factory=list)
    reached: list[str] = field(default_factory=list)
    """Paths that the files which it runs name: reached, though not by the command itself."""
    attributes: dict[str, Attribute] = field(default_factory=dict)
    given: list[tuple[str, str]] = field(default_factory=list)
    """The plain arguments of a request's operation, by dotted name: what they name is looked up by resolvers."""
    by_name: bool = False
    """Read by the words of its name or by what is published about it, not by a rule of ours."""
    own_way: bool = False
    """Of a text that an MCP tool was handed: it goes to a place of its own, not through the tool's server."""

    def point(self, span: tuple[int, int], note: str) -> None:
        """Add evidence; empty spans are left out."""
        if span[1] > span[0] and len(self.evidence) < MAX_REACH:
            self.evidence.append(evidence_of(span[0], span[1], note))

    def _told(self, undo: str) -> str:
        """Return the summary with what a reader in a hurry must not miss."""
        notes = {item.note for item in self.evidence}
        told = _NO_UNDO.sub("", self.summary) if undo and Effect.DESTRUCTIVE not in self.effects else self.summary
        if told and Effect.SECRET in self.effects and SECRET_NOTE in notes and "credential" not in told:
            told += "; this file usually holds credentials"
        if told and Effect.PRIVILEGE in self.effects and PRIVILEGE_NOTE in notes and "configures" not in told:
            told += "; this file configures agents, hooks, shells, editors, CI, git or access"
        told = sentence(
            told or f"does `{self.operation}`",
            effects=self.effects or {Effect.UNKNOWN},
            environment=self.environment,
            undo=undo,
            is_elevated=bool(self.attributes.get("elevated")),
        )
        if self.suggest:
            told += f"; consider {shown(self.suggest)} instead"
        return one_line(told)

    def _confidence(self) -> Confidence:
        if not self.effects or Effect.UNKNOWN in self.effects:
            return Confidence.GUESS
        return Confidence.LIKELY if self.by_name or self.unseen else Confidence.CERTAIN

    def _built_again(self) -> str:
        mild = self.effects <= {Effect.READ, Effect.WRITE}
        if not mild:
            return ""
        if self.attributes.get("regenerable"):
            return "what it removes can be built again"
        return "nothing there is kept for good" if self.attributes.get("temporary") else ""

    def action(self, tool: str, text: str, *, target: str = "", things: tuple[Thing, ...] = ()) -> Action:
        """Return the finished action; `target`: the one of ours that it goes to, with what it names there."""
        attributes = {**self.attributes, "inside_workspace": self.inside_workspace}
        undo = self.undo or self._built_again()
        return action_of(
            operation=self.operation,
            tool=tool,
            target=target,
            resource=self.resource,
            environment=self.environment,
            effects=with_effects(*self.effects),
            summary=self._told(undo),
            text=text,
            evidence=_all_within(self.evidence, len(text)),
            inside_workspace=self.inside_workspace,
            undo=undo,
            suggest=self.suggest,
            unseen=_distinct(self.unseen),
            files=_distinct(self.files),
            reach=reach_of(
                paths=_distinct([*self.paths, *self.reached]),
                trees=_distinct(self.trees),
                addresses=_distinct(self.addresses),
                programs=_distinct(self.programs),
                signals=_distinct(self.signals),
            ),
            attributes=attributes,
            confidence=self._confidence(),
            things=things,
        )


draft_of = maker(Draft)
"""Makes a draft."""


def unknown_action(tool: str, why: str, text: str = "", *, operation: str = "tool:unknown") -> Action:
    """Return the action for something that could not be read: one, whose effect is `unknown`."""
    draft = Draft(operation, summary=why, effects={Effect.UNKNOWN}, unseen=[why])
    draft.point((0, len(text)), why)
    return draft.action(tool, text)


def one_line(text: str) -> str:
    """Return text as one printable line of bounded length."""
    line = _printable(text[: MAX_SUMMARY_CHARS + 1])
    return line if len(line) <= MAX_SUMMARY_CHARS else line[: MAX_SUMMARY_CHARS - 1] + "…"


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


def shown(text: str, most: int = 80) -> str:
    """Return user input for a message: in backticks, one line, bounded."""
    line = _printable(text[: most + 1]).replace("`", "'")
    return f"`{line if len(line) <= most else line[: most - 1] + '…'}`"


def _distinct(values: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values)) if values else ()


def _all_within(items: list[Evidence], length: int) -> tuple[Evidence, ...]:
    """Return evidence within a text of this length, none of it changed where all of it lies there."""
    for item in items:
        if item.start < 0 or item.end < 0 or item.start > length or item.end > length:
            return tuple([_within(one, length) for one in items])
    return tuple(items)


def _within(item: Evidence, length: int) -> Evidence:
    """Return evidence that lies within a text of this length."""
    if 0 <= item.start <= length and 0 <= item.end <= length:
        return item
    return Evidence(max(0, min(item.start, length)), max(0, min(item.end, length)), item.note)
