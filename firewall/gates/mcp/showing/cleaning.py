"""Values of JSON that flow to a model: texts made inert, credentials masked, sizes bounded, aims noticed.

INVARIANT: a value that needs no change comes back as the very same object, so that its bytes can stay. Pure.
"""

import base64
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from firewall.classify.content.inert import Hidden, inert
from firewall.classify.content.instructions import Aimed, aimed
from firewall.classify.credentials.detector import Detector
from firewall.core.secret import Secret
from firewall.core.spellings import holds
from firewall.gates.mcp.showing.blobs import covered

MOST_CHARS = 1 << 20
"""Of text in one answer: no model reads more of it."""
OWN = "target-credential"
"""The rule by which a credential of ours is found."""
_MAX_DEPTH = 64
_HIDING = (b"\\u", b"\\b", b"\\f", b"\\r")
"""What hides stands in JSON as one of these escapes, or as a byte that is no plain ASCII."""
_OPAQUE = frozenset({"nextCursor", "requestState", "progressToken", "taskId", "requestId", "protocolVersion"})
"""Members of a result or of parameters that a client gives back as they are, and shows to nobody."""
_SEALED = frozenset({"nextCursor"})
"""Those of them that come back where we know them again; states are sealed before they come here (`legs`)."""
_MAX_SEALED_CHARS = 64 * 1024
_PLAIN = re.compile(r"[!-~]*")
"""What such a member is made of; another is text like any."""
_CODED = frozenset({"data", "blob"})
"""Members that hold base64, beside a `mimeType` or a `uri`."""
_WORDS = frozenset(
    {"text", "image", "audio", "resource", "resource_link", "user", "assistant", "object", "string", "complete"}
)
"""Of the protocol: no client reads an answer in which they were cut."""
_NOTED = frozenset({Hidden.BIDI, Hidden.TAG, Hidden.SELECTOR})
"""What hardly anybody writes by accident; colours of a terminal and odd blanks are everyday."""
_MANY = 8
_TOLD_CHARS = 16
"""Shorter texts are not looked at for what is aimed at a model."""
_Item = TypeVar("_Item")


@dataclass(slots=True)
class Found:
    """What was found in the values of one message."""

    hidden: set[Hidden] = field(default_factory=set)
    shown: int = 0
    """Characters that are shown in place of themselves."""
    rules: set[str] = field(default_factory=set)
    """By which rules credentials were masked."""
    values: list[str] = field(default_factory=list)
    """What was masked, others' credentials alone: where they were met is remembered, as hashes."""
    aims: list[Aimed] = field(default_factory=list)
    cut: int = 0
    """Characters that were left out."""

    @property
    def signals(self) -> tuple[str, ...]:
        """What is worth an entry, in words of the log, each once; empty: nothing."""
        names = [name for one in self.aims for name in one.signals]
        names += [f"hidden-{kind}" for kind in sorted(self.hidden & _NOTED)]
        if Hidden.INVISIBLE in self.hidden and self.shown >= _MANY:
            names.append("hidden-invisible")
        return tuple(dict.fromkeys(names))


