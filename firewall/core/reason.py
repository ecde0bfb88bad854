"""Reason codes: `area:subject:what`, one enum; never reworded, renumbered or reused."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a verdict is what it is. Stable: logs, tests and customers' rules depend on the strings."""

    POLICY_ALLOW = "policy:row:allow"
    POLICY_ASK = "policy:row:ask"
    POLICY_DENY = "policy:row:deny"
    POLICY_NO_ROW = "policy:row:none"
    POLICY_FAILED = "policy:engine:failed"
    OWN_REACH = "reach:firewall:touched"
    GRANT_TOKEN = "grant:token:invalid"  # noqa: S105 - a reason code
    GRANT_ENVIRONMENT = "grant:environment:other"
    GRANT_VERB = "grant:verb:missing"
    GRANT_TOOL = "grant:tool:outside"
    GRANT_TARGET = "grant:target:outside"
    GRANT_RESOURCE = "grant:resource:outside"
    CLASSIFY_FAILED = "classify:action:failed"
    LIMIT_DESTRUCTIVE = "limit:destructive:used_up"
    STORE_FAILED = "store:log:failed"
    APPROVAL_APPROVED = "approval:vote:approved"
    APPROVAL_DENIED = "approval:vote:denied"
    APPROVAL_EXPIRED = "approval:time:expired"
    APPROVAL_CANCELLED = "approval:request:cancelled"
    APPROVAL_TOO_LARGE = "approval:call:too_large"
    HOLD_ENDED = "approval:hold:ended"
    STREAM_BROKEN = "stream:upstream:broken"
    GRANT_UNKNOWN = "grant:resource:unknown"
    REQUIRE_UNMET = "policy:require:unmet"
    WORLD_UNSEEN = "world:state:unseen"
    APPROVAL_EDITED = "approval:call:edited"
    CREDENTIAL_FOREIGN = "credential:foreign:used"
