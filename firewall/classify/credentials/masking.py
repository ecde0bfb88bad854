"""Hiding credentials in what flows: each is replaced by `[redacted:RULE]`, wherever the stream is cut.

Only what could still become a credential waits: the word at the end, at most `_MOST` bytes of it, and armour until
it ends. Replacements hold no quote and no backslash, and a match crosses neither, so JSON stays JSON.
INVARIANT: without a finding the bytes that come out are the bytes that went in.
"""

from collections.abc import Callable, Iterable

from firewall.classify.credentials.detector import Detector
from firewall.classify.credentials.values import Finding

_CONTEXT = 160
"""Bytes already sent that are looked at again: the names and headers before a value."""
_MOST = 8 << 10
"""The longest word that waits; a longer one is data."""
_ARMOUR_MOST = 20 << 10
_PIECE = 64 << 10
_BREAKS = b" \t\r\n\"'"
"""No value crosses one of these, but for quotes behind a backslash."""
_TO_BREAK = bytes(ord(" ") if char in _BREAKS else ord("x") for char in range(256))
_BEGIN = b"-----BEGIN "
_END = b"-----END"


class Masker:
    """Masks one answer; fed as it arrives."""

    def __init__(
        self,
        detector: Detector,
        *,
        hides: bool = True,
        found: Callable[[str], None] | None = None,
        keeps_length: bool = False,
    ) -> None:
        """`hides`: False lets everything pass. `found` is told every credential; it must not raise.

        `keeps_length`: what stands for a credential is exactly as long, cut or filled up with `*`.
        """
        self._detector = detector
        self._keeps_length = keeps_length
        self.hides = hides
        """Whether anything is hidden."""
        self._found = found
        self._context = b""
        self._held = b""
        self._is_text = True
        self.masked = 0
        """How many credentials have been hidden."""

    def feed(self, chunk: bytes) -> bytes:
        """Return what may go on."""
        if len(chunk) <= _PIECE:
            return self._feed(chunk, is_last=False)
        return b"".join(self._feed(chunk[at : at + _PIECE], is_last=False) for at in range(0, len(chunk), _PIECE))

    def whole(self, body: bytes) -> bytes:
        """Return what may go on of an answer that is all here; of what is no text, all of it."""
        self._is_text = body.find(b"\0") < 0
        if not self._is_text:
            return body
        if len(body) > _PIECE:
            return self.feed(body) + self.finish()
        return self._hidden(body, self._detector.find(body, in_answer=True), 0, len(body))[0]

    def pass_on(self, chunk: bytes, *, is_first: bool) -> bytes:
        """Feed a piece of an answer; one that begins with what is no text is passed as it is from then on."""
        if is_first:
            self._is_text = chunk.find(b"\0") < 0
        return self.feed(chunk) if self._is_text else chunk

    def finish(self) -> bytes:
        """Return what still waited."""
        return self._feed(b"", is_last=True)

    @property
    def is_waiting(self) -> bool:
        """Whether anything waits that could still become a credential."""
        return bool(self._held)

    def forget(self) -> None:
        """What comes next stands for itself: nothing that went before is its context. Nothing may wait."""
        self._context = b""

    def _feed(self, chunk: bytes, *, is_last: bool) -> bytes:
        sent = len(self._context)
        data = self._context + self._held + chunk
        cut = len(data) if is_last else max(sent, _safe_end(data, sent))
        out, cut = self._hidden(data, self._detector.find(data, in_answer=True), sent, cut)
        self._context = data[max(0, cut - _CONTEXT) : cut]
        self._held = data[cut:]
        return out

    def _hidden(self, data: bytes, found: Iterable[Finding], at: int, cut: int) -> tuple[bytes, int]:
        """Return `data` from `at` to `cut` without what was found, and where that ends: behind the last of it."""
        out: list[bytes] = []
        for finding in found:
            if finding.end <= at:
                continue
            if finding.start >= cut:
                break
            if self._found is not None:
                self._found(data[finding.start : finding.end].decode("utf-8", "surrogateescape"))
            if self.hides:
                start = max(at, finding.start)
                out += (data[at:start], self._stand_in(finding, finding.end - start))
                self.masked += 1
                at = finding.end
        cut = max(cut, at)
        out.append(data[at:cut])
        return b"".join(out), cut

    def _stand_in(self, finding: Finding, length: int) -> bytes:
        words = b"[redacted:%s]" % finding.rule.encode()
        return words.ljust(length, b"*")[:length] if self._keeps_length else words


def _safe_end(data: bytes, sent: int) -> int:
    """Return how much of `data` cannot be the beginning of a credential any more."""
    begun = data.rfind(_BEGIN, max(0, len(data) - _ARMOUR_MOST))
    if begun >= sent:
        end = data.find(_END, begun)
        if (end < 0 or data.find(b"-----", end + len(_END)) < 0) and _may_be_key(data[begun : begun + 80]):
            return begun
    # A value may begin behind spaces, so the name before the last word is kept by the context alone.
    last = data.replace(b'\\"', b"xx").translate(_TO_BREAK).rfind(b" ") + 1
    return last if len(data) - last <= _MOST else len(data)


def _may_be_key(head: bytes) -> bool:
    return b"PRIVATE" in head or len(head) < 60


def masked(data: bytes, detector: Detector) -> bytes:
    """Return a whole text with its credentials hidden."""
    masker = Masker(detector)
    return masker.feed(data) + masker.finish()
