"""Arguments of a program: options with values, and positional words; abbreviations count where they raise.

INVARIANT: an option that makes a command milder (`--dry-run`) counts only spelled out, where no word takes it back
(`--dry-run=none`, `--no-dry-run`) and nothing in front of it may have taken it as a value.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from firewall.classify.rows import Rule
from firewall.classify.shell.words import Word

_NOES = frozenset(
    {"", "0", "disabled", "f", "false", "n", "never", "nil", "no", "none", "null", "off", "undefined"}
)
_NO = frozenset({"false", "no", "none", "null", "off"})
"""What some programs take as the value of a switch when it stands behind it as a word of its own (npm's nopt)."""
_TRIALS = re.compile(r"--?(?:dry|what-?if|simulat|no-?op|pretend)[a-z_-]*")
_TRIAL_YESES = frozenset({"1", "all", "client", "on", "server", "t", "true", "y", "yes"})
PLAIN = frozenset(
    ("--all", "--archive", "--atomic", "--compress", "--debug", "--delete", "--force", "--interactive", "--json",
     "--mirror", "--progress", "--prune", "--quiet", "--recursive", "--silent", "--stats", "--tags", "--verbose",
     "--yes", "-A", "-a", "-i", "-q", "-r", "-R", "-v", "-y")
)  # fmt: skip
"""Options that hardly a program gives a value."""
_MOST_JOINED = 12


def _agrees(name: str, value: Word) -> bool:
    """Tell whether a value lets an option that makes milder hold: a trial run names how, others just not `no`."""
    text = value.text.lower().removeprefix("=")
    if not value.known or text.startswith("--no"):
        return False
    return text in _TRIAL_YESES if _TRIALS.fullmatch(name) else text not in _NOES


def _is_plain(option: str, plain: frozenset[str]) -> bool:
    """Tell whether an option is known to take no value: joined short ones, denials, what the row names."""
    joined = len(option) > 2 and not option.startswith("--")
    return joined or option.startswith("--no-") or option in plain


@dataclass(slots=True)
class Options:
    """Parsed arguments."""

    flags: dict[str, list[Word | None]] = field(default_factory=dict)
    """Option -> its values in order; None where it had none."""
    positional: list[Word] = field(default_factory=list)
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    loose: Word | None = None
    """A word that cannot be seen and may be an option."""
    dashes: int = -1
    """How many positional words stood before `--`; -1: there was none."""
    plain: frozenset[str] | None = None
    """Options that take no value as far as the program's row tells; None: nobody asked the row."""
    behind: dict[str, list[str]] = field(default_factory=dict)
    """Option -> for each time that it is given, the option without a value directly in front of it, or nothing."""
    taken_back: set[str] = field(default_factory=set)
    """Options whose next word says no (`--dry-run false`), which some programs read as their value."""

    def given(self, name: str) -> str:
        """Return the option as it was written when `name` or an abbreviation of it is given; else empty."""
        if name in self.flags:
            return name
        if name.startswith("--"):
            for flag in self.flags:
                if len(flag) > 2 and flag.startswith("--") and name.startswith(flag):
                    return flag
        return ""

    def values(self, names: Iterable[str]) -> list[Word]:
        """Return the values of some options."""
        return [value for name in names if (flag := self.given(name)) for value in self.flags[flag] if value]

    def add(self, name: str, value: Word | None, span: tuple[int, int]) -> None:
        """Note an option."""
        self.flags.setdefault(name, []).append(value)
        self.spans.setdefault(name, span)

    def lowers(self, names: Sequence[str]) -> bool:
        """Tell whether one of these options, which make a command milder, is given and holds."""
        if any(self._denies(name) for name in names) or any(self._negates(flag, names) for flag in self.flags):
            return False
        return any(self._holds(name) for name in names)

    def _denies(self, name: str) -> bool:
        values = self.flags.get(name, [])
        return name in self.taken_back or any(value is not None and not _agrees(name, value) for value in values)

    def _holds(self, name: str) -> bool:
        if name not in self.flags:
            return False
        plain = self.plain
        return plain is None or any(not one or _is_plain(one, plain) for one in self.behind.get(name, [""]))

    @staticmethod
    def _negates(flag: str, names: Sequence[str]) -> bool:
        """Tell whether an option takes one of these back; git and others take its beginning for it."""
        if not flag.startswith("--no") or flag in names:
            return False
        rest = flag.removeprefix("--no").removeprefix("-").replace("_", "-")
        longs = [name[2:].replace("_", "-") for name in names if name.startswith("--")]
        return any(one.startswith(rest) or f"-{rest}" in names for one in longs) if rest else False


def read_options(
    words: Sequence[Word], takes: frozenset[str], *, style: str = "gnu", first_only: bool = False
) -> tuple[Options, int]:
    """Split words into options and positional arguments.

    With `first_only`, stop in front of the first positional word (wrappers). Returns the options and how many
    words were read.
    """
    found = Options()
    index = 0
    before = ""
    signs = "-+" if "+o" in takes else "-"
    while index < len(words):
        word = words[index]
        text = word.text
        if text == "--" and word.known:
            found.dashes = len(found.positional)
            if not first_only:
                found.positional += words[index + 1 :]
                return found, len(words)
            return found, index + 1
        if len(text) < 2 or text[0] not in signs or not (word.known or word.head.startswith("-")):
            if word.may_be_option and found.loose is None:
                found.loose = word
            if first_only:
                return found, index
            found.positional.append(word)
            index += 1
            before = ""
            continue
        before = _noted(word, words, index, found, before)
        eaten = _option(word, words, index, takes, style, found)
        index += 1 + eaten
        before = "" if eaten else before
    return found, index


def _noted(word: Word, words: Sequence[Word], index: int, found: Options, before: str) -> str:
    """Note what stands around an option; return what stands before the next: it, or nothing if it has a value."""
    name, equals, _ = word.text.partition("=")
    found.behind.setdefault(name, []).append(before)
    if not name.startswith("--"):
        # Joined short options stand behind the same word, each of them.
        for letter in name[1:_MOST_JOINED]:
            if (joined := name[0] + letter) != name:
                found.behind.setdefault(joined, []).append(before)
    if name.startswith("--") and index + 1 < len(words) and words[index + 1].text.lower() in _NO:
        found.taken_back.add(name)
    return "" if equals else name


def _option(
    word: Word, words: Sequence[Word], index: int, takes: frozenset[str], style: str, found: Options
) -> int:
    """Read one option word; return how many following words it ate."""
    text = word.text
    follower = words[index + 1] if index + 1 < len(words) else None
    if text.startswith("--") or style == "single":
        name, equals, value = text.partition("=")
        if equals:
            found.add(name, _tail(word, value), word.span)
            return 0
        if _takes(name, takes) and follower is not None:
            found.add(name, follower, word.span)
            return 1
        found.add(name, None, word.span)
        return 0
    return _cluster(word, follower, takes, found)


def _cluster(word: Word, follower: Word | None, takes: frozenset[str], found: Options) -> int:
    """Read joined short options (`-xvf FILE`); return how many following words they ate."""
    text = word.text
    for position in range(1, len(text)):
        name = text[0] + text[position]
        rest = text[position + 1 :]
        if f"{name}=" in takes:
            # Its value is only what stands behind it in the same word (mysql's `-pSECRET`).
            found.add(name, _tail(word, rest) if rest else None, word.span)
            return 0
        if name not in takes:
            if rest.startswith("="):
                # Go's flags read `-n=false` as a denial.
                found.add(name, _tail(word, rest[1:]), word.span)
                return 0
            found.add(name, None, word.span)
            continue
        if rest:
            found.add(name, _tail(word, rest), word.span)
            return 0
        found.add(name, follower, word.span)
        return 1 if follower is not None else 0
    return 0


def _takes(name: str, takes: frozenset[str]) -> bool:
    return name in takes or (
        len(name) > 4 and name.startswith("--") and any(item.startswith(name) for item in takes)
    )


def _tail(word: Word, value: str) -> Word:
    source = word.source
    if source is not None and source.base is not None:
        start = len(word.text) - len(value)
        source = source.part(value, start, len(word.text))
    return Word(
        value,
        known=word.known,
        glob=word.glob,
        head=value if word.known else "",
        span=word.span,
        source=source,
        names=word.names,
    )


class Fit(Enum):
    """How far a rule's predicate holds for a use."""

    NO = "no"
    PERHAPS = "perhaps"
    """Its options are there, but shortened, taken back, or perhaps the value of another option."""
    YES = "yes"


def fit_of(rule: Rule, options: Options, positional: Sequence[Word]) -> Fit:
    """Tell how far a rule's predicate holds."""
    if not rule.least <= len(positional) <= rule.most or not _words_fit(rule, positional):
        return Fit.NO
    if rule.exact and not options.lowers(rule.exact):
        return Fit.NO
    return _options_fit(rule, options)


def _options_fit(rule: Rule, options: Options) -> Fit:
    if rule.flag and not any(options.given(name) for name in rule.flag):
        return Fit.NO
    if rule.every and not all(options.given(name) for name in rule.every):
        return Fit.NO
    if rule.value and not any(
        one.fullmatch(word.text) for word in options.values(rule.flag) for one in rule.value
    ):
        return Fit.NO
    if any(options.given(name) for name in rule.without):
        return Fit.NO if options.lowers(rule.without) else Fit.PERHAPS
    return Fit.YES if _is_sure(rule, options) else Fit.PERHAPS


def _is_sure(rule: Rule, options: Options) -> bool:
    """Tell whether the options that a rule names are surely there and mean what they say."""
    if rule.value:
        return any(name in options.flags for name in rule.flag)
    if rule.flag and not options.lowers(rule.flag):
        return False
    return all(options.lowers((name,)) for name in rule.every)


def _words_fit(rule: Rule, positional: Sequence[Word]) -> bool:
    if rule.first and not (positional and any(glob.fullmatch(positional[0].text) for glob in rule.first)):
        return False
    return not rule.arg or any(glob.fullmatch(word.text) for word in positional for glob in rule.arg)
