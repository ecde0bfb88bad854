"""Credentials in bytes that are no text (pictures, databases, text in UTF-16): covered at their length. Pure.

What is compressed is not looked into.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from firewall.classify.credentials.detector import Detector
from firewall.core.secret import Secret
from firewall.core.spellings import holds

WITHHELD = b"[redacted]"
"""In place of bytes in which a credential stands that cannot be covered alone."""


@dataclass(slots=True)
class Covered:
    """Bytes as they may be shown."""

    data: bytes
    rules: set[str] = field(default_factory=set)
    """By which rules credentials were found; empty: nothing was."""
    values: list[str] = field(default_factory=list)
    """What was covered, others' credentials alone."""


def covered(data: bytes, detector: Detector, secrets: Sequence[Secret], *, own: str) -> Covered:
    """Return bytes without credentials; `secrets` are ours, found by the rule `own`."""
    found = Covered(data)
    for secret in secrets:
        for form in secret.spellings:
            if form and found.data.find(form) >= 0:
                found.data = found.data.replace(form, b"*" * len(form))
                found.rules.add(own)
    for finding in detector.find(found.data, in_answer=True):
        start, end = finding.start, finding.end
        found.rules.add(finding.rule)
        found.values.append(data[start:end].decode("latin-1"))
        found.data = found.data[:start] + b"*" * (end - start) + found.data[end:]
    _wide(found, detector, secrets, own)
    return found


def _wide(found: Covered, detector: Detector, secrets: Sequence[Secret], own: str) -> None:
    """Withhold all of it where a credential stands in it with zeros between its letters, as UTF-16 writes them."""
    if found.data.find(b"\0") < 0:
        return
    narrow = found.data.replace(b"\0", b"")
    rules = {finding.rule for finding in detector.find(narrow, in_answer=True)}
    if any(holds(narrow, secret.spellings) for secret in secrets):
        rules.add(own)
    if rules:
        found.rules |= rules
        found.data = WITHHELD
