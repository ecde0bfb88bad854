"""How much a request asks for: amounts that money is held by, so what is no amount is refused where it is read."""

from collections.abc import Mapping

from firewall.core.errors import ProtocolError

MOST_TOKENS = 10_000_000
"""No model writes as much: a larger number is a mistake, or somebody who tries what happens."""
MOST_CANDIDATES = 128
"""As many as any provider generates for one request."""


def token_limit(value: Mapping[str, object], name: str) -> int | None:
    """Return the limit of tokens that a request sets under `name`, None where it sets none.

    Raises: ProtocolError `max_tokens_invalid` (400) for what is no whole number between 0 and MOST_TOKENS.
    """
    return _amount(value.get(name), name, least=0, most=MOST_TOKENS, code="max_tokens_invalid")


def candidate_count(value: Mapping[str, object], name: str) -> int:
    """Return how many answers a request asks for under `name`; 1 where it does not say.

    Raises: ProtocolError `candidates_invalid` (400) for what is no whole number between 1 and MOST_CANDIDATES.
    """
    found = _amount(value.get(name), name, least=1, most=MOST_CANDIDATES, code="candidates_invalid")
    return 1 if found is None else found


def _amount(found: object, name: str, *, least: int, most: int, code: str) -> int | None:
    if found is None:
        return None
    if isinstance(found, float) and found.is_integer() and abs(found) <= most:
        found = int(found)  # `1e3` and `4096.0` are numbers of JSON like any other
    if not isinstance(found, int) or isinstance(found, bool) or not least <= found <= most:
        raise ProtocolError(f"`{name}` must be a whole number from {least} to {most}", code=code)
    return found


def count(value: object, name: str) -> int:
    """Return a provider's count under `name` of an object; 0 where it says none."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if type(found) is int and found >= 0 else 0


def word(value: Mapping[str, object], name: str) -> str:
    """Return a provider's word under `name`; empty where it says none."""
    found = value.get(name)
    return found if isinstance(found, str) else ""
