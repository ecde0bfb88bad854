"""How long a provider asks to be left alone: Retry-After (RFC 9110 10.2.3) and its millisecond form. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_LONGEST_S = 86_400.0


def retry_after_s(fields: Iterable[tuple[bytes, bytes]], now: datetime | None = None) -> float | None:
    """Return the seconds that the fields of an answer name, None where they name none that can be read.

    `now`: what a date is compared with; none: the date of the answer itself, and without one it is not read.
    """
    said = {name.lower(): value for name, value in fields}
    fine = _number(said.get(b"retry-after-ms", b""))
    if fine is not None:
        return min(fine / 1000, _LONGEST_S)
    value = said.get(b"retry-after", b"")
    seconds = _number(value)
    if seconds is not None:
        return min(seconds, _LONGEST_S)
    at, since = _date(value), now or _date(said.get(b"date", b""))
    if at is None or since is None:
        return None
    return min(max(0.0, (at - since).total_seconds()), _LONGEST_S)


def _number(value: bytes) -> float | None:
    text = value.strip()
    whole, _, rest = text.partition(b".")
    if not whole.isdigit() or len(text) > 12 or (rest and not rest.isdigit()):
        return None
    return float(text)


def _date(value: bytes) -> datetime | None:
    if not value:
        return None
    try:
        found = parsedate_to_datetime(value.decode("latin-1"))
    except (ValueError, TypeError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
