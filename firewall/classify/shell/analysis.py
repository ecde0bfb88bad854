"""One classification in progress: what it may know, what it has found, how much work is left.

INVARIANT: when depth or work runs out, an `unknown` action stands for the rest.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from firewall.classify.context import Context
from firewall.classify.draft import Draft, Source
from firewall.classify.rows import Program
from firewall.classify.shell.parse import MAX_TICKS
from firewall.classify.shell.scope import Feed, Scope
from firewall.classify.shell.words import Word
from firewall.core.action import Attribute
from firewall.core.effect import Effect

MAX_DEPTH = 10
MAX_WORK = 120
MAX_STEPS = 1500
MAX_DRAFTS = 120
MAX_CONTENT_CHARS = 96 * 1024
"""Texts of files that are looked at, all together."""
MAX_FILE_TICKS, MAX_FILE_WORK, MAX_FILE_WORDS = 100, 70, 600
"""Of the parser's patience, and commands and their words, for all files together; the call's own pay for them."""
MAX_AGAIN, MAX_AGAIN_STEPS, MAX_AGAIN_WORDS = 40, 500, 200
"""Commands, steps through the tree and words of a text that is read once more."""
MAX_CODE_CHARS = 20 * 1024
"""Code whose syntax is read, all together; the readers of languages have bounds of their own for one text."""
LEAST_CODE_CHARS = 256
"""What the shortest piece of code counts for."""
MAX_SIFTS = 1
"""Texts that are too much to be read as a whole and are read again by the lines that matter."""
MAX_WORDS_READ = 1000
"""Words of all commands together, those of nested texts again: each takes up to 0.06 ms."""


COMMAND_WORDS = 6
"""What a command counts for among the words, beside its own."""


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command, its words resolved as far as they are known."""

    words: tuple[Word, ...]
    """Never empty; the program first."""
    scope: Scope
    span: tuple[int, int] = (0, 0)
    feed: Feed | None = None
    """Standard input, when something is connected to it."""
    assignments: Mapping[str, str | None] = field(default_factory=dict)
    written: Mapping[str, str] = field(default_factory=dict)
    """How the values of its assignments stand in the text."""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    """What wrappers around it said."""
    depth: int = 0
    piped_out: bool = False
    """Its output goes to another command."""

    @property
    def name(self) -> str:
        """The first word."""
        return self.words[0].text

    def rest(self, words: tuple[Word, ...], **changes: object) -> "Command":
        """Return the command that a wrapper starts."""
        nested = {**self.attributes, "nested": int(self.attributes.get("nested", 0)) + 1}
        span = (min(word.span[0] for word in words), max(word.span[1] for word in words))
        changed = replace(self, words=words, span=span, attributes=nested, depth=self.depth + 1)
        return replace(changed, **changes) if changes else changed  # type: ignore[arg-type]  # fields by name


@dataclass(slots=True)
class Analysis:
    """One classification in progress."""

    context: Context
    script: "Callable[[Analysis, Source, Scope, Feed | None, int], None]"
    """Reads shell text (the walker; passed in because commands contain scripts and scripts commands)."""
    run: "Callable[[Command, Analysis], None]"
    """Judges one command, for the same reason."""
    powershell: "Callable[[Command, Program, Analysis], bool]"
    """Reads what PowerShell is given, for the same reason."""
    drafts: list[Draft] = field(default_factory=list)
    work: int = MAX_WORK
    steps: int = MAX_STEPS
    words: int = MAX_WORDS_READ
    ticks: int = MAX_TICKS
    """What is left of the parser's patience."""
    letters: int = MAX_CONTENT_CHARS
    code: int = MAX_CODE_CHARS
    sifts: int = MAX_SIFTS
    exhausted: bool = False
    pending: list[Draft] = field(default_factory=list)
    """Assignments of `PATH` that matter once a program runs."""
    open: tuple[str, ...] = ()
    """The files whose texts are being read, outermost first; empty: the text that was judged itself."""
    inner: "Analysis | None" = None
    """What reads the texts of files: its work is bounded for all files of a call together."""

    def within(self) -> "Analysis":
        """Return the analysis that reads the texts of files; one inside such a text goes on with itself."""
        if self.open:
            return self
        if self.inner is None:
            self.inner = Analysis(self.context, self.script, self.run, self.powershell, ticks=MAX_FILE_TICKS)
            self.inner.work, self.inner.words = MAX_FILE_WORK, MAX_FILE_WORDS
        return self.inner

    def pay(self, other: "Analysis", before: tuple[int, int]) -> None:
        """Take what another analysis has used since `before` (work, words) from what is left here."""
        self.work -= before[0] - other.work
        self.words -= before[1] - other.words

    def again(self) -> "Analysis":
        """Return the analysis that reads a text once more, by few of its lines."""
        left = Analysis(self.context, self.script, self.run, self.powershell, work=MAX_AGAIN)
        left.open, left.steps, left.words = self.open, MAX_AGAIN_STEPS, MAX_AGAIN_WORDS
        left.ticks, left.letters, left.code, left.sifts = self.ticks, self.letters, self.code, self.sifts - 1
        return left

    def look(self, text: str) -> bool:
        """Take the characters of a file's text; False: too much was looked at."""
        self.letters -= len(text)
        return self.letters >= 0

    def study(self, text: str) -> bool:
        """Take the characters of code; False: too much was read, and this may be looked at by its words alone."""
        cost = max(len(text), LEAST_CODE_CHARS)
        if cost > self.code:
            return False
        self.code -= cost
        return True

    def step(self, span: tuple[int, int]) -> bool:
        """Take one step through a syntax tree; False: nothing is left, and that has been said."""
        self.steps -= 1
        if self.steps > 0 and len(self.drafts) < MAX_DRAFTS and not self.exhausted:
            return True
        self._exhaust(span)
        return False

    def afford(self, words: int, span: tuple[int, int]) -> bool:
        """Take words of a command; False: too many were read, and that has been said."""
        self.words -= words
        if self.words > 0:
            return True
        self._exhaust(span)
        return False

    def spend(self, depth: int, span: tuple[int, int]) -> bool:
        """Take one unit of work; False: nothing is left, and that has been said."""
        self.work -= 1
        if self.work > 0 and depth <= MAX_DEPTH and len(self.drafts) < MAX_DRAFTS:
            return True
        self._exhaust(span)
        return False

    def _exhaust(self, span: tuple[int, int]) -> None:
        if not self.exhausted:
            self.exhausted = True
            self.opaque(span, "too much or too deeply nested to read", operation="shell:unread")

    def opaque(
        self,
        span: tuple[int, int],
        why: str,
        *,
        operation: str = "shell:unknown",
        effects: tuple[Effect, ...] = (Effect.UNKNOWN,),
    ) -> Draft:
        """Add an action for something that cannot be seen."""
        draft = Draft(operation, summary=why, effects=set(effects), unseen=[why])
        draft.point(span, why)
        self.drafts.append(draft)
        return draft
