"""Which header fields of an agent's request go to a target, and which of its answer come back.

INVARIANT: nothing that authenticates crosses, in either direction: the target's credential is added by the
carrier alone, and a credential that we did not issue is not passed on but named.
"""

import base64
import re
from collections.abc import Iterable
from functools import lru_cache

from firewall.classify.credentials.detector import Detector
from firewall.core.errors import ProtocolError
from firewall.core.secret import Secret
from firewall.guard.foreign import Foreign

_STAYS = frozenset(
    {
        b"accept-encoding",
        b"connection",
        b"content-length",
        b"date",
        b"expect",
        b"forwarded",
        b"host",
        b"keep-alive",
        b"origin",
        b"proxy-connection",
        b"referer",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"via",
        b"x-http-method",
        b"x-http-method-override",
        b"x-method-override",
        b"x-real-ip",
    }
)
_STAYS_PREFIXES = (
    b"x-stayhand-",
    b"x-forwarded-",
    b"sec-",
    b"proxy-",
    b"cf-",
    b"x-envoy-",
    b"x-original-",
    b"x-rewrite-",
    b"remote-",
    b"x-remote-",
    b"x-webauth-",
    b"x-authenticated-",
    b"x-goog-authenticated-",
    b"x-amzn-oidc-",
    b"x-ms-client-principal",
    b"x-ssl-client-",
    b"ssl-client-",
    b"x-client-cert",
)
"""The later ones are how a proxy that has checked somebody tells a server who that is: we are such a proxy."""
_AUTHENTICATES = re.compile(
    rb"authorization|cookie|(?:.*-)?(?:api-?key|access-?key|access-?token|auth-?token|private-token|job-token"
    rb"|session-token|security-token|secret|password)(?:-.*)?|x-auth.*|x-vault-token|x-registry-(?:auth|config)"
)
_BACK_STAYS = frozenset(
    {
        b"alt-svc",
        b"authentication-info",
        b"connection",
        b"content-encoding",
        b"content-length",
        b"date",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"server",
        b"set-cookie",
        b"strict-transport-security",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"via",
        b"www-authenticate",
    }
)
RANGES = frozenset({b"range", b"if-range", b"request-range", b"x-ms-range"})
"""What asks for a part of an answer (RFC 9110, 14), also by the names that Apache httpd and Azure take."""
_CONTROLS = bytes(char for char in (*range(0x20), 0x7F) if char != ord("\t"))
MAX_KEPT_BYTES = 64
"""Of a name of which is remembered what was found out about it."""
Fields = list[tuple[bytes, bytes]]


def outgoing(
    fields: Iterable[tuple[bytes, bytes]], *, injected: str, is_masked: bool = False
) -> list[tuple[str, str]]:
    """Return the fields that go to the target; `injected` is the one that carries its credential.

    `is_masked`: the agent may not see secrets, so it is given whole answers: parts hide what could be known.
    Raises: ProtocolError `header_malformed` (400) for a value that could end the line.
    """
    held = list(fields)
    named = {token.strip().lower() for name, value in held if name == b"connection" for token in value.split(b",")}
    kept: list[tuple[str, str]] = []
    for name, value in held:
        if name in named or _stays(name) or (is_masked and name in RANGES):
            continue
        text = name.decode("ascii")
        if text == injected:
            continue
        if _has_controls(value):
            raise ProtocolError(f"the header `{text}` has control characters", code="header_malformed")
        kept.append((text, value.decode("latin-1")))
    return kept


def _stays(name: bytes) -> bool:
    return _kept(name)[0] if len(name) <= MAX_KEPT_BYTES else _told(name)[0]


def _has_controls(value: bytes) -> bool:
    return len(value.translate(None, _CONTROLS)) != len(value)


def _authenticates(name: bytes) -> bool:
    return _kept(name)[1] if len(name) <= MAX_KEPT_BYTES else _told(name)[1]


def _told(name: bytes) -> tuple[bool, bool]:
    """Tell whether a field stays here, and whether it authenticates."""
    authenticates = _AUTHENTICATES.fullmatch(name) is not None
    return authenticates or name in _STAYS or name.startswith(_STAYS_PREFIXES), authenticates


_kept = lru_cache(maxsize=512)(_told)
"""Of names that are asked about again; agents choose them, so that their number and their length are bounded."""


def foreign_in(fields: Iterable[tuple[bytes, bytes]], token: str) -> Foreign | None:
    """Return what a field holds that authenticates and is not our token; None: there is none."""
    for name, value in fields:
        if _authenticates(name) and value.strip():
            presented = value.decode("latin-1").strip()
            if presented != token and presented.partition(" ")[2].strip() != token:
                return Foreign("auth-header", Secret(_bare(presented)), f"header {name.decode('ascii')}")
    return None


def _bare(presented: str) -> str:
    """Return the credential of a field: without its scheme, and of a login the password."""
    scheme, _, rest = presented.partition(" ")
    if scheme.lower() != "basic":
        return rest.strip() or presented
    try:
        name, _, password = base64.b64decode(rest.strip(), validate=True).decode("latin-1").partition(":")
    except ValueError:
        return rest.strip() or presented
    return password or name


def returned(
    raw: Iterable[tuple[bytes, bytes]],
    secret: Secret | None,
    *,
    is_head: bool = False,
    detector: Detector | None = None,
) -> Fields:
    """Return the target's fields that go to the agent, names in lower case; none that holds the credential.

    `secret`: the credential; None: it was sent none.
    `is_head`: the answer has no body, so its length is what was asked for and goes along. `detector`: none that
    holds another credential goes along either; None: the agent may see those.
    """
    kept: Fields = []
    named: set[bytes] = set()
    for cased, value in raw:
        name = cased.lower()
        if name == b"connection":
            named.update(token.strip().lower() for token in value.split(b","))
        if name in _BACK_STAYS and not (is_head and name == b"content-length"):
            continue
        if not name.startswith(b"x-stayhand-") and not _has_controls(value):
            kept.append((name, value))
    if named:
        kept = [pair for pair in kept if pair[0] not in named]
    lines = _lines(kept)  # a line break ends what a field holds: one search finds what one for each would
    if secret is not None and secret.stands_in(lines):
        kept = [pair for pair in kept if not secret.stands_in(pair[1])]
        lines = _lines(kept)
    if detector is None or not detector.find(lines, in_answer=True):
        return kept
    return [pair for pair in kept if not detector.find(_lines([pair]), in_answer=True)]


def _lines(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"\n".join([name + b": " + value for name, value in fields])
