"""Credentials that are known by where they stand: behind a header's name, in an address, in armour, in a field."""

import base64
import binascii
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from firewall.classify.credentials.rules import LONGEST_NAME, Harmless, plain_name
from firewall.classify.credentials.values import Finding, is_opaque, is_ours

Pattern = re.Pattern[bytes]
_AFTER_HEADER = re.compile(
    rb"\\?[\"']?[ \t]{0,3}[:=,][ \t]{0,3}\\?[\"'`]?"
    rb"(?:(Bearer|Basic|Token|ApiKey|Api-Key|Bot|Key|SSO|GenieKey|JWT)[ \t]{1,3})?"
    rb"([A-Za-z0-9_.~+/:-]{8,8192}={0,3})",
    re.IGNORECASE,
)
_AFTER_BEARER = re.compile(rb"[ \t]{0,3}([A-Za-z0-9_.~+/:-]{16,8192}={0,3})")
_HEADER_SIGNS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-"
_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]{1,30}\Z")
_LOGIN = re.compile(
    rb"://[^\s\"'\\@/:<>?#]{0,128}:((?:[^\s\"'\\@/<>]|\\[u/]){3,512})@(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})"
)
_CODED_LOGIN = re.compile(
    rb"%3[Aa]%2[Ff]%2[Ff](?:[A-Za-z0-9_.~+-]|%(?!40|3[Aa]|2[Ff])[0-9A-Fa-f]{2}){0,128}"
    rb"%3[Aa]((?:[A-Za-z0-9_.~!*()+-]|%(?!40)[0-9A-Fa-f]{2}){3,512})%40([A-Za-z0-9._-]{1,253})"
)
_VARIABLE = re.compile(rb"[$<{*%]|.*(?:\$\{|\{\{|\$\()", re.DOTALL)
_LOOPBACK = re.compile(
    rb"127\.[0-9.]+|\[::1\]|0\.0\.0\.0|[A-Za-z0-9_-]+|(?:.+\.)?(?:localhost|host\.docker\.internal)"
)
_ARMOUR = re.compile(rb"-----BEGIN (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_ARMOUR_BODY = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=:,.()@<> \t\r\n\\-"
_ARMOUR_LEAST = 64
ARMOUR_MOST = 16_384
MOST = 20_000
"""Occurrences of one word that are looked at: what holds more is made to cost time."""
_NAME_SIGNS = _HEADER_SIGNS + b"_."
_NAME_REST = re.compile(rb"[A-Za-z0-9_.-]{0,40}")
_ASSIGNS = re.compile(rb"\\?[\"']?[ \t]{0,3}(?:=>|:=|[:=])[ \t]{0,3}\\?[\"'`]?")
_FIELD = re.compile(
    rb"([A-Za-z0-9_.-]{0,40}+)"
    rb"(?:[\"'][ \t]{0,3}[:=][ \t\r\n]{0,3}\"((?:[^\s\"\\]|\\\S){4,4096})\""
    rb"|[\"']?[ \t]{0,3}[:=][ \t]{0,3}'([^\s'\\]{4,4096})'"
    rb"|\\\"[ \t]{0,3}:[ \t]{0,3}\\\"([^\s\"\\]{4,4096})\\\")"
)
"""The rest of a field's name, then its value."""
ARMOUR = b"-----BEGIN "
ARMOUR_SPELLED = "-----begin "
BEARER = b"bearer "
BEARER_SPELLED = "bearer "
SECRET = "secret"  # noqa: S105 - a word that names of secrets hold
FIELD_WORDS = ("passw", SECRET, "token", "key", "connection", "databaseurl", "database_url")
"""Of these one stands in the name of every field whose value is a secret."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """A name with a value behind it."""

    name: bytes
    start: int
    """Where the value begins."""


def anchors_of(headers: Collection[bytes]) -> tuple[bytes, ...]:
    """Return few words of which every header's name holds one at its end."""
    tails = sorted({name[name.rfind(b"-") :] if b"-" in name else name for name in headers}, key=len)
    found: list[bytes] = []
    for tail in tails:
        if not any(tail.endswith(known) for known in found):
            found.append(tail)
    return tuple(one for one in found if not any(one != other and one.endswith(other) for other in found))


def occurrences(text: bytes, word: bytes) -> Iterator[int]:
    """Yield where a word stands, as often as anybody who means something by it writes it."""
    at, left = text.find(word), MOST
    while at >= 0 and left:
        yield at
        left -= 1
        at = text.find(word, at + len(word))


def in_headers(
    data: bytes,
    lower: bytes,
    anchors: Sequence[bytes],
    *,
    headers: Collection[bytes],
    harmless: Harmless,
) -> Iterator[Finding]:
    """Yield what stands behind the name of a header that authenticates, or behind `Bearer`."""
    for anchor in anchors:
        for at in occurrences(lower, anchor):
            end = at + len(anchor)
            name = lower[_begin_of(lower, at, _HEADER_SIGNS) : end]
            match = _AFTER_HEADER.match(data, end) if name.lstrip(b"-") in headers else None
            if match is not None and _authenticates(match[1] or b"", match[2], harmless):
                yield Finding("auth-header", match.start(2), match.end(2))
    for at in occurrences(lower, BEARER):
        match = _AFTER_BEARER.match(data, at + 7)
        if match is not None and _authenticates(b"bearer", match[1], harmless):
            yield Finding("bearer-token", match.start(1), match.end(1))


def _begin_of(data: bytes, at: int, signs: bytes) -> int:
    """Return where the name begins that a word at `at` is a part of, at most LONGEST_NAME before it."""
    before = data[max(0, at - LONGEST_NAME) : at]
    return at - len(before) + len(before.rstrip(signs))


def _authenticates(scheme: bytes, value: bytes, harmless: Harmless) -> bool:
    if is_ours(value) or harmless.covers(value):
        return False
    if scheme.lower() != b"basic":
        return is_opaque(value)
    try:
        login = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return False
    password = login.partition(b":")[2]
    return bool(password) and not is_ours(password) and password.lower() not in harmless.passwords


def may_have_logins(text: str) -> bool:
    """Tell at once whether an address with a password could stand in a text, which is given in lower case."""
    if "@" in text and "://" in text:
        return True
    return "%" in text and "%40" in text and "%3a%2f%2f" in text


def words_of(anchors: Sequence[str]) -> tuple[str, ...]:
    """Return words of which a text holds one wherever a header's name, `Bearer` or `secret` stands in it.

    `anchors`: ends of headers' names; those that a word of fields stands in need none of their own.
    """
    return tuple(dict.fromkeys((*map(word_of, anchors), SECRET, BEARER_SPELLED)))


def word_of(anchor: str) -> str:
    """Return the word that is searched for before the end of a header's name is."""
    return next((word for word in FIELD_WORDS if word in anchor), anchor)


def in_addresses(data: bytes, harmless: Harmless) -> Iterator[Finding]:
    """Yield the passwords of addresses; not those of the machine's own or a compose file's services."""
    for sign, login in ((b"://", _LOGIN), (b"%3A%2F%2F", _CODED_LOGIN), (b"%3a%2f%2f", _CODED_LOGIN)):
        for at in occurrences(data, sign):
            match = login.match(data, at)
            if match is None or not _SCHEME.search(data, max(0, at - 32), at):
                continue
            password = unquote_to_bytes(match[1]) if login is _CODED_LOGIN else match[1]
            if _VARIABLE.match(password) or is_ours(password) or harmless.covers(password):
                continue
            if password.lower() in harmless.passwords or _LOOPBACK.fullmatch(match[2]):
                continue
            yield Finding("address-password", match.start(1), match.end(1))


def armoured(data: bytes) -> Iterator[Finding]:
    """Yield private keys in PEM or OpenPGP armour, also where line breaks are escaped."""
    end = -1
    for at in occurrences(data, ARMOUR):
        match = _ARMOUR.match(data, at)
        if match is None:
            continue
        if end < match.end():
            end = data.find(b"-----END", match.end())
            end = len(data) if end < 0 else end
        body = data[match.end() : end] if end - match.end() <= ARMOUR_MOST and end < len(data) else b""
        if len(body) >= _ARMOUR_LEAST and not body.translate(None, _ARMOUR_BODY):
            close = data.find(b"-----", end + 8, end + 80)
            yield Finding("private-key", at, close + 5 if close >= 0 else end)


def assigned(data: bytes, lower: bytes, word: bytes) -> Iterator[Assigned]:
    """Yield every assignment to a name that holds `word`."""
    for at in occurrences(lower, word):
        rest = _NAME_REST.match(data, at)
        end = rest.end() if rest else at
        sign = _ASSIGNS.match(data, end)
        if sign is not None:
            yield Assigned(data[_begin_of(data, at, _NAME_SIGNS) : end], sign.end())


def in_fields(
    data: bytes, lower: bytes, word: bytes, *, names: Collection[str], harmless: Harmless
) -> Iterator[Finding]:
    """Yield the quoted values of fields whose names hold `word` and say that they hold a secret."""
    for at in occurrences(lower, word):
        match = _FIELD.match(data, at)
        if match is None or plain_name(data[_begin_of(data, at, _NAME_SIGNS) : match.end(1)]) not in names:
            continue
        value = match[match.lastindex or 2]
        if not harmless.covers(value) and not _VARIABLE.match(value):
            yield Finding("secret-field", *match.span(match.lastindex or 2))
