"""Entries: what may be written into the log, and its exact bytes (docs/audit-format.md, part 2).

Pure: values in, bytes out. No clock, no randomness, no storage.

INVARIANT: `encode` yields RFC 8785 canonical JSON, because the model is small enough that sorted keys and no
spaces are all of it: ASCII keys, strings without lone surrogates, integers below 2**53, booleans, arrays, objects;
no floats, no null. What is stored is what is hashed; a verifier never serialises anything again to hash it.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from json.encoder import (  # type: ignore[attr-defined]  # typeshed leaves the first out
    c_make_encoder,  # None where the interpreter has no C accelerator
    encode_basestring,  # the escaper behind `json.dumps(ensure_ascii=False)`
)
from typing import TypeAlias, cast

from audit.errors import AuditError

VERSION = 1
"""The `v` of every entry of this format."""
MAX_BODY_BYTES = 65_535
"""A body fits the two-byte length of a C2SP tlog-tiles entry bundle."""
MAX_INT = 2**53
"""Integers lie strictly between -MAX_INT and MAX_INT, so that every JSON reader sees the same number."""
MAX_DEPTH = 16
"""How deep `data` may nest."""

Json: TypeAlias = "bool | int | str | Sequence[Json] | Mapping[str, Json]"
"""What may stand in an unsealed field."""
_Make: TypeAlias = Callable[..., Callable[[object, int], Iterable[str]]]


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
    APPROVAL_VIEWED = "approval.viewed"
    APPROVAL_VOTED = "approval.voted"
    APPROVAL_EXPIRED = "approval.expired"
    APPROVAL_CANCELLED = "approval.cancelled"
    APPROVAL_CONSUMED = "approval.consumed"
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
    MCP_CHANGED = "mcp.changed"
    HOOK_SILENT = "hook.silent"
    CONTENT_FLAGGED = "content.flagged"
    APPROVER_ADDED = "approver.added"
    APPROVER_REMOVED = "approver.removed"
    APPROVER_SIGNED_IN = "approver.signed_in"
    APPROVER_REFUSED = "approver.refused"
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


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry before the log gives it its number."""

    kind: Kind
    principal: str
    """Pseudonymous id of who acted, or empty."""
    at: int
    """Unix microseconds."""
    data: Mapping[str, Json] = field(default_factory=dict)
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


_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
)


def _writer(make: _Make | None) -> Callable[[object], str]:
    """Return what writes canonical JSON, on one C encoder for all values where the interpreter has one.

    `JSONEncoder.encode` makes a new one for every value, which costs more than the writing.
    """
    if make is None:
        return _CANONICAL.encode
    pieces = make(None, _CANONICAL.default, encode_basestring, None, ":", ",", True, False, False)  # noqa: FBT003 -- its arguments have no names
    return lambda value: "".join(pieces(value, 0))


_write = _writer(c_make_encoder)
_READ = json.JSONDecoder().decode


def canonical(value: Json) -> bytes:
    """Return the canonical JSON of a value of the restricted model, UTF-8.

    Raises: AuditError for floats, null, big integers, non-ASCII keys, lone surrogates, or nesting over MAX_DEPTH.
    """
    _check(value, MAX_DEPTH)
    return _write(value).encode()


def encode(draft: Draft, seq: int) -> bytes:
    """Return the exact bytes of the entry that `draft` becomes at index `seq` (zero-based).

    Raises: AuditError when the draft leaves the model, is longer than MAX_BODY_BYTES, or is sealed by nobody.
    """
    data = draft.data
    _check_object(data, MAX_DEPTH)
    _check_int(draft.at)
    for text in (draft.principal, draft.approval, draft.subject):
        _check_text(text)
    sealed = draft.sealed
    if (sealed is None) != (not draft.subject):
        raise AuditError("a sealed part needs the subject whose key sealed it, and a subject a sealed part")
    quote = encode_basestring
    fields = _write(data if isinstance(data, dict) else dict(data))
    body = "".join(
        (
            f'{{"approval":{quote(draft.approval)},"at":' if draft.approval else '{"at":',
            f'{draft.at},"data":{fields},"kind":"{draft.kind.value}"',
            f',"principal":{quote(draft.principal)}',
            ""
            if sealed is None
            else f',"sealed":{{"key":{quote(draft.subject)},"sha256":"{sha256(sealed).hexdigest()}"}}',
            f',"seq":{seq},"v":{VERSION}}}',
        )
    ).encode()
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


def _check(value: object, depth: int) -> None:
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, bool):
        return
    elif isinstance(value, int):
        _check_int(value)
    elif isinstance(value, dict):
        _check_object(value, depth)
    elif isinstance(value, list | tuple):
        if depth == 0:
            raise AuditError(f"an entry nests deeper than {MAX_DEPTH}")
        for item in value:
            _check(item, depth - 1)
    else:
        raise AuditError(
            f"an entry cannot hold a {type(value).__name__}: integers, strings, booleans, lists, objects"
        )


def _check_object(value: Mapping[str, Json], depth: int) -> None:
    if depth == 0:
        raise AuditError(f"an entry nests deeper than {MAX_DEPTH}")
    for key, item in cast("Mapping[object, Json]", value).items():
        if not (isinstance(key, str) and key.isascii()):
            raise AuditError("an entry has a key that is not ASCII text")
        if type(item) is str and item.isascii():  # the common case, kept cheap
            continue
        _check(item, depth - 1)


def _check_int(value: int) -> None:
    if not -MAX_INT < value < MAX_INT:
        raise AuditError("an entry has an integer of 2**53 or more: write it as text")


def _check_text(value: str) -> None:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise AuditError("an entry has text with a lone surrogate") from error
