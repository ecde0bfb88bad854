"""From what an API answered to facts: attributes for conditions, the state that is bound, words for people.

What an answer says is untrusted: texts are cut, one line, without anything that markup or backticks could be made
of. INVARIANT: what the answer does not hold is absent.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from firewall.classify.resolvers.paths import reach, text_of
from firewall.classify.resolvers.vendor import Fact, ThingRule
from firewall.core.action import Attribute
from firewall.core.approval import LOST, NONE, RESTORE
from firewall.core.ids import sha256_hex
from firewall.core.world import MAX_TEXT_CHARS

_HOUR_US = 3_600_000_000
_AHEAD_US = 5 * 60 * 1_000_000
"""How far another clock may be ahead; a restore point of the future says nothing."""
_INSTANTS = frozenset({"updated_at", "last_used_at", "backup_at", "backup_at_outside"})
_TEXTS = frozenset({"name", "owner", "backup_where", "backup_where_outside"})
_COUNTS = frozenset({"backups", "holds"})
_FLAGS = frozenset({"protected", "recovery_point", "versioned"})
_HELD = (("row_count", "rows"), ("holds", "things in it"))
_MEGABYTES: Mapping[str, float] = {"size_mb": 1, "size_gb": 1024, "size_bytes": 1 / 1048576, "row_count": 1}
_QUANTITIES: Mapping[str, float] = {
    "Ki": 1 / 1024, "Mi": 1, "Gi": 1024, "Ti": 1024**2, "k": 1 / 1048.576, "M": 0.953674, "G": 953.674,
}  # fmt: skip

Raw = dict[str, Attribute]
"""Facts by the names of vendor.FACTS; instants in unix microseconds, sizes in MB under `size_mb`."""


def clean(text: str) -> str:
    """Return an API's text as it may be shown: one line, no hidden signs, no backticks or angles, bounded."""
    line = "".join(
        char if char.isprintable() and char not in "`<>" else "?" for char in text[: MAX_TEXT_CHARS + 1]
    )
    return line if len(line) <= MAX_TEXT_CHARS else line[: MAX_TEXT_CHARS - 1] + "…"


def gathered(rules: Sequence[Fact], values: Sequence[object], now_us: int = 0) -> Raw:
    """Return what facts say of objects (one thing, or what several questions answered about it)."""
    found: Raw = {}
    for rule in rules:
        value = _fact(rule, values, now_us)
        if value is not None:
            found["size_mb" if rule.name.startswith("size_") else rule.name] = value
    return found


def merged(raw: Raw, more: Raw) -> Raw:
    """Return what two questions said of one thing: newest instants, all restore points, else the later word."""
    found = {**raw, **more}
    for name in raw.keys() & more.keys():
        one, other = raw[name], more[name]
        if isinstance(one, int) and isinstance(other, int) and (name in _INSTANTS or name == "backups"):
            found[name] = max(one, other) if name in _INSTANTS else one + other
    return found


def _fact(rule: Fact, objects: Sequence[object], now_us: int) -> Attribute | None:
    if rule.unless and any(
        text_of(value) not in ("", "false") for one in objects for value in reach(one, rule.unless)
    ):
        return None
    if not rule.path:
        return rule.value
    values = [value for one in objects for value in reach(one, rule.path)]
    if rule.value is not None:
        value = now_us if rule.name in _INSTANTS and rule.value == "now" else rule.value
        return value if values else None
    if rule.matches is not None:
        texts = [text_of(value) for value in values]
        return any(rule.matches.search(text[:500]) for text in texts) if texts else None
    return _reduced(rule.name, values)


def _reduced(name: str, values: Sequence[object]) -> Attribute | None:
    if name in _COUNTS:
        return len(values)
    if not values:
        return None
    if name in _INSTANTS:
        return max(filter(None, map(instant, values)), default=None)
    if name in _MEGABYTES or name == "size_quantity":
        return _total(values, _MEGABYTES.get(name, 1))
    if name in _FLAGS:
        return any(str(value).lower() in ("true", "1") for value in values)
    return _text(name, [text_of(value) for value in values])


def _total(values: Sequence[object], unit: float) -> int | None:
    """Return the sum; None where one of them is no number."""
    numbers = [one for value in values if (one := number(value)) is not None]
    total = sum(numbers) * unit
    return round(total) if len(numbers) == len(values) and math.isfinite(total) else None


def _text(name: str, texts: Sequence[str]) -> str:
    """Return texts as one: for people, or short enough to be compared."""
    if name in _TEXTS:
        return clean(", ".join(dict.fromkeys(texts)))
    return texts[0] if len(texts) == 1 and len(texts[0]) <= 64 else sha256_hex("\n".join(texts).encode())[:32]


