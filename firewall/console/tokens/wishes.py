"""The forms to mint and to narrow, read: fields of a page to the wish that the desk of tokens takes.

What is left empty is left out, so that its default, or the parent's value, stands.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from firewall.core.grant import GrantError, Verb

Json = dict[str, object]
_TEXTS = ("env", "owner", "agent", "role", "workspace", "ttl")
_LISTS = ("tools", "targets", "resources", "models")
_COUNTS = ("max_requests_per_minute", "destructive_per_hour")
VERB_FIELDS = {f"verb_{verb.value}": verb for verb in Verb}
"""A box for each verb: a field may stand in a form once."""
MOST_MICROS = 10**15


def wish_from(fields: Mapping[str, str]) -> Json:
    """Return the wish that a form describes. Raises: GrantError."""
    wish: Json = {name: fields[name].strip() for name in _TEXTS if fields.get(name, "").strip()}
    for name in _LISTS:
        parts = [part for part in fields.get(name, "").replace(",", " ").split() if part]
        if parts:
            wish[name] = parts
    for name in _COUNTS:
        text = fields.get(name, "").strip()
        if text:
            wish[name] = _whole(name, text)
    money = fields.get("money", "").strip()
    if money:
        wish["money_cap_micros"] = _micros(money)
    verbs = [verb.value for field, verb in VERB_FIELDS.items() if field in fields]
    if not verbs:
        raise GrantError("choose at least one thing that the token may do")
    wish["verbs"] = verbs
    return wish


def _whole(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) == 0:
        raise GrantError(f"`{name}` is a whole number above 0")
    return int(text)


def _micros(text: str) -> int:
    try:
        micros = Decimal(text.removeprefix("$")) * 1_000_000
    except InvalidOperation as error:
        raise GrantError("the money cap is a number of dollars, as 2.50") from error
    if not micros.is_finite() or micros != micros.to_integral_value() or not 0 < micros <= MOST_MICROS:
        raise GrantError("the money cap is a number of dollars, as 2.50")
    return int(micros)
