"""What an error is, told from its status and words: shared by the readers of all dialects."""

import re

import orjson

from firewall.codecs.neutral.events import Fault

_BY_STATUS = {
    400: Fault.INVALID, 401: Fault.AUTHENTICATION, 402: Fault.BILLING, 403: Fault.PERMISSION, 404: Fault.NOT_FOUND,
    408: Fault.TIMEOUT, 413: Fault.TOO_LARGE, 422: Fault.INVALID, 429: Fault.RATE, 503: Fault.OVERLOADED,
    504: Fault.TIMEOUT, 524: Fault.TIMEOUT, 529: Fault.OVERLOADED,
}  # fmt: skip
_CONTEXT = re.compile(
    r"prompt is too long|context[ _](?:length|window)|maximum context|too many (?:input )?tokens"
    r"|exceeds? the (?:maximum|max)[\w ]{0,30}tokens|input is too long|reduce the length of the messages"
)
_BILLING = re.compile(r"credit balance|insufficient[ _]quota|exceeded your current quota|billing|payment required")
_LONGEST = 2_000
"""Of a message, in characters: an error page is no message."""


def fault_of(status: int, message: str = "") -> Fault:
    """Return what an error is by its HTTP status, and by its words where several share one."""
    words = message[:_LONGEST].lower()
    if status in (400, 413, 422) and _CONTEXT.search(words):
        return Fault.CONTEXT
    if status in (400, 403, 429) and _BILLING.search(words):
        return Fault.BILLING
    found = _BY_STATUS.get(status)
    if found is not None:
        return found
    return Fault.SERVER if status >= 500 or status < 400 else Fault.INVALID


def object_of(body: bytes) -> dict[str, object]:
    """Return the object that a body holds, of a list of one as well; empty where it holds none."""
    try:
        value: object = orjson.loads(body)
    except (orjson.JSONDecodeError, RecursionError):
        return {}
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, dict) else {}


def words_of(message: object, status: int) -> str:
    """Return a message fit to be shown; of anything but text, that there was none."""
    if isinstance(message, str) and message.strip():
        return message[:_LONGEST]
    return f"the provider answered with status {status}"
