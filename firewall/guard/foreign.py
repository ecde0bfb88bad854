"""Credentials that we did not issue, in a call: found, told from what is merely written down, named in the log.

A credential is *used* by whatever may send it on: commands, code, requests, tools that nobody here understands.
Editing a file that holds one, searching for one and telling another agent of one is no use: what then happens with
it is judged again. INVARIANT: a value found here goes into no entry, message or log; what is kept is a keyed hash.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol
from urllib.parse import unquote_to_bytes

import orjson

from firewall.classify.catalogue import Catalogue, ToolKind
from firewall.classify.credentials.detector import Detector
from firewall.classify.credentials.spelled import Plain
from firewall.classify.requests import PREFIX
from firewall.core.call import CallForm, ToolCall
from firewall.core.outgoing import decode
from firewall.core.secret import Secret
from firewall.core.spellings import has_long_run, holds

TARGETS_OWN = "target-credential"
"""The rule by which the credential of a target is found elsewhere than on its own way."""
_LEAST = 8
_MOST = 8
"""Different credentials of one call that are recorded; more say nothing new."""
_MAX_DEPTH = 40
_AT_ONCE = 1 << 15
_SEARCHED = 1 << 20
"""Bytes at each end of a large body."""
_IN_QUERY = re.compile(rb"[?&](?:token|auth|circle-token)=([A-Za-z0-9._~%+/-]{20,512})")
"""What authenticates in addresses under names that say little; those that say more are rules."""
_PART = re.compile(
    rb'form-data; name="([^"\r\n]{1,64})"[^\r\n]{0,200}\r\n(?:[^\r\n]{1,200}\r\n){0,4}\r\n([^\r\n]{8,600})'
)
_ESCAPES = (b"\\u", b"\\/")
_FORM_DATA = b'form-data; name="'
_NO_USE = frozenset(
    {
        ToolKind.READ,
        ToolKind.LIST,
        ToolKind.WRITE,
        ToolKind.EDIT,
        ToolKind.PATCH,
        ToolKind.INERT,
        ToolKind.AGENT,
    }
)


@dataclass(frozen=True, slots=True)
class Foreign:
    """A credential in a call."""

    rule: str
    value: Secret
    where: str
    """`arguments`, `address`, `header x` or `body`."""

    @property
    def digest(self) -> str:
        """SHA-256 hex of the value; never leaves the process without a key over it."""
        return hashlib.sha256(self.value.reveal().encode("utf-8", "surrogateescape")).hexdigest()


class FirstSeen(Protocol):
    """Looks a value up in the conversation that a call came from."""

    def __call__(self, value: str) -> str:
        """Say in plain words where the conversation first held the value; empty: nowhere."""
        ...


Known = Callable[[], Sequence[tuple[str, Secret]]]
"""The credentials of our targets, each with its target's name."""


def nobody() -> Sequence[tuple[str, Secret]]:
    """Return the credentials of no targets."""
    return ()


def foreign_in(call: ToolCall, catalogue: Catalogue, known: Known) -> tuple[Foreign, ...]:
    """Return the different credentials in a call, ours left out, at most `_MOST`."""
    found: dict[bytes, Foreign] = {}
    own = call.name.removeprefix(PREFIX) if call.form is CallForm.REQUEST else ""
    watched = _watched(own, tuple(known()))
    is_request = call.form is CallForm.REQUEST
    if is_request and (whole := _as_it_stands(call)) is not None and _is_plain(whole, catalogue, watched):
        return ()
    parts = _parts(call)
    if len(parts) > 1 and _is_plain(b"\n".join([data for _, data in parts]), catalogue, watched):
        return ()
    for where, data in parts:
        for finding in catalogue.credentials.find(data):
            value = Plain(data[finding.start : finding.end]).data
            if value not in watched.own:
                text = value.decode("utf-8", "surrogateescape")
                found.setdefault(value, Foreign(finding.rule, Secret(text), where))
        for secret, forms in watched.others:
            if holds(data, forms):
                found[forms[0]] = Foreign(TARGETS_OWN, secret, where)
    return tuple(found.values())[:_MOST]


@dataclass(frozen=True, slots=True)
class _Watched:
    """What a call is searched for, as long as the credentials of targets are these."""

    own: frozenset[bytes] = field(repr=False)
    """Of the target that it goes to."""
    others: tuple[tuple[Secret, tuple[bytes, ...]], ...] = field(repr=False)
    """Of the others, each with its spellings."""
    forms: tuple[bytes, ...] = field(repr=False)
    is_long: bool
    """Each of these spellings has a long run of letters and digits: how many there are then costs little."""


@lru_cache(maxsize=64)
def _watched(own: str, secrets: tuple[tuple[str, Secret], ...]) -> _Watched:
    """Return what is searched for in a call to the target `own`; secrets are equal by their values."""
    spelled = [(name, secret, secret.spellings) for name, secret in secrets]  # the first spelling is the value
    others = tuple(
        (secret, forms) for name, secret, forms in spelled if name != own and forms and len(forms[0]) >= _LEAST
    )
    forms = tuple(dict.fromkeys(form for _, spellings in others for form in spellings))
    mine = frozenset(forms[0] for name, _, forms in spelled if name == own and forms)
    return _Watched(mine, others, forms, all(map(has_long_run, forms)))


