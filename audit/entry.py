"""Entries: what may be written into the log, and its exact bytes (docs/audit-format.md, part 2).

Pure: values in, bytes out. No clock, no randomness, no storage.

INVARIANT: `encode` yields RFC 8785 canonical JSON, because the model is small enough that sorted keys and no
spaces are all of it: ASCII keys, strings without lone surrogates, integers below 2**53, booleans, arrays, objects;
no floats, no null. What is stored is what is hashed; a verifier never serialises anything again to hash it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from types import MappingProxyType
from typing import NamedTuple, cast

from audit.errors import AuditError
from audit.writing import MAX_INT, Json, canonical, check_int, object_text, quoted, utf8

VERSION = 1
"""The `v` of every entry of this format."""
MAX_BODY_BYTES = 65_535
"""A body fits the two-byte length of a C2SP tlog-tiles entry bundle."""


_NOTHING: Mapping[str, Json] = MappingProxyType({})


class Kind(StrEnum):
    """What happened, as `subject.verb`; names are only ever appended, never renamed or reused."""

    MODEL_REQUESTED = "model.requested"
    MODEL_ATTEMPTED = "model.attempted"
    MODEL_ANSWERED = "model.answered"
    TOOL_JUDGED = "tool.judged"
    TOOL_RELEASED = "tool.released"
    TOOL_FINISHED = "tool.finished"
    TOOL_UNDECLARED = "tool.undeclared"
    TOOL_INDETERMINATE = "tool.indeterminate"
    APPROVAL_OPENED = "approval.opened"
    APPROVAL_EDITED = "approval.edited"
    APPROVAL_VIEWED = "approval.viewed"
    APPROVAL_VOTED = "approval.voted"
    APPROVAL_EXPIRED = "approval.expired"
    APPROVAL_CANCELLED = "approval.cancelled"
    APPROVAL_CONSUMED = "approval.consumed"
    APPROVAL_USED = "approval.used"
    TOKEN_MINTED = "token.minted"  # noqa: S105 -- the name of an event
    TOKEN_NARROWED = "token.narrowed"  # noqa: S105 -- the name of an event
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 -- the name of an event
    TOKEN_REFUSED = "token.refused"  # noqa: S105 -- the name of an event
    POLICY_LOADED = "policy.loaded"
    POLICY_REFUSED = "policy.refused"
    CONFIG_LOADED = "config.loaded"
    CONFIG_REFUSED = "config.refused"
    CREDENTIAL_FOREIGN = "credential.foreign"
    EGRESS_REFUSED = "egress.refused"
    RESOURCE_RESOLVED = "resource.resolved"
    LIMIT_HIT = "limit.hit"
    SPEND_RESERVED = "spend.reserved"
    SPEND_SETTLED = "spend.settled"
    BREAKER_OPENED = "breaker.opened"
    BREAKER_CLOSED = "breaker.closed"
    BREAKER_PROBED = "breaker.probed"
    MCP_CHANGED = "mcp.changed"
    HOOK_SILENT = "hook.silent"
    CONTENT_FLAGGED = "content.flagged"
    APPROVER_ADDED = "approver.added"
    APPROVER_REMOVED = "approver.removed"
    APPROVER_SIGNED_IN = "approver.signed_in"
    APPROVER_REFUSED = "approver.refused"
    APPROVER_DELEGATED = "approver.delegated"
    APPROVER_AWAY = "approver.away"
    APPROVER_RETURNED = "approver.returned"
    ADMIN_ACTED = "admin.acted"
    AUDIT_READ = "audit.read"
    AUDIT_EXPORTED = "audit.exported"
    AUDIT_ERASED = "audit.erased"
    EVAL_STARTED = "eval.started"
    EVAL_FINISHED = "eval.finished"
    CREDENTIAL_ADDED = "credential.added"
    CREDENTIAL_ROTATED = "credential.rotated"
    CREDENTIAL_REMOVED = "credential.removed"
    CREDENTIAL_TESTED = "credential.tested"
    CREDENTIAL_FAILED = "credential.failed"
    SPEND_ALERTED = "spend.alerted"
    FORM_BEGUN = "form.begun"
    FORM_ENDED = "form.ended"
    APPROVER_PROVED = "approver.proved"
    APPROVER_PASSKEY_ADDED = "approver.passkey_added"
    APPROVER_PASSKEY_REVOKED = "approver.passkey_revoked"
    APPROVER_LINKED = "approver.linked"
    APPROVER_LINK_USED = "approver.link_used"
    APPROVER_LINK_REVOKED = "approver.link_revoked"
    MCP_LISTENED = "mcp.listened"
    GLASS_BROKEN = "glass.broken"
    GLASS_REVIEWED = "glass.reviewed"
    EDIT_BEGUN = "edit.begun"
    EDIT_REFUSED = "edit.refused"
    APPROVER_PUSH_ADDED = "approver.push_added"
    APPROVER_PUSH_ENDED = "approver.push_ended"


class Draft(NamedTuple):
    """An entry before the log gives it its number; a tuple, because every entry of a busy log is made as one."""

    kind: Kind
    principal: str
    """Pseudonymous id of who acted, or empty."""
    at: int
    """Unix microseconds."""
    data: Mapping[str, Json] = _NOTHING
    """Unsealed fields: enums, numbers, digests, pseudonymous ids; never a name, a prompt or an argument."""
    approval: str = ""
    """The approval that this entry is about, or empty."""
    subject: str = ""
    """Whose key sealed `sealed` (the id of a subject key), or empty."""
    sealed: bytes | None = None
    """Ciphertext; the body holds only its SHA-256."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as read back from its exact bytes."""

    seq: int
    at: int
    kind: str
    principal: str
    approval: str
    data: Mapping[str, Json]
    subject: str
    sealed_sha256: str


