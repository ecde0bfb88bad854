"""What comes back from Slack when somebody presses a button: whether it is Slack's, and what it says. Pure.

INVARIANT: nothing of a request is read before its signature holds: HMAC-SHA256 under the app's signing secret over
`v0:<time>:<exact body>`, compared in constant time, at most WINDOW_S old (or ahead).
Docs: docs.slack.dev/authentication/verifying-requests-from-slack,
docs.slack.dev/reference/interaction-payloads/block_actions-payload.
"""

import hmac
from dataclasses import dataclass
from urllib.parse import parse_qsl

from firewall.approvals.channels.slack import APPROVE, DENY
from firewall.core.approval import Decision
from firewall.core.errors import AuthError, FirewallError, ProtocolError
from firewall.core.strict_json import loads_object

WINDOW_S = 300
_DECISIONS = {APPROVE: Decision.APPROVE, DENY: Decision.DENY}


@dataclass(frozen=True, slots=True)
class Click:
    """Somebody pressed a button of ours."""

    approval: str
    decision: Decision
    user: str
    """Slack's id of the person."""
    team: str
    """Slack's id of the person's workspace."""
    channel: str


def click_of(body: bytes, *, stamp: str, signature: str, secret: bytes, now_us: int) -> Click | None:
    """Return what a signed request says, None for something else that Slack tells.

    Raises: AuthError for a signature or time that does not hold; ProtocolError `form_invalid`.
    """
    check(body, stamp=stamp, signature=signature, secret=secret, now_us=now_us)
    try:
        fields = dict(parse_qsl(body.decode("ascii"), strict_parsing=True, max_num_fields=4, errors="strict"))
        payload = loads_object(fields["payload"].encode())
    except (ValueError, KeyError, FirewallError) as error:
        raise ProtocolError("this is no interaction of Slack's", code="form_invalid") from error
    if payload.get("type") != "block_actions":
        return None
    actions = payload.get("actions")
    first = actions[0] if isinstance(actions, list) and len(actions) == 1 else None
    decision = _DECISIONS.get(_text(first, "action_id"))
    if decision is None:
        return None
    user = payload.get("user")
    return Click(
        approval=_text(first, "value"),
        decision=decision,
        user=_text(user, "id"),
        team=_text(user, "team_id") or _text(payload.get("team"), "id"),
        channel=_text(payload.get("channel"), "id"),
    )


def check(body: bytes, *, stamp: str, signature: str, secret: bytes, now_us: int) -> None:
    """Demand that a request is Slack's and fresh.

    Raises: AuthError.
    """
    is_number = stamp.isascii() and stamp.isdigit() and len(stamp) <= 12
    expected = signature_of(body, stamp=stamp, secret=secret)
    is_slacks = hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))
    if not secret or not is_slacks or not is_number or abs(now_us // 1_000_000 - int(stamp)) > WINDOW_S:
        raise AuthError(detail="slack signature refused")


def signature_of(body: bytes, *, stamp: str, secret: bytes) -> str:
    """Return the signature that Slack gives a request."""
    signed = b"v0:%s:%s" % (stamp.encode("utf-8", "replace"), body)
    return f"v0={hmac.new(secret, signed, 'sha256').hexdigest()}"


def _text(value: object, key: str) -> str:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
