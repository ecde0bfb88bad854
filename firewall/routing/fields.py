"""Which header fields cross to a provider and back: tables as data, and two functions that apply them.

Both directions are lists of what may pass; everything else stays. INVARIANT: nothing that authenticates, names an
account, or steers a proxy crosses, in either direction.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from firewall.core.errors import ProtocolError
from firewall.core.spellings import holds

OUT = frozenset(
    {
        b"accept",
        b"anthropic-beta",
        b"anthropic-dangerous-direct-browser-access",
        b"anthropic-version",
        b"content-type",
        b"idempotency-key",
        b"openai-beta",
        b"originator",
        b"session-id",
        b"thread-id",
        b"user-agent",
        b"version",
        b"x-app",
        b"x-client-request-id",
        b"x-goog-api-client",
        b"x-openai-internal-codex-responses-lite",
        b"x-openai-subagent",
        b"x-request-id",
    }
)
"""From the client to the provider: what the agents send and providers answer to (CLIENTS.md)."""
OUT_PREFIXES = (b"x-claude-code-", b"x-codex-", b"x-gemini-", b"x-stainless-")
OUT_WITH_OWN_LOGIN = frozenset({b"chatgpt-account-id", b"openai-organization", b"openai-project"})
"""Name an account: only beside the client's own login, never beside our key."""

BACK = frozenset(
    {
        b"anthropic-version",
        b"content-type",
        b"openai-model",
        b"openai-processing-ms",
        b"openai-version",
        b"request-id",
        b"retry-after",
        b"retry-after-ms",
        b"x-goog-request-id",
        b"x-models-etag",
        b"x-reasoning-included",
        b"x-request-id",
        b"x-should-retry",
    }
)
"""From the provider to the client."""
BACK_PREFIXES = (b"anthropic-ratelimit-", b"x-codex-", b"x-ratelimit-")

_STAYS = frozenset(
    {
        b"accept-encoding",
        b"accept-language",
        b"authorization",
        b"connection",
        b"content-length",
        b"host",
        b"x-api-key",
        b"x-goog-api-key",
        b"x-stayhand-token",
    }
)
"""What nearly every client sends and never goes along: known at one look."""
_KEPT_BYTES = 64
_TOKEN = re.compile(rb"[a-z0-9!#$%&'*+.^_`|~-]+")
_FRAMING = frozenset(
    {b"accept-encoding", b"connection", b"content-length", b"host", b"te", b"transfer-encoding", b"upgrade"}
)
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_CONTROLS = bytes([*range(9), *range(10, 32), 127])
_MARKS = (b"token", b"auth", b"secret", b"cookie", b"api-key", b"apikey", b"credential", b"password")
"""No field with one of these in its name crosses, whichever prefix it has."""


def outbound(fields: Iterable[tuple[bytes, bytes]], *, own_login: bool) -> list[tuple[bytes, bytes]]:
    """Return the client's fields that go to the provider, without those that its Connection header names.

    Raises: ProtocolError `header_malformed` (400) for a value that could end the line.
    """
    kept: list[tuple[bytes, bytes]] = []
    named: set[bytes] = set()
    for field in fields:
        name = field[0]
        if name in OUT:
            kept.append(field)
        elif name in _STAYS:
            if name == b"connection":
                named.update([token.strip().lower() for token in field[1].split(b",")])
        elif (_known_out if len(name) <= _KEPT_BYTES else _goes_out)(name, own_login=own_login):
            kept.append(field)
    if not named.isdisjoint([name for name, _ in kept]):
        kept = [field for field in kept if field[0] not in named]
    # A tab may stand in a value, so it joins them without adding anything to be found.
    if _has_control(b"\t".join([value for _, value in kept])):
        name = next(name for name, value in kept if _CONTROL.search(value))
        raise ProtocolError(f"the header `{name.decode('ascii')}` has control characters", code="header_malformed")
    return kept


def passed(fields: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return fields that a gate has chosen itself.

    Raises: ProtocolError `header_malformed` (400) for a name or value that could end the line.
    """
    held = list(fields)
    for name, value in held:
        if _CONTROL.search(value) or not _TOKEN.fullmatch(name) or name in _FRAMING:
            raise ProtocolError("a header cannot be sent as it is", code="header_malformed")
    return held


def inbound(raw: Sequence[tuple[bytes, bytes]], secrets: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    """Return the provider's fields that go to the client, names in lower case; none that holds a secret."""
    kept: list[tuple[bytes, bytes]] = []
    for cased, value in raw:
        name = _known_back(cased) if len(cased) <= _KEPT_BYTES else _goes_back(cased)
        if name:
            kept.append((name, value))
    joined = b"\t".join([value for _, value in kept])
    if _has_control(joined):
        kept = [pair for pair in kept if not _CONTROL.search(pair[1])]
    if not holds(joined, secrets):
        return kept
    return [(name, value) for name, value in kept if not holds(value, secrets)]


def _has_control(data: bytes) -> bool:
    """Tell as `_CONTROL` does, for a third of the time: there is mostly none."""
    return len(data.translate(None, _CONTROLS)) != len(data)


def _goes_out(name: bytes, *, own_login: bool) -> bool:
    if name in OUT:
        return True
    return _is_under(name, OUT_PREFIXES) or (own_login and name in OUT_WITH_OWN_LOGIN)


def _goes_back(cased: bytes) -> bytes:
    """Return the name in lower case, nothing for a field that stays."""
    name = cased.lower()
    return name if name in BACK or _is_under(name, BACK_PREFIXES) else b""


_known_out = lru_cache(maxsize=1024)(_goes_out)
_known_back = lru_cache(maxsize=1024)(_goes_back)
"""Few names come often; long ones are not worth the memory."""


def _is_under(name: bytes, prefixes: tuple[bytes, ...]) -> bool:
    # `x-ratelimit-remaining-tokens` counts tokens; it is no credential.
    plain = name.replace(b"-tokens", b"")
    return name.startswith(prefixes) and not any(mark in plain for mark in _MARKS)