class Cleaner:
    """Cleans the values of one message; what it finds adds up."""

    def __init__(
        self,
        raw: bytes,
        detector: Detector,
        secrets: Sequence[Secret] = (),
        *,
        most_chars: int = MOST_CHARS,
        seal: Callable[[str], str] | None = None,
    ) -> None:
        """`raw`: the message's bytes, which tell at once what need not be looked for; `secrets`: ours.

        `seal`: what becomes of a credential that a client only gives back; None: it is masked like others.
        """
        self.found = Found()
        self._hides = _may_hide(raw)
        self._ours = secrets
        self._secrets = [secret for secret in secrets if holds(raw, secret.spellings)]
        self._detector = detector
        self._masks = bool(self._secrets) or bool(detector.find(raw, in_answer=True))
        self._left = most_chars
        self._seal = seal
        self._texts: list[str] = []
        self._part: object = None
        # Then no value can change but what is coded or too deep, so that texts are only told.
        self._is_plain = not (self._hides or self._masks or len(raw) > most_chars)

    def block(self, value: _Item, name: str = "", *, is_part: bool = False) -> _Item:
        """Clean a value, and look at all of its texts together for what is aimed at a model.

        `is_part`: its members are members of a result or of parameters, of which some go back to the server.
        """
        self._texts.clear()
        self._part = value if is_part else None
        new = value if self._is_plain and self._only_tells(value, 0) else self._changed(value, name)
        aim = aimed("\n".join(self._texts)) if self._texts else None
        if aim is not None:
            self.found.aims.append(aim)
        return new

    def _changed(self, value: _Item, name: str) -> _Item:
        self._texts.clear()
        return self._value(value, name, 0)

    def _only_tells(self, value: object, depth: int) -> bool:
        """Gather the texts of a value that cannot change, as `_value` does; False: it might, look at each part.

        In a message in which nothing hides, no credential stands and no text is too long, only what is coded and
        what is nested too deeply changes.
        """
        if isinstance(value, str):
            if len(value) >= _TOLD_CHARS:
                self._texts.append(value)
            return True
        if not isinstance(value, list | dict):
            return True
        if depth >= _MAX_DEPTH or (isinstance(value, dict) and not _CODED.isdisjoint(value)):
            return False
        for item in value if isinstance(value, list) else self._read(value):
            if not self._only_tells(item, depth + 1):
                return False
        return True

    def _read(self, holder: Mapping[str, object]) -> Iterable[object]:
        """Return the members of an object that a model reads."""
        if holder is not self._part:
            return holder.values()
        return [item for key, item in holder.items() if not _is_given_back(key, item)]

    def _value(self, value: _Item, name: str, depth: int) -> _Item:
        new: object = value
        if isinstance(value, str):
            new = self._text(value, name)
            return value if new == value else new  # type: ignore[return-value]  # a text for a text
        if not value or not isinstance(value, list | dict):
            return value
        if depth >= _MAX_DEPTH:
            # FAIL-CLOSED: what is nested too deeply to be looked at is not shown.
            new = [] if isinstance(value, list) else {}
            self.found.cut += 1
        elif isinstance(value, list):
            items = [self._value(item, name, depth + 1) for item in value]
            new = value if all(one is other for one, other in zip(items, value, strict=True)) else items
        else:
            members = {self._key(key): self._member(value, key, item, depth) for key, item in value.items()}
            same = len(members) == len(value) and all(members.get(key) is item for key, item in value.items())
            new = value if same else members
        return new  # type: ignore[return-value]  # a list for a list, an object for an object

    def _key(self, key: str) -> str:
        key = self._inert(key) if self._hides else key
        return self._masked(key, "") if self._masks else key

    def _member(self, holder: Mapping[str, object], key: str, item: object, depth: int) -> object:
        if holder is self._part and isinstance(item, str) and _is_given_back(key, item):
            return self._given_back(item, key) if self._masks else item
        if key in _CODED and isinstance(item, str) and ("mimeType" in holder or "uri" in holder):
            return self._coded(item, key)
        return self._value(item, key, depth + 1)

    def _given_back(self, item: str, key: str) -> str:
        """Return what a client carries for its server: sealed where it would have to be masked."""
        if self._seal is None or key not in _SEALED or len(item) > _MAX_SEALED_CHARS:
            return self._masked(item, "")
        if any(holds(item.encode(), secret.spellings) for secret in self._secrets):
            return self._masked(item, "")  # ours is nothing that a server's state should hold
        return self._seal(item) if self._detector.find(item.encode(), in_answer=True) else item

    def _coded(self, coded: str, name: str) -> str:
        """Clean what should be base64: text in it, whatever its label says, and all of it where it is none.

        Of pictures, sounds and what else is no UTF-8 the credentials alone are covered, and all else stays.
        """
        try:
            data = base64.b64decode(coded.replace("\r\n", "\n").replace("\n", ""), validate=True)
        except ValueError:
            return self._text(coded, name)
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            return self._blob(coded, data)
        kept = self._hides, self._masks, self._secrets
        self._hides, self._masks, self._secrets = True, True, list(self._ours)
        new = self._text(text, "")
        self._hides, self._masks, self._secrets = kept
        if new != text:
            return base64.b64encode(new.encode()).decode("ascii")
        return self._masked(coded, "") if self._masks else coded

    def _blob(self, coded: str, data: bytes) -> str:
        shown = covered(data, self._detector, self._ours, own=OWN)
        if not shown.rules:
            return self._masked(coded, "") if self._masks else coded
        self.found.rules |= shown.rules
        self.found.values += shown.values
        return base64.b64encode(shown.data).decode("ascii")

    def _text(self, text: str, name: str) -> str:
        if self._hides:
            text = self._inert(text)
        if self._masks:
            text = self._masked(text, name)
        if len(text) > self._left and text not in _WORDS:
            more = len(text) - self._left
            self.found.cut += more
            text = f"{text[: self._left]}\n[{more} more characters were left out]"
        self._left = max(0, self._left - len(text))
        if len(text) >= _TOLD_CHARS:
            self._texts.append(text)
        return text

    def _inert(self, text: str) -> str:
        shown = inert(text)
        self.found.hidden |= shown.hidden
        self.found.shown += shown.count
        if shown.hidden & {Hidden.TAG, Hidden.SELECTOR}:
            self._texts.append(text)  # as it came: what it spells is looked at
        return shown.text

    def _masked(self, text: str, name: str) -> str:
        head = f"{name}: ".encode() if name else b""
        data = head + self._without_own(text).encode("utf-8", "surrogatepass")
        out: list[bytes] = []
        at = len(head)
        for finding in self._detector.find(data, in_answer=True):
            if finding.end > at:
                out += (data[at : max(at, finding.start)], f"[redacted:{finding.rule}]".encode())
                self.found.rules.add(finding.rule)
                self.found.values.append(data[max(at, finding.start) : finding.end].decode("utf-8", "replace"))
                at = finding.end
        return b"".join([*out, data[at:]]).decode("utf-8", "surrogatepass")

    def _without_own(self, text: str) -> str:
        for secret in self._secrets:
            for form in secret.spellings:
                spelled = form.decode("utf-8", "surrogateescape")
                if spelled in text:
                    text = text.replace(spelled, f"[redacted:{OWN}]")
                    self.found.rules.add(OWN)
        return text


def _may_hide(raw: bytes) -> bool:
    """Tell whether something may hide in a message; one byte is looked for thirty times as fast as two."""
    if not raw.isascii() or raw.find(b"\x7f") >= 0:
        return True
    return raw.find(b"\\") >= 0 and holds(raw, _HIDING)


def _is_given_back(key: str, item: object) -> bool:
    """Tell whether a member of a part is one that clients give back as it is."""
    return key in _OPAQUE and isinstance(item, str) and _PLAIN.fullmatch(item) is not None
