"""Which kinds of sensitive data a call's text holds: credentials and personal data, as labels.

Each text of a conversation is searched once, although every turn brings it again: what was found is remembered by
its hash. Pictures and other data in base64 are not text.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping

from firewall.classify.credentials.detector import Detector
from firewall.classify.personal.scanner import Scanner
from firewall.routing.call import ModelCall
from firewall.routing.choosing.facts import SENSITIVITY, words_of
from firewall.spend.attribution import HEADER, tags_of

CREDENTIALS = "credentials"
PERSONAL = "personal"
_REMEMBERED = 50_000
_LONG = 512
"""Shorter texts are searched anew: that costs what remembering them would."""
_DATA = re.compile(r"(?:data:[\w.+-]+/[\w.+-]+;base64,)?[A-Za-z0-9+/_-]{4096,}={0,2}")
"""A text that is data from end to end: base64, without a break."""
_WORD = re.compile(r"[A-Za-z_]{1,32}")
"""A name of a field or a kind, as dialects have them."""
_SEALED = frozenset({"data", "signature", "encrypted_content", "thoughtSignature", "thought_signature"})
"""Fields that hold base64 of any length; with anything else in them they are texts like others."""
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
_TYPE = "type"
_PICTURE = "data"
"""A short text under this name is a caller's own."""
_NONE: frozenset[str] = frozenset()


class Labels:
    """Searches calls; `detector` and `scanner` are asked anew, so a loaded policy counts at once."""

    def __init__(self, detector: Callable[[], Detector], scanner: Callable[[], Scanner]) -> None:
        self._detector = detector
        self._scanner = scanner
        self._known: OrderedDict[int, frozenset[str]] = OrderedDict()
        self._of: tuple[Detector, Scanner] | None = None

    def of(self, call: ModelCall) -> frozenset[str]:
        """Return the labels of a call: found in its text, or said by its tags, whatever the token's tags say."""
        using = (self._detector(), self._scanner())
        if self._of is None or any(old is not new for old, new in zip(self._of, using, strict=True)):
            self._of = using
            self._known.clear()
        found: set[str] = set()
        for text in _texts(call.value):
            found |= self._in(text, *using)
        said = (value for name, value in tags_of(call.headers.get(HEADER, "")) if name == SENSITIVITY)
        return frozenset(found | words_of(said))

    def _in(self, text: str, detector: Detector, scanner: Scanner) -> frozenset[str]:
        if len(text) < _LONG:
            return _search(text, detector, scanner)
        key = hash(text)  # keyed anew in each process: nobody can make two texts look alike
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = _search(text, detector, scanner)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return known


def _search(text: str, detector: Detector, scanner: Scanner) -> frozenset[str]:
    if _DATA.fullmatch(text):
        return _NONE
    kinds = scanner.kinds_in(text)
    found = {f"{PERSONAL}:{kind}" for kind in kinds} | ({PERSONAL} if kinds else set())
    if len(text) >= 8 and detector.find(text.encode("utf-8", "surrogatepass")):
        found.add(CREDENTIALS)
    return frozenset(found)


def _texts(value: object) -> Iterator[str]:
    """Yield every text of a request, names of fields included, but for what no model reads as text."""
    stack = [value]
    while stack:
        found = stack.pop()
        if isinstance(found, str):
            yield found
        elif isinstance(found, list):
            stack += found
        elif isinstance(found, Mapping):
            for key, one in found.items():
                if not _WORD.fullmatch(key):
                    yield key
                if not isinstance(one, str) or not _is_silent(key, one):
                    stack.append(one)


def _is_silent(key: str, text: str) -> bool:
    if key == _TYPE:
        return _WORD.fullmatch(text) is not None
    if key == _PICTURE and len(text) < _LONG:
        return False
    return key in _SEALED and _BASE64.fullmatch(text) is not None
