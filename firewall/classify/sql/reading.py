"""What is found while SQL is read: effects with the words that show them, and one statement's tokens."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from firewall.classify.draft import Source
from firewall.classify.sql.dialects import Dialect
from firewall.classify.sql.lexer import NAME, SIGN, WORD, Token
from firewall.core.effect import Effect, severity

MAX_DEPTH = 4
"""How deep SQL inside of strings inside of SQL is read."""
MAX_FINDINGS = 40
MAX_WORK = 9_000
"""How many tokens are looked at in one text, counted once for every statement that they are a part of."""
READ, WRITE, DESTRUCTIVE, PRIVILEGE = Effect.READ, Effect.WRITE, Effect.DESTRUCTIVE, Effect.PRIVILEGE
EXEC, UNKNOWN, DISRUPTIVE, SECRET, EXFIL = (
    Effect.EXEC,
    Effect.UNKNOWN,
    Effect.DISRUPTIVE,
    Effect.SECRET,
    Effect.EXFIL,
)


def wordset(text: str) -> frozenset[str]:
    """Return the words of a text as a set: tables of words are easier to read without quotes and commas."""
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class Finding:
    """Effects of some words: the span lies in the judged text."""

    effects: frozenset[Effect]
    span: tuple[int, int]
    told: str
    """What happens, in plain words, without a full stop: `deletes every row of `orders``."""
    undo: str = ""

    @property
    def rank(self) -> int:
        """The severity of its strictest effect."""
        return max(map(severity, self.effects))


@dataclass(slots=True)
class Reading:
    """Everything found in one piece of SQL, whatever the depth."""

    findings: list[Finding] = field(default_factory=list)
    effects: set[Effect] = field(default_factory=set)
    unseen: list[str] = field(default_factory=list)
    tables: dict[str, None] = field(default_factory=dict)
    rows_bound: list[int] = field(default_factory=list)
    """Upper bounds of rows, where a statement itself names one."""
    statements: int = 0
    routines: dict[str, "set[Effect]"] = field(default_factory=dict)
    """Prepared statements and routines made in this text: what they do when they are run."""
    broken: bool = False
    """Some of it could not be cut into tokens."""
    parsed_chars: int = 0
    """How much sqlglot was given already."""
    files: list[str] = field(default_factory=list)
    """Database files that it opens or writes besides the one it is run on."""
    moved: bool = False
    """A client command went on with another database."""
    limit: int = MAX_WORK
    work: int = 0
    """Tokens looked at, once for every statement that they are a part of."""

    def apart(self) -> "Reading":
        """Return an empty reading that goes on with the same work and the same routines."""
        return Reading(routines=self.routines, work=self.work, limit=self.limit)

    def affords(self, tokens: int) -> bool:
        """Count work; False: there was too much, the text is not read any further."""
        self.work += tokens + 1
        return self.work <= self.limit

    def add(self, finding: Finding) -> None:
        """Keep a finding; its effects count even when there are too many to show."""
        self.effects |= finding.effects
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(finding)

    def miss(self, what: str) -> None:
        """Note something that could not be seen."""
        if what not in self.unseen and len(self.unseen) < MAX_FINDINGS:
            self.unseen.append(what)


Recurse = Callable[["Statement", Source], None]


@dataclass(frozen=True, slots=True)
class Statement:
    """The tokens of one statement (or of a part of one), and where they go."""

    tokens: Sequence[Token]
    dialect: Dialect
    source: Source
    """The text that the tokens' offsets point into."""
    reading: Reading
    recurse: Recurse
    """Reads more SQL, found in a string, into the same reading."""
    judge: "Callable[[Statement], None]"
    """Judges other tokens as a statement of their own, into their reading."""
    depth: int = 0
    block: bool = False
    """It stands in a block of procedural code: `SELECT … INTO x` fills a variable."""
    pairs: list[int] = field(default_factory=list, compare=False, repr=False)
    """Index of the parenthesis that closes the one at each index; filled when it is first asked for."""

    def part(self, start: int, end: int | None = None, *, block: bool | None = None) -> "Statement":
        """Return the statement that a slice of the tokens makes."""
        inside = self.block if block is None else block
        return replace(self, tokens=self.tokens[start:end], block=inside, pairs=[])

    def word(self, index: int) -> str:
        """Return the upper-case word at an index; empty: no word stands there."""
        if 0 <= index < len(self.tokens) and self.tokens[index].kind == WORD:
            return self.tokens[index].key
        return ""

    def sign(self, index: int) -> str:
        """Return the sign at an index; empty: no sign stands there."""
        if 0 <= index < len(self.tokens) and self.tokens[index].kind == SIGN:
            return self.tokens[index].key
        return ""

    def words(self, start: int, count: int) -> tuple[str, ...]:
        """Return some upper-case words from an index on."""
        return tuple(self.word(index) for index in range(start, start + count))

    def has(self, *wanted: str) -> bool:
        """Tell whether these words follow each other anywhere."""
        return self.find(*wanted) >= 0

    def find(self, *wanted: str, start: int = 0) -> int:
        """Return the index where these words follow each other, at any depth; -1: nowhere."""
        first, size = wanted[0], len(wanted)
        for index in range(start, len(self.tokens) - size + 1):
            if (
                self.tokens[index].key == first
                and self.tokens[index].kind == WORD
                and (size == 1 or self.words(index, size) == wanted)
            ):
                return index
        return -1

    def level(self, wanted: Collection[str], start: int = 0) -> int:
        """Return the index of the first of some words that stands outside of parentheses; -1: nowhere."""
        return next((index for index, word in self.outside(start) if word in wanted), -1)

    def outside(self, start: int = 0) -> Iterator[tuple[int, str]]:
        """Yield (index, word) of the words outside of parentheses, up to the one that closes what is around."""
        depth = 0
        for index in range(start, len(self.tokens)):
            token = self.tokens[index]
            if token.kind == SIGN:
                depth += (token.key in "([") - (token.key in ")]")
                if depth < 0:
                    return
            elif token.kind == WORD and depth == 0:
                yield index, token.key

    def skip(self, index: int, *optional: Collection[str]) -> int:
        """Return the index behind words that may stand there, group by group."""
        for group in optional:
            while self.word(index) in group:
                index += 1
        return index

    def closing(self, index: int) -> int:
        """Return the index of the parenthesis that closes the one here; the end when it is missing."""
        if not self.pairs:
            self.pairs.extend(self._pairs())
        return self.pairs[index] if index < len(self.pairs) else len(self.tokens)

    def _pairs(self) -> list[int]:
        found, opened = [len(self.tokens)] * len(self.tokens), list[int]()
        for index, token in enumerate(self.tokens):
            if token.kind == SIGN and token.key == "(":
                opened.append(index)
            elif token.kind == SIGN and token.key == ")" and opened:
                found[opened.pop()] = index
        return found

    def name(self, index: int) -> tuple[str, int]:
        """Return the dotted name at an index, as written without quotes, and the index behind it."""
        parts: list[str] = []
        while index < len(self.tokens) and self.tokens[index].kind in (WORD, NAME):
            token = self.tokens[index]
            parts.append(token.text if token.kind == WORD else token.key)
            index += 1
            if self.sign(index) != ".":
                break
            while self.sign(index) == ".":
                index += 1
        return ".".join(parts), index

    def say(self, effects: Collection[Effect], told: str, *, at: tuple[int, int] = (0, 1), undo: str = "") -> None:
        """Add a finding whose evidence is the tokens from `at[0]` up to, without, `at[1]`."""
        last = len(self.tokens) - 1
        first, behind = min(max(at[0], 0), last), min(max(at[1] - 1, at[0]), last)
        span = self.source.span(self.tokens[first].start, self.tokens[behind].end)
        self.reading.add(Finding(frozenset(effects), span, told, undo))

    def touch(self, name: str) -> None:
        """Note a table that is spoken of."""
        if name and len(self.reading.tables) < MAX_FINDINGS:
            self.reading.tables.setdefault(name)
