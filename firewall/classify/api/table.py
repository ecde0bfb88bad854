"""`policies/apis/*.tsv`: the operations of one vendor's API, each with its effects; read when first asked for.

A table starts with lines `# key: value` (provenance; `kind` is one of `KINDS`), then one operation a
line, columns parted by tabs. The first column spells the effects with one letter each:
`r` read, `w` write, `i` disruptive (interrupts), `x` exec, `u` unknown, `e` exfil, `s` secret, `p` privilege,
`d` destructive.

- rest: effects, method, path template (`{}` one segment, `{+}` the rest), operation id, summary or nothing
- graphql: effects, `m` or `q` (mutation, query), field, summary or nothing
- aws: a service is a line `=`, its command line name, host prefixes, target prefix or `-`; then its operations:
  effects, name and, where the operation is told by its path, method and path template
- kubernetes: group, resource or resource/subresource, `all` or `one`, `METHOD=action ...`; its reader says more

INVARIANT: the form of every line is checked when the table is made, so reading it later cannot fail.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from firewall.core.effect import Effect
from firewall.core.errors import ConfigError
from firewall.core.fast_init import fast_init

KINDS = ("rest", "graphql", "aws", "kubernetes")
PROVENANCE = ("kind", "source", "licence", "read", "made by", "rows")
_HEAD = re.compile(r"# ([a-z ]+): (.*)")
_EFFECTS = r"[rwixuespd]{1,5}+"
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_./()#~-]*+"
_PATH = r"/[^\t\n]*+"
_ROWS = {
    "rest": re.compile(rf"(?:{_EFFECTS}\t[A-Z]++\t{_PATH}\t{_NAME}\t[^\t\n]*+\n)*+"),
    "graphql": re.compile(rf"(?:{_EFFECTS}\t[mq]\t\w++\t[^\t\n]*+\n)*+"),
    "aws": re.compile(
        rf"(?:=\t[a-z0-9.-]++\t[a-z0-9., -]++\t[\w.-]++\n(?:{_EFFECTS}\t\w++(?:\t[A-Z]++\t{_PATH})?+\n)++)*+"
    ),
    "kubernetes": re.compile(
        r"(?:[a-z0-9.]++\t[a-z]++(?:/[a-z]++)?+\t(?:all|one)\t[A-Z]++=[a-z]++(?: [A-Z]++=[a-z]++)*+\n)*+"
    ),
}
LETTERS: Mapping[str, Effect] = {
    "r": Effect.READ,
    "w": Effect.WRITE,
    "i": Effect.DISRUPTIVE,
    "x": Effect.EXEC,
    "u": Effect.UNKNOWN,
    "e": Effect.EXFIL,
    "s": Effect.SECRET,
    "p": Effect.PRIVILEGE,
    "d": Effect.DESTRUCTIVE,
}


@lru_cache(maxsize=512)
def effects_of(letters: str) -> frozenset[Effect]:
    """Return the effects that letters of a table spell."""
    return frozenset(LETTERS[letter] for letter in letters)


@fast_init
@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of an API."""

    name: str
    effects: frozenset[Effect]
    summary: str = ""
    """The vendor's own words."""


@dataclass(slots=True)
class Table:
    """One vendor's operations as text; what is asked for is read once and kept."""

    name: str
    head: Mapping[str, str]
    body: str
    kept: dict[str, object] = field(default_factory=dict)
    """What readers made of the text, by what they call it."""

    @property
    def kind(self) -> str:
        """Return one of `KINDS`."""
        return self.head["kind"]

    def field(self, name: str, *, mutation: bool) -> Operation | None:
        """Return a GraphQL root field; None: the table does not name it."""
        letter = "m" if mutation else "q"
        end = self.body.find(f"\t{letter}\t{name}\t") if name.isidentifier() else -1
        if end < 0:
            return None
        start = self.body.rfind("\n", 0, end) + 1
        effects, _, _, summary = self.body[start : self.body.index("\n", end)].split("\t")
        return Operation(name, effects_of(effects), summary)


def read_table(name: str, text: str) -> Table:
    """Read the head of a table and check the form of every line.

    Raises: ConfigError naming the table and the line.
    """
    head: dict[str, str] = {}
    at = 0
    while text.startswith("#", at):
        end = text.find("\n", at)
        line = text[at:end] if end >= 0 else text[at:]
        found = _HEAD.fullmatch(line)
        if found is None:
            raise ConfigError(f"{name}: `{line[:60]}` is no line `# key: value`")
        head[found[1]] = found[2]
        at = end + 1 if end >= 0 else len(text)
    missing = [key for key in PROVENANCE if key not in head]
    if missing:
        raise ConfigError(f"{name}: its head says nothing of `{missing[0]}`")
    if head["kind"] not in KINDS:
        raise ConfigError(f"{name}: `kind` must be one of {', '.join(KINDS)}")
    body = text[at:]
    whole = _ROWS[head["kind"]].match(body)
    if whole is None or whole.end() != len(body):
        line_number = text.count("\n", 0, at + (whole.end() if whole else 0)) + 1
        raise ConfigError(f"{name}: line {line_number} is no operation of a `{head['kind']}` table")
    return Table(name, head, body)
