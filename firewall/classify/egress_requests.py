"""A request to a host that is no target: read as `curl`'s would be, and for what it carries.

Reading is harmless for the host; an address can still carry out what the agent has read, so one that is longer
than what programs of that host write, or that holds an encoded credential, counts as `exfil`.
"""

import base64
import binascii
import re
from contextlib import suppress
from urllib.parse import unquote_to_bytes

from firewall.classify import gitwire
from firewall.classify.context import Context
from firewall.classify.draft import Draft, shown, unknown_action
from firewall.classify.egress import ADDRESS_BYTES, QUERY_BYTES, EgressRow
from firewall.classify.environments import PlaceKind
from firewall.classify.http import Request, judge_http
from firewall.classify.overrides import has_fields
from firewall.core.action import Action
from firewall.core.call import ToolCall
from firewall.core.effect import Effect
from firewall.core.outgoing import Outgoing, decode

PREFIX = "egress/"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_LEAST = 24
_ENCODED = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2})+")
_MAX_PIECES = 64
_LONG_FIELD = 256
"""A field's value that is longer is searched like an address."""


def actions_of_egress(call: ToolCall, context: Context) -> tuple[Action, ...]:
    """Return every action of a request to a listed host; at least one."""
    try:
        outgoing = decode(call.arguments)
    except ValueError:
        return (unknown_action(call.name, "a request that cannot be read"),)
    host = outgoing.host.partition(":")[0]
    row = next((row for row in context.catalogue.egress if row.serves(host)), None)
    span = (0, len(f"{outgoing.method} {outgoing.target}"))
    drafts = gitwire.drafts_of(outgoing, outgoing.host, span)
    if drafts is None:
        drafts = judge_http(_request(outgoing), context, span)
    for draft in drafts:
        _place(draft, outgoing, context)
    why = carried(outgoing, row, context)
    if why:
        drafts[0].effects.add(Effect.EXFIL)
        drafts[0].summary = f"{drafts[0].summary}; {why}"
        drafts[0].point(span, why)
    text = outgoing.text()
    return tuple(draft.action(call.name, text) for draft in drafts)


def carried(outgoing: Outgoing, row: EgressRow | None, context: Context) -> str:
    """Say what an address could carry out, in plain words; empty: nothing that is more than an address."""
    longest = row.query_bytes if row is not None else QUERY_BYTES
    is_signed = row is not None and row.signed
    if len(outgoing.query) > longest:
        return f"its query of {len(outgoing.query)} bytes could carry data out"
    if len(outgoing.path) > ADDRESS_BYTES:
        return f"its path of {len(outgoing.path)} bytes could carry data out"
    if is_signed:
        return ""
    fields = [value.encode("latin-1") for _, value in outgoing.headers if len(value) > _LONG_FIELD]
    for text in (unquote_to_bytes(outgoing.target), *fields):
        for piece in _pieces(text):
            if any(context.catalogue.credentials.find(plain) for plain in _plain(piece)):
                return "it carries an encoded credential"
    return ""


def _pieces(text: bytes) -> list[bytes]:
    """Return runs of letters that base64 could have written: with slashes among them, and between them."""
    whole = _ENCODED.findall(text)[:_MAX_PIECES]
    parts = [part for run in whole for part in run.split(b"/") if len(part) >= _LEAST and part != run]
    return whole + parts[:_MAX_PIECES]


def _plain(piece: bytes) -> list[bytes]:
    """Return what a piece may stand for: base64 in both alphabets, or hexadecimal."""
    found = []
    if _HEX.fullmatch(piece):
        found.append(binascii.unhexlify(piece))
    bare = piece.rstrip(b"=")
    with suppress(binascii.Error):  # a length that no base64 has
        text = bare.replace(b"+", b"-").replace(b"/", b"_")
        found.append(base64.urlsafe_b64decode(text + b"=" * (-len(bare) % 4)))
    return found


def _request(outgoing: Outgoing) -> Request:
    headers, fields = {name: outgoing.header(name) for name, _ in outgoing.headers}, ""
    try:
        body, is_text = outgoing.body.decode("utf-8"), True
    except UnicodeDecodeError:
        body, is_text = "", False
        fields = outgoing.body.decode("latin-1") if has_fields(headers) else ""
    return Request(
        method=outgoing.method,
        url=f"{outgoing.scope or 'https'}://{outgoing.host}{outgoing.target}",
        headers=headers,
        body=body,
        body_known=is_text,
        fields=fields,
    )


def _place(draft: Draft, outgoing: Outgoing, context: Context) -> None:
    """Say where it lands, for drafts that `judge_http` has not placed; and what nobody saw of its body."""
    host, _, port = outgoing.host.partition(":")
    if not draft.addresses:
        number = port or ("80" if outgoing.scope == "http" else "443")
        places = [
            (PlaceKind.HOST, host),
            (PlaceKind.HOST, f"{host}:{number}"),
            (PlaceKind.RESOURCE, draft.resource),
        ]
        draft.environment = context.environments.name_of(places)
        draft.addresses.append(f"{host}:{number}{outgoing.path}")
        draft.attributes.update(network=True, hosts=1, host=host, method=outgoing.method)
    if outgoing.method not in _READING and outgoing.body and Effect.UNKNOWN in draft.effects:
        draft.unseen.append(f"what {len(outgoing.body)} bytes of its body hold for {shown(host)}")


def bound_egress(call: ToolCall) -> bytes:
    """Return what an approval of the request is bound to."""
    try:
        return decode(call.arguments).bound()
    except ValueError:
        return call.arguments