_READ = json.JSONDecoder().decode


def encode(draft: Draft, seq: int) -> bytes:
    """Return the exact bytes of the entry that `draft` becomes at index `seq` (zero-based).

    Raises: AuditError when the draft leaves the model, is longer than MAX_BODY_BYTES, or is sealed by nobody.
    """
    if not -MAX_INT < draft.at < MAX_INT:
        check_int(draft.at)
    sealed = draft.sealed
    if (sealed is None) != (not draft.subject):
        raise AuditError("a sealed part needs the subject whose key sealed it, and a subject a sealed part")
    approval = f'"approval":{quoted(draft.approval)},' if draft.approval else ""
    part = ""
    if sealed is not None:
        part = f',"sealed":{{"key":{quoted(draft.subject)},"sha256":"{sha256(sealed).hexdigest()}"}}'
    body = utf8(
        f'{{{approval}"at":{draft.at},"data":{object_text(draft.data)},"kind":"{draft.kind._value_}",'
        f'"principal":{quoted(draft.principal)}{part},"seq":{seq},"v":{VERSION}}}'
    )
    if len(body) > MAX_BODY_BYTES:
        raise AuditError(f"an entry of {len(body)} bytes is over the limit of {MAX_BODY_BYTES}")
    return body


def decode(body: bytes) -> Entry:
    """Read an entry back, strictly: unknown or missing fields, or bytes that are not canonical, are refused.

    Raises: AuditError that says what is wrong.
    """
    try:
        raw = _READ(body.decode())
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise AuditError("body is not valid JSON") from error
    if not isinstance(raw, dict):
        raise AuditError("body is not an object")
    top = cast("dict[str, Json]", raw)
    if canonical(top) != body:  # also what finds duplicate keys, floats, null and NaN
        raise AuditError("body is not canonical JSON")
    if not _REQUIRED <= top.keys() <= _REQUIRED | {"approval", "sealed"}:
        raise AuditError("body has unknown or missing fields")
    sealed = top.get("sealed", {})
    data = top["data"]
    if not isinstance(sealed, Mapping) or not isinstance(data, Mapping) or top["v"] != VERSION:
        raise AuditError("body has a field of the wrong type or version")
    if "sealed" in top and sealed.keys() != {"key", "sha256"}:
        raise AuditError("body has unknown or missing fields under `sealed`")
    return Entry(
        seq=_integer(top["seq"]),
        at=_integer(top["at"]),
        kind=_string(top["kind"]),
        principal=_string(top["principal"]),
        approval=_string(top.get("approval", "")),
        data=data,
        subject=_string(sealed.get("key", "")),
        sealed_sha256=_string(sealed.get("sha256", "")),
    )


_REQUIRED = {"v", "seq", "at", "kind", "principal", "data"}


def _integer(value: Json) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise AuditError("body has text where an integer belongs")


def _string(value: Json) -> str:
    if isinstance(value, str):
        return value
    raise AuditError("body has something else where text belongs")
