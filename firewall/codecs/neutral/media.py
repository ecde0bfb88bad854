"""Pictures and files by value, as `data:` addresses and base64."""

import base64
import binascii
import re

_DATA = re.compile(r"data:([\w.+-]+/[\w.+-]+)?((?:;[\w.+-]+=[\w.+-]+)*);base64,", re.ASCII)
_TEXT = re.compile(r"text/[\w.+-]+|application/json")


def parse_data_url(url: str) -> tuple[str, str] | None:
    """Return (media type, base64) of a `data:` address, None when it is none or not in base64."""
    found = _DATA.match(url)
    if found is None:
        return None
    return found.group(1) or "text/plain", url[found.end() :]


def data_url(media_type: str, data: str) -> str:
    """Return the `data:` address of base64 data."""
    return f"data:{media_type};base64,{data}"


def is_text(media_type: str) -> bool:
    """Tell whether data of this type is plain text."""
    return _TEXT.fullmatch(media_type) is not None


def plain_text(data: str) -> str | None:
    """Return the text that base64 data holds, None when it is not UTF-8."""
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def packed_text(text: str) -> str:
    """Return text as base64."""
    return base64.b64encode(text.encode()).decode()
