"""Forms with a file, as browsers send them (RFC 7578): few small fields, read strictly. Pure.

INVARIANT: whatever is not exactly of this shape is refused as a whole; names of files are never used.
"""

import re

from firewall.core.errors import ProtocolError

_BOUNDARY = re.compile(
    r'multipart/form-data;\s*boundary=(?:"([^"\r\n]{1,70})"|([^\s";,]{1,70}))\s*', re.IGNORECASE
)
_DISPOSITION = re.compile(
    r'content-disposition:[ ]?form-data; name="([a-z_]{1,40})"(?:; filename="[^"\r\n]{0,255}")?', re.IGNORECASE
)
_MOST_HEAD = 2_048
"""Bytes of the headers of one field."""


def boundary_of(content_type: str) -> bytes:
    """Return what stands between fields; empty: this is no such form."""
    found = _BOUNDARY.fullmatch(content_type)
    return (found[1] or found[2]).encode("latin-1", "replace") if found else b""


def fields_of(body: bytes, boundary: bytes, most: int) -> list[tuple[str, str]]:
    """Return names and texts in their order.

    Raises: ProtocolError `form_invalid` for more than `most` fields, for a field that is no UTF-8 text, and for
    whatever is not of the form.
    """
    mark = b"--" + boundary
    inner, _, rest = body.rpartition(b"\r\n" + mark + b"--")
    if not inner.startswith(mark + b"\r\n") or rest not in (b"", b"\r\n"):
        raise _invalid("its beginning or end is missing")
    parts = inner[len(mark) + 2 :].split(b"\r\n" + mark + b"\r\n", most)
    if len(parts) > most:
        raise _invalid("it has too many fields")
    return [_field(part) for part in parts]


def _field(part: bytes) -> tuple[str, str]:
    head, end, content = part.partition(b"\r\n\r\n")
    lines = head[:_MOST_HEAD].decode("latin-1").split("\r\n")
    named = [found for line in lines if (found := _DISPOSITION.fullmatch(line))]
    said = [line for line in lines if line.lower().startswith("content-disposition:")]
    if not end or len(head) > _MOST_HEAD or len(named) != 1 or len(said) != 1:
        raise _invalid("a field has no name")
    if any(line.lower().startswith("content-transfer-encoding:") for line in lines):
        raise _invalid("a field is encoded")
    try:
        return named[0][1], content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _invalid("a field is no UTF-8 text") from error


def _invalid(why: str) -> ProtocolError:
    return ProtocolError(f"the form cannot be read: {why}", code="form_invalid")