def foreign_in_history(data: bytes, detector: Detector, secrets: Sequence[Secret]) -> Iterator[Foreign]:
    """Yield the credentials in what an agent is told; `secrets`, of our targets, are not its either."""
    for finding in detector.find(data):
        yield Foreign(
            finding.rule, Secret(data[finding.start : finding.end].decode("utf-8", "surrogateescape")), "history"
        )
    for secret in secrets:
        value = secret.reveal().encode("utf-8", "surrogateescape")
        if len(value) >= _LEAST and data.find(value) >= 0:
            yield Foreign(TARGETS_OWN, secret, "history")


def _as_it_stands(call: ToolCall) -> bytes | None:
    """Return all that is searched of a request as one text; None: parts of it must be read before."""
    try:
        outgoing = decode(call.arguments)
    except ValueError:
        return None
    lines = [outgoing.target, *[f"{name}: {value}" for name, value in outgoing.headers]]
    body = outgoing.body
    if not lines[0].isascii() or "%" in lines[0] or "=" in lines[0]:
        return None
    if _is_form(body) or (body.find(b"\\") >= 0 and holds(body, _ESCAPES)):
        return None
    return b"%b\n%b" % ("\n".join(lines).encode(), body)


def _is_plain(whole: bytes, catalogue: Catalogue, watched: _Watched) -> bool:
    """Tell at once that there is nothing: most calls are short, and one search costs less than one a part.

    A line break between two parts ends no token and begins none, so what is in a part is found here as well.
    """
    if len(whole) > _AT_ONCE:
        return False
    is_long = has_long_run(whole)
    if (is_long or not watched.is_long) and holds(whole, watched.forms):
        return False
    return not catalogue.credentials.find(whole, may_have_runs=is_long)


def is_use(call: ToolCall, catalogue: Catalogue) -> bool:
    """Tell whether what a call holds may be sent on by it."""
    spec = catalogue.tools.get(call.name.removeprefix("functions/"))
    return spec is None or spec.kind not in _NO_USE


def hidden(text: str, foreign: Sequence[Foreign]) -> str:
    """Return a text with every credential's place taken by its rule's name."""
    for one in foreign:
        text = text.replace(one.value.reveal(), f"[redacted:{one.rule}]")
    if "\\u00" in text or "\\/" in text:
        for one in foreign:
            text = _hidden_spelled(text, one)
    return text


def _hidden_spelled(text: str, one: Foreign) -> str:
    """Return a text with the credential's place taken where it is written with escapes of JSON."""
    written, value = text.encode("utf-8", "surrogatepass"), one.value.reveal().encode("utf-8", "surrogateescape")
    plain = Plain(written)
    out, end, at = list[bytes](), 0, plain.data.find(value)
    while at >= 0 and value:
        out += (written[end : plain.written(at)], f"[redacted:{one.rule}]".encode())
        end = plain.written(at + len(value))
        at = plain.data.find(value, at + len(value))
    return b"".join([*out, written[end:]]).decode("utf-8", "surrogatepass")


def _parts(call: ToolCall) -> list[tuple[str, bytes]]:
    """Return what is searched, with where it stands."""
    if call.form is CallForm.REQUEST:
        return _of_request(call.arguments)
    found = [("arguments", call.arguments), *_unescaped("arguments", call.arguments)]
    if call.served is not None and call.served.beside:
        found += [("beside", call.served.beside), *_unescaped("beside", call.served.beside)]
    return found


def _unescaped(where: str, text: bytes) -> list[tuple[str, bytes]]:
    """Return the texts of JSON that hides letters behind escapes; what is no JSON was searched as it stands."""
    if not holds(text, _ESCAPES):
        return []
    try:
        return [(where, b"\n".join(_leaves(orjson.loads(text), 0)))]
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return []


def _of_request(arguments: bytes) -> list[tuple[str, bytes]]:
    try:
        outgoing = decode(arguments)
    except ValueError:
        return [("arguments", arguments)]
    target, body = outgoing.target.encode("ascii", "replace"), outgoing.body
    found = [("address", target)]
    if target.find(b"%") >= 0:
        found.append(("address", unquote_to_bytes(target)))
    if target.find(b"=") >= 0:
        found += [
            ("address", b"x-auth-token: " + unquote_to_bytes(match[1])) for match in _IN_QUERY.finditer(target)
        ]
    for name, value in outgoing.headers:
        found.append((f"header {name}", f"{name}: {value}".encode()))
    if body:
        ends = _ends(body)
        found.append(("body", ends))
        found += [("body", form) for form in _forms(ends)]
        if len(body) <= 2 * _SEARCHED:
            found += _unescaped("body", body)
    return found


def _is_form(body: bytes) -> bool:
    """Tell whether `_forms` yields anything."""
    return _is_escaped(body) or body.find(_FORM_DATA) >= 0


def _is_escaped(body: bytes) -> bool:
    return body.find(b"%") >= 0 and not body.startswith((b"{", b"["))


def _forms(body: bytes) -> Iterator[bytes]:
    """Yield the fields of a form as `name=value`, each kind of form as far as a body looks like one."""
    if _is_escaped(body):
        yield unquote_to_bytes(body)
    if body.find(_FORM_DATA) >= 0:
        yield b"\n".join(match[1] + b"=" + match[2] for match in _PART.finditer(body))


def _ends(body: bytes) -> bytes:
    """Return what is searched of a body: of an upload its two ends, since nobody waits for more."""
    if len(body) <= 2 * _SEARCHED:
        return body
    return body[:_SEARCHED] + b"\n" + body[-_SEARCHED:]


def _leaves(value: object, depth: int) -> Iterator[bytes]:
    """Yield `name: text` of every text in a parsed value."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, str):
        yield value.encode()
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, str):
                yield f"{key}: {item}".encode()
            else:
                yield from _leaves(item, depth + 1)