def number(value: object) -> float | None:
    """Return a number, also from text; a quantity of Kubernetes in MB."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if abs(value) < 1e18 else None
    if not isinstance(value, str) or len(value) > 30:
        return None
    unit = next((unit for unit in _QUANTITIES if value.endswith(unit)), "")
    try:
        found = float(value.removesuffix(unit)) if unit else float(value)
    except ValueError:
        return None
    # A Kubernetes quantity without a unit is bytes; elsewhere texts have the unit that the fact's name says.
    return found * _QUANTITIES[unit] if unit else found


def instant(value: object) -> int | None:
    """Return a time as unix microseconds: ISO 8601 text, or seconds or milliseconds since 1970."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        seconds = value / 1000 if value > 1e11 else value
        return int(seconds * 1e6) if 0 < seconds < 1e10 else None
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return int(at.timestamp() * 1e6) if at.year > 1970 else None


def attributes(raw: Mapping[str, Attribute], now_us: int) -> dict[str, Attribute]:
    """Return what conditions may ask for; of restore points the newest that the call would leave counts."""
    found: dict[str, Attribute] = {
        name: raw[name]
        for name in ("size_mb", "row_count", "holds", "backups", "protected", "recovery_point", "versioned")
        if name in raw
    }
    for name, known in (("resource_name", "name"), ("resource_owner", "owner")):
        if known in raw:
            found[name] = raw[known]
    used = raw.get("last_used_at")
    if isinstance(used, int):
        found["idle_h"] = _hours(used, now_us)
    outside, inside = raw.get("backup_at_outside"), raw.get("backup_at")
    best = outside if outside is not None else inside
    if isinstance(best, int) and best <= now_us + _AHEAD_US:
        found["backup_age_h"] = _hours(best, now_us)
        found["backup_outside_blast_radius"] = outside is not None
    elif raw.get("backups") == 0:
        found["backup_outside_blast_radius"] = False
    return found


def _hours(at_us: int, now_us: int) -> int:
    """Return an age in whole hours, so that `< 24` holds exactly until a day has passed."""
    return max(0, (now_us - at_us) // _HOUR_US)


def bound(raw: Mapping[str, Attribute], rule: ThingRule) -> tuple[tuple[str, str], ...]:
    """Return the state that an approval is bound to. When it was last used is told, and not bound."""
    kept: list[tuple[str, str]] = []
    for name, value in sorted(raw.items()):
        if name in ("last_used_at", "backup_where", "backup_where_outside"):
            continue
        if name in rule.drifting:
            kept.append((name, "known"))
        elif name in rule.rounded and isinstance(value, int):
            kept.append((name, str(two_digits(value))))
        else:
            kept.append((name, _moment(value) if name in _INSTANTS and isinstance(value, int) else str(value)))
    return tuple(kept)


def two_digits(value: int) -> int:
    """Return a number with its two first digits: 18432 is 18000, 240 is 240."""
    size = max(0, len(str(abs(value))) - 2)
    step = int(10**size)
    return round(value / step) * step


def _moment(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def said(
    raw: Mapping[str, Attribute], kind: str, environments: Sequence[str], now_us: int
) -> list[tuple[str, str]]:
    """Return what people are told: what it is, how it could be brought back."""
    words = kind.replace("_", " ")
    of = f" of {raw['owner']}" if raw.get("owner") else ""
    lies = f", in {' and '.join(environments)}" if environments else ""
    name = f" {raw['name']}" if raw.get("name") else ""
    holds = [_size(raw.get("size_mb")), *(f"{raw[key]} {unit}" for key, unit in _HELD if key in raw)]
    used = raw.get("last_used_at")
    more = [one for one in holds if one]
    if isinstance(raw.get("versioned"), bool):
        more.append("older versions are kept" if raw["versioned"] else "older versions are not kept")
    if isinstance(used, int):
        more.append(f"last used {age(used, now_us)} ago")
    told = [("Found", f"{words}{name}{of}{lies}{''.join(f', {one}' for one in more)}")]
    return told + _recovery(raw, words, now_us)


def _recovery(raw: Mapping[str, Attribute], words: str, now_us: int) -> list[tuple[str, str]]:
    outside, inside = raw.get("backup_at_outside"), raw.get("backup_at")
    found: list[tuple[str, str]] = []
    if isinstance(outside, int):
        where = raw.get("backup_where_outside", "kept when this is gone")
        found.append((RESTORE, f"last restore point {age(outside, now_us)} old, {where}"))
    if isinstance(inside, int):
        where = raw.get("backup_where", f"stored in the same {words}")
        found.append((RESTORE, f"last restore point {age(inside, now_us)} old, {where}: {LOST}"))
    if not found and raw.get("backups") == 0:
        found.append((RESTORE, f"{NONE}: what this call removes cannot be brought back"))
    return found


def _size(value: Attribute | None) -> str:
    if not isinstance(value, int):
        return ""
    return f"{value / 1024:.1f} GB" if value >= 1024 else f"{value} MB"


def age(at_us: int, now_us: int) -> str:
    """Return an age in plain words: `3 months`, `5 hours`."""
    hours = max(0, (now_us - at_us) // _HOUR_US)
    for size, word in ((24 * 365, "year"), (24 * 30, "month"), (24, "day"), (1, "hour")):
        if hours >= size * (2 if word != "hour" else 1):
            number = hours // size
            return f"{number} {word}{'s' if number > 1 else ''}"
    return "less than an hour"
