"""`multipart/form-data` read so that no two readers can understand it differently (RFC 7578, RFC 2046 5.1).

Refused: text before the first part or behind the last, folded or unknown header lines, transfer encodings, names
with escapes, more parts than any form has. The bytes themselves go on as they came.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from firewall.codecs.json_span import Span
from firewall.core.errors import ProtocolError

MAX_PARTS = 64
_MAX_HEAD = 2048
_TYPE = re.compile(
    r"multipart/form-data\s*;\s*boundary="
    r"(?:\"([0-9A-Za-z'()+_,./:=? -]{1,70})\"|([0-9A-Za-z'()+_./:=?-]{1,70}))\s*",
    re.IGNORECASE,
)
_DISPOSITION = re.compile(
    rb"content-disposition:\s*form-data\s*;\s*name=\"([A-Za-z0-9_.\[\]-]{1,80})\""
    rb"(?:\s*;\s*filename\*?=[^\r\n]{0,1024})?\s*",
    re.IGNORECASE,
)
_OTHER = re.compile(rb"content-(?:type|length):[^\r\n]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a form."""

    name: str
    span: Span
    """Where its content lies in the body."""


def is_form(content_type: str) -> bool:
    """Tell whether a request says that its body is a form."""
    return content_type.lower().lstrip().startswith("multipart/form-data")


def parts(body: bytes, content_type: str) -> Sequence[Part]:
    """Return the fields of a form, in order.

    Raises: ProtocolError (400) `form_invalid`.
    """
    delimiter = b"--" + _boundary(content_type)
    if not body.startswith(delimiter):
        raise _invalid("it does not begin with its boundary")
    found: list[Part] = []
    at = len(delimiter)
    while not _is_end(body, at):
        if len(found) == MAX_PARTS:
            raise _invalid(f"it has more than {MAX_PARTS} parts")
        name, begin = _head(body, at)
        end = body.find(b"\r\n" + delimiter, begin - 2)
        if end < 0:
            raise _invalid("its last boundary is missing")
        found.append(Part(name, (begin, max(begin, end))))
        at = end + 2 + len(delimiter)
    return found


def _boundary(content_type: str) -> bytes:
    found = _TYPE.fullmatch(content_type)
    if found is None:
        raise _invalid("its boundary cannot be read")
    return (found[1] or found[2]).encode("ascii")


def _is_end(body: bytes, at: int) -> bool:
    if body[at : at + 2] != b"--":
        return False
    if body[at + 2 :].strip(b"\r\n"):
        raise _invalid("something stands behind its last boundary")
    return True


def _head(body: bytes, at: int) -> tuple[str, int]:
    """Return a part's name and where its content begins."""
    end = body.find(b"\r\n\r\n", at, at + _MAX_HEAD)
    if body[at : at + 2] != b"\r\n" or end < 0:
        raise _invalid("the head of a part cannot be read")
    names: list[str] = []
    for line in body[at + 2 : end].split(b"\r\n"):
        if named := _DISPOSITION.fullmatch(line):
            names.append(named[1].decode("ascii"))
        elif not _OTHER.fullmatch(line):
            raise _invalid("a part has a header line that is not known")
    if len(names) != 1:
        raise _invalid("a part has no name")
    return names[0], end + 4


def _invalid(why: str) -> ProtocolError:
    return ProtocolError(f"the form cannot be read: {why}", code="form_invalid")
