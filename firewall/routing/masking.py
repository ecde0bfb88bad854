"""Credentials in what leaves for a provider, hidden where the route says so; every other byte stays.

Each is replaced by `[redacted:RULE]` inside the text that holds it. What only the provider reads (signatures of
thinking, pictures) is left as it is: changed, it would be refused. What comes back is not unmasked.
INVARIANT: without a finding the bytes are the bytes that came in, and with one the JSON differs in texts alone.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from firewall.classify.credentials.detector import Detector
from firewall.core.errors import FirewallError, ProtocolError
from firewall.core.strict_json import loads_object
from firewall.routing.call import ModelCall

_SEALED = re.compile(
    rb'"(?:signature|encrypted_content|thought_?[sS]ignature)"[ \t\r\n]*:[ \t\r\n]*"(?:[^"\\]|\\.)*"', re.DOTALL
)
_DATA = re.compile(rb'(?:"|;base64,)(?:[A-Za-z0-9+/]|\\/){400,}={0,2}"')
"""Pictures and documents: no credential is so long."""
CREDENTIALS = "credentials"


def masked_call(call: ModelCall, detector: Detector) -> tuple[ModelCall, int]:
    """Return the call as it may leave, and how many credentials were hidden in it.

    Raises: ProtocolError `mask_failed` (400) when nothing readable is left.
    """
    body, count = masked_body(call.request.body, detector)
    if not count:
        return call, 0
    try:
        value = loads_object(body)
    except FirewallError as error:  # FAIL-CLOSED: a credential that cannot be cut out does not leave
        raise ProtocolError("a credential in the request cannot be hidden", code="mask_failed") from error
    return replace(call, request=replace(call.request, body=body), value=value), count


def masked_body(body: bytes, detector: Detector) -> tuple[bytes, int]:
    """Return a request's JSON with its credentials hidden, and how many there were."""
    findings = detector.find(body)
    if not findings:
        return body, 0
    kept = list(_kept(body))
    out: list[bytes] = []
    at = count = 0
    for finding in findings:
        if any(begin < finding.end and finding.start < end for begin, end in kept):
            continue
        out += (body[at : finding.start], b"[redacted:%s]" % finding.rule.encode())
        at = finding.end
        count += 1
    out.append(body[at:])
    return b"".join(out), count


def _kept(body: bytes) -> Iterator[tuple[int, int]]:
    """Yield where texts stand that the provider alone reads.

    A quote inside a text is written behind a backslash, so a name in quotes stands outside of texts alone.
    """
    for pattern in (_SEALED, _DATA):
        yield from (found.span() for found in pattern.finditer(body))
