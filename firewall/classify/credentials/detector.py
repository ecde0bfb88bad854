"""Which spans of bytes are credentials.

A credential is, but for passwords in addresses and keys in armour, a long run of letters and digits. So the bytes
are first mapped to "may stand in one" and "may not", and only long runs are looked at: text without any is passed
at memory speed. Placeholders and our own tokens are no findings.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from firewall.classify.credentials import positions
from firewall.classify.credentials.encoded import encoded_at
from firewall.classify.credentials.rules import (
    LONGEST_NAME,
    CredentialRules,
    NamedRule,
    TokenRule,
    any_mark,
    plain_name,
)
from firewall.classify.credentials.spelled import Plain, has_escapes
from firewall.classify.credentials.values import VALUE, Finding, entropy_of, is_ours

_RUN = 20
"""No token is shorter; what is shorter is found by its position alone."""
_BEFORE = 40
"""A mark stands at most so far before the long run of its token."""
_LONGEST_RUN = 4096
"""A longer run is data; its two ends are looked at."""
_MAX_CANDIDATES = 50_000
_WORD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_MASK = bytes(ord("t") if char in _WORD else ord(" ") for char in range(256))
_LONG = b"t" * _RUN
_NO_DIGITS = b"0123456789"
_ALNUM = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_BACK = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+/."
_QUOTES = b" \t\"'`\\"
_SIGNS = frozenset(b" \t\"'`\\=:>+/.")
_JOINS = ".~+/="
"""What may stand within a token: its mark may then begin before the long run."""
_WIDE = frozenset(b"+/")
_BLOB = re.compile(rb"[A-Za-z0-9+/]*={0,2}")
_HEX = b"0123456789abcdefABCDEF-"
_BACKSLASH = ord("\\")
_WORDS = ("key", "token", "secret", "pass", "auth", "cred")
_NEAR = frozenset(b"\\.")
"""Behind these even what looks like a hash may be the end of a token."""
_ESCAPED = frozenset(b"ntrbf")
_DEPTH = 2
"""Base64 within base64 within base64 is not followed."""
_RARE = "etaoinshrdlucmfwypvbgkjqxz0123456789_.~"
"""Characters by how seldom texts hold them; one that is not here is taken for frequent."""
_NAME = bytes(char if char in _WORD + b"." else ord(" ") for char in range(256))
MAX_NAMES = 4096


@dataclass(slots=True)
class Detector:
    """Compiled rules; never changes, so one serves all."""

    rules: CredentialRules = field(default_factory=CredentialRules)
    _marks: dict[bytes, list[TokenRule]] = field(init=False, default_factory=dict, repr=False)
    _search: "positions.Pattern | None" = field(init=False, default=None, repr=False)
    _inner: tuple[tuple[bytes, str, str], ...] = field(init=False, default=(), repr=False)
    """Marks that stand within their token; each with its rarest character and as lower-case text."""
    _named: dict[str, tuple[NamedRule, ...]] = field(init=False, default_factory=dict, repr=False)
    _anchors: tuple[tuple[str, bytes, str], ...] = field(init=False, default=(), repr=False)
    """Ends of headers' names: of which word, as bytes and as text."""
    _words: tuple[str, ...] = field(init=False, default=(), repr=False)
    """Where none of these stands, nothing is known by its name: lower-case words, the fewer the cheaper."""
    _answer_words: tuple[str, ...] = field(init=False, default=(), repr=False)
    """The same in answers, whose fields count as well."""
    _heads: frozenset[bytes] = field(init=False, default=frozenset(), repr=False)
    """The first three bytes of every mark, or both."""
    _joined: dict[int, "positions.Pattern"] = field(init=False, default_factory=dict, repr=False)
    """By sign: the marks of tokens that may hold it."""
    _kinds: tuple[bytes, ...] = field(init=False, default=(), repr=False)
    """Of these words one stands in every name that a rule speaks of."""

    def __post_init__(self) -> None:
        for rule in self.rules.tokens:
            for mark in rule.marks:
                self._marks.setdefault(mark, []).append(rule)
        leading = [mark for mark, rules in self._marks.items() if any(not rule.back for rule in rules)]
        self._search = any_mark(leading) if leading else None
        for sign in _JOINS:
            marks = [
                mark for rule in self.rules.tokens if sign.encode() in rule.shape.pattern for mark in rule.marks
            ]
            if marks:
                self._joined[ord(sign)] = any_mark(marks)
        self._heads = frozenset(mark[:3] for mark in leading)
        told = {word for rule in self.rules.named for word in _telling(rule)}
        self._kinds = tuple(word for word in told if not any(one != word and one in word for one in told))
        inner = [mark for mark, rules in self._marks.items() if any(rule.back for rule in rules)]
        self._inner = tuple((mark, *_spelled(mark)) for mark in inner)
        ends = [(end, end.decode("latin-1")) for end in positions.anchors_of(self.rules.headers)]
        self._anchors = tuple((positions.word_of(spelled), end, spelled) for end, spelled in ends)
        self._words = positions.words_of([spelled for _, spelled in ends])
        self._answer_words = tuple(dict.fromkeys((*positions.FIELD_WORDS, *self._words)))

    def find(self, data: bytes, *, in_answer: bool = False, may_have_runs: bool = True) -> tuple[Finding, ...]:
        """Return the credentials in `data` in order, none over another.

        `in_answer`: values of fields with telling names (`password`) count whatever they look like.
        `may_have_runs`: False where the caller knows that there is no long run (`core.spellings.has_long_run`).
        """
        found = self._find(data, in_answer=in_answer, depth=_DEPTH, may_have_runs=may_have_runs)
        if not has_escapes(data):
            return found
        plain = Plain(data)
        if plain.data is data:
            return found
        more = self._find(plain.data, in_answer=in_answer, depth=_DEPTH)
        spelled = [Finding(one.rule, plain.written(one.start), plain.written(one.end)) for one in more]
        return _apart([*found, *spelled]) if spelled else found

    def _find(
        self, data: bytes, *, in_answer: bool, depth: int, may_have_runs: bool = True
    ) -> tuple[Finding, ...]:
        lower = data.lower()
        text = lower.decode(
            "latin-1"
        )  # `in` costs a tenth on text of what `find` does on bytes, and most is plain
        found: list[Finding] = []
        if may_have_runs:
            mask = data.translate(_MASK)
            begin = mask.find(_LONG)
            if begin >= 0:
                found += self._tokens(data, lower, mask, begin=begin, depth=depth)
        for mark, rare, spelled in self._inner:
            if rare in text and spelled in text:
                found += filter(None, (self._marked(data, at, mark) for at in positions.occurrences(data, mark)))
        return self._placed(data, lower, text, found=found, in_answer=in_answer)

    def _placed(
        self, data: bytes, lower: bytes, text: str, *, found: list[Finding], in_answer: bool
    ) -> tuple[Finding, ...]:
        """Return what was found, and what is known by its place; `text` says at once which places there are."""
        harmless = self.rules.harmless
        if positions.ARMOUR_SPELLED in text:
            found += positions.armoured(data)
        said = [word for word in (self._answer_words if in_answer else self._words) if word in text]
        anchors = [end for word, end, spelled in self._anchors if word in said and spelled in text] if said else []
        if anchors or positions.BEARER_SPELLED in said:
            found += positions.in_headers(data, lower, anchors, headers=self.rules.headers, harmless=harmless)
        if positions.may_have_logins(text):
            found += positions.in_addresses(data, harmless)
        if positions.SECRET in said:
            found += self._secrets(data, lower)
        if in_answer:
            for word in said:
                if word in positions.FIELD_WORDS:
                    name = word.encode("ascii")
                    found += positions.in_fields(data, lower, name, names=self.rules.answers, harmless=harmless)
        return _apart(found) if len(found) > 1 else tuple(found)

    def _tokens(self, data: bytes, lower: bytes, mask: bytes, *, begin: int, depth: int) -> Iterator[Finding]:
        """Look at every long run, of which the first begins at `begin`."""
        if self._search is None:
            return
        left, blob = _MAX_CANDIDATES, 0
        while begin >= 0 and left:
            end = mask.find(b" ", begin + _RUN)
            end = len(data) if end < 0 else end
            left -= 1
            if end - begin > _LONGEST_RUN:
                yield from self._run(data, begin, begin + _LONGEST_RUN // 2, depth)
                yield from self._run(data, end - _LONGEST_RUN // 2, end, depth)
            else:
                yield from self._looked_at(data, lower, begin, end, depth)
            if begin >= blob and end < len(data) and data[end] in _WIDE:
                whole = _BLOB.match(data, begin)
                blob = whole.end() if whole else end
                if blob - begin > _LONGEST_RUN:  # a picture, an archive: its end is looked at
                    end = max(end, blob - _LONGEST_RUN // 2)
            begin = mask.find(_LONG, end)

    def _looked_at(self, data: bytes, lower: bytes, begin: int, end: int, depth: int) -> "Iterable[Finding]":
        """Look at a run as closely as it needs: nearly all are hashes, ids and names."""
        run = data[begin:end]
        before = data[begin - 1] if begin else 0
        is_hex = not run.translate(None, _HEX)
        if run[:3] in self._heads or run[:2] in self._heads or before in _NEAR:
            return self._run(data, begin, end, depth)
        if not is_hex and (before in self._joined or run.find(b"_") >= 0 or run.find(b"-") >= 0):
            return self._run(data, begin, end, depth)
        if before in _SIGNS:
            head = lower[max(0, begin - LONGEST_NAME - 16) : begin]
            for kind in self._kinds:
                if head.find(kind) >= 0:
                    return self._run(data, begin, end, depth)
        if is_hex or not depth or before in _WIDE:
            return ()
        return self._encoded(data, begin, depth)

    def _encoded(self, data: bytes, begin: int, depth: int) -> Iterator[Finding]:
        """Look into a text in base64."""
        encoded = encoded_at(data, begin)
        if encoded is None:
            return
        found = self._find(encoded.text, in_answer=False, depth=depth - 1)
        if found:
            yield Finding(f"encoded-{found[0].rule}", begin, encoded.end)

    def _run(self, data: bytes, begin: int, end: int, depth: int) -> Iterator[Finding]:
        search = self._search
        if search is None:
            return
        begin = _behind_escape(data, begin, end)
        run = data[begin:end]
        if len(run.translate(None, _NO_DIGITS)) == len(run):
            # Without a digit it is a name, not a secret; but for the few tokens that are all letters.
            mark = search.match(data, begin)
            if mark is not None and (finding := self._marked(data, mark.start(), mark[0], begin)):
                yield finding
            return
        at = -1
        for mark in self._candidates(data, begin, end):
            finding = self._marked(data, mark.start(), mark[0], begin) if mark.start() >= at else None
            if finding is not None:
                at = finding.end
                yield finding
        if at >= 0:
            return
        if begin and data[begin - 1] in _SIGNS and (finding := self._by_name(data, begin)):
            yield finding
        elif depth and data[begin - 1 : begin] not in (b"+", b"/"):
            yield from self._encoded(data, begin, depth)

    def _candidates(self, data: bytes, begin: int, end: int) -> "Iterator[re.Match[bytes]]":
        """Yield where marks stand that could begin a token of this run: behind what is no letter or digit."""
        joined = self._joined.get(data[begin - 1]) if begin else None
        if joined is not None:
            yield from joined.finditer(data, max(0, begin - _BEFORE), min(end, begin + _BEFORE))
        if self._search is None:
            return
        if data.find(b"_", begin, end) >= 0 or data.find(b"-", begin, end) >= 0:
            yield from self._search.finditer(data, begin, end)
        elif (mark := self._search.match(data, begin)) is not None:
            yield mark

    def _marked(self, data: bytes, at: int, mark: bytes, begin: int = -1) -> Finding | None:
        """Return the token that a mark at `at` belongs to; at `begin` it need stand behind nothing."""
        for rule in self._marks[mark]:
            start = at - rule.back
            if start < 0 or (start not in (0, begin) and data[start - 1] in _ALNUM and not rule.back):
                continue
            match = rule.shape.match(data, start)
            if match is None or (match.end() < len(data) and data[match.end()] in _ALNUM):
                continue
            if entropy_of(match[0]) >= rule.entropy and not self.rules.harmless.covers(match[0]):
                return Finding(rule.name, start, match.end())
        return None

    def _by_name(self, data: bytes, begin: int) -> Finding | None:
        """Judge a run by the name before it: `NAME=run`, `"name": "run"`, `--name run`."""
        head = data[max(0, begin - LONGEST_NAME - 48) : begin]
        name_part = head.rstrip(_BACK)
        start = begin - (len(head) - len(name_part))
        name = name_before(name_part)
        return self._named_at(data, name, start) if name else None

    def _named_at(self, data: bytes, name: bytes, start: int) -> Finding | None:
        rules = self._rules_for(plain_name(name))
        if not rules:
            return None
        value = VALUE.match(data, start)
        if value is None or is_ours(value[0]) or self.rules.harmless.covers(value[0]):
            return None
        for rule in rules:
            if rule.shape.fullmatch(value[0]) and entropy_of(value[0]) >= rule.entropy:
                return Finding(rule.name, value.start(), value.end())
        return None

    def _rules_for(self, name: str) -> tuple[NamedRule, ...]:
        found = self._named.get(name)
        if found is None:
            found = tuple(rule for rule in self.rules.named if rule.fits(name))
            if len(self._named) >= MAX_NAMES:
                self._named.clear()
            self._named[name] = found
        return found

    def _secrets(self, data: bytes, lower: bytes) -> Iterator[Finding]:
        """Follow every `…secret… =` forwards: values with + and / in them need not hold a long run."""
        for match in positions.assigned(data, lower, b"secret"):
            finding = self._named_at(data, match.name, match.start)
            if finding is not None:
                yield finding


def _telling(rule: NamedRule) -> "Iterable[bytes]":
    """Yield words of which every name that a rule speaks of holds one, be it `api_key`, `apiKey` or `API-KEY`."""
    names = rule.names if "" in rule.kinds else rule.kinds
    return (next((word for word in _WORDS if word in name), name[-3:]).encode() for name in names)


def _spelled(mark: bytes) -> tuple[str, str]:
    """Return what is searched for before a mark is, both in lower case: its rarest character, and all of it."""
    text = mark.lower().decode("latin-1")
    return max(text, key=_RARE.find), text


def _behind_escape(data: bytes, begin: int, end: int) -> int:
    r"""Return where a run begins behind `\n`, `\t` or `\u0026` as JSON writes them, however often escaped."""
    if not begin or data[begin - 1] != _BACKSLASH:
        return begin
    if data[begin] in _ESCAPED:
        return begin + 1
    is_unicode = (
        data[begin : begin + 1] == b"u"
        and end - begin > 5
        and not data[begin + 1 : begin + 5].translate(None, _HEX)
    )
    return begin + 5 if is_unicode else begin


def name_before(head: bytes) -> bytes:
    """Return the name that stands before a value, with its assignment; empty where there is none."""
    tail = head.rstrip(_QUOTES)
    name = tail.rstrip(b"=:>")
    is_option = len(name) == len(tail)
    words = name.rstrip(_QUOTES)[-LONGEST_NAME:].translate(_NAME).rsplit(None, 1)
    word = words[-1] if words and not name.rstrip(_QUOTES).endswith((b" ", b",")) else b""
    if is_option and not (word.startswith(b"--") and tail != head):
        return b""
    return word


def _apart(found: list[Finding]) -> tuple[Finding, ...]:
    """Order findings; of two that overlap the first found stays, grown to cover both."""
    kept: list[Finding] = []
    for finding in sorted(found, key=lambda one: one.start):
        last = kept[-1] if kept else None
        if last is not None and finding.start < last.end:
            kept[-1] = Finding(last.rule, last.start, max(last.end, finding.end))
        else:
            kept.append(finding)
    return tuple(kept)
