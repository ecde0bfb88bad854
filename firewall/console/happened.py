"""What each kind of entry says in words, where nothing of the entry itself says it better. Pure."""

from collections.abc import Mapping

from audit import Kind

HAPPENED: Mapping[str, str] = {
    Kind.MODEL_REQUESTED: "Asked a model",
    Kind.MODEL_ATTEMPTED: "A provider was tried",
    Kind.MODEL_ANSWERED: "The model answered",
    Kind.TOOL_JUDGED: "Tool call",
    Kind.TOOL_RELEASED: "Released",
    Kind.TOOL_FINISHED: "Finished",
    Kind.TOOL_UNDECLARED: "Done without being announced",
    Kind.TOOL_INDETERMINATE: "Nobody knows whether it happened",
    Kind.APPROVAL_OPENED: "People were asked",
    Kind.APPROVAL_VIEWED: "Somebody looked at the approval",
    Kind.APPROVAL_VOTED: "Somebody voted",
    Kind.APPROVAL_EDITED: "An approver asked for another form of the call",
    Kind.APPROVAL_EXPIRED: "The time to answer ended",
    Kind.APPROVAL_CANCELLED: "Withdrawn",
    Kind.APPROVAL_CONSUMED: "The approval was used",
    Kind.APPROVAL_USED: "A permit was used",
    Kind.TOKEN_MINTED: "Token minted",
    Kind.TOKEN_NARROWED: "Token narrowed",
    Kind.TOKEN_REVOKED: "Token revoked",
    Kind.TOKEN_REFUSED: "Tokens were refused",
    Kind.POLICY_LOADED: "Policy loaded",
    Kind.POLICY_REFUSED: "A policy was refused",
    Kind.CONFIG_LOADED: "The server started",
    Kind.CONFIG_REFUSED: "A configuration was refused",
    Kind.CREDENTIAL_FOREIGN: "A credential that is not ours",
    Kind.EGRESS_REFUSED: "A connection was refused",
    Kind.RESOURCE_RESOLVED: "A resource was looked up",
    Kind.LIMIT_HIT: "A limit was hit",
    Kind.SPEND_RESERVED: "More money was held",
    Kind.SPEND_SETTLED: "Spend settled",
    Kind.SPEND_ALERTED: "Spend passed a mark",
    Kind.BREAKER_OPENED: "A provider is left out",
    Kind.BREAKER_CLOSED: "A provider is asked again",
    Kind.BREAKER_PROBED: "A provider was probed",
    Kind.MCP_CHANGED: "An MCP server changed",
    Kind.MCP_LISTENED: "An MCP server was listened to",
    Kind.HOOK_SILENT: "A hook was silent",
    Kind.CONTENT_FLAGGED: "Content was flagged",
    Kind.APPROVER_ADDED: "Somebody may sign in",
    Kind.APPROVER_REMOVED: "Somebody may no longer sign in",
    Kind.APPROVER_SIGNED_IN: "Somebody signed in",
    Kind.APPROVER_REFUSED: "Sign-ins were refused",
    Kind.APPROVER_DELEGATED: "Somebody lent his voice",
    Kind.APPROVER_AWAY: "Somebody is away",
    Kind.APPROVER_RETURNED: "Somebody is back",
    Kind.APPROVER_PROVED: "Somebody proved who he is",
    Kind.APPROVER_PASSKEY_ADDED: "Passkey added",
    Kind.APPROVER_PASSKEY_REVOKED: "Passkey revoked",
    Kind.APPROVER_LINKED: "A link was made",
    Kind.APPROVER_LINK_USED: "A link was used",
    Kind.APPROVER_LINK_REVOKED: "A link was revoked",
    Kind.APPROVER_PUSH_ADDED: "A browser is told of what waits",
    Kind.APPROVER_PUSH_ENDED: "A browser is told no more",
    Kind.ADMIN_ACTED: "An admin changed something",
    Kind.AUDIT_READ: "Somebody read the log",
    Kind.AUDIT_EXPORTED: "Somebody took entries away",
    Kind.AUDIT_ERASED: "The key of a person was erased",
    Kind.EVAL_STARTED: "An evaluation began",
    Kind.EVAL_FINISHED: "An evaluation ended",
    Kind.CREDENTIAL_ADDED: "Credential added",
    Kind.CREDENTIAL_ROTATED: "Credential rotated",
    Kind.CREDENTIAL_REMOVED: "Credential removed",
    Kind.CREDENTIAL_TESTED: "Credential tested",
    Kind.CREDENTIAL_FAILED: "A credential failed",
    Kind.FORM_BEGUN: "A form was begun",
    Kind.FORM_ENDED: "A form ended",
    Kind.GLASS_BROKEN: "The glass was broken",
    Kind.GLASS_REVIEWED: "Breaking the glass was reviewed",
    Kind.EDIT_BEGUN: "An approver had another form of the call judged",
    Kind.EDIT_REFUSED: "Another form of the call was refused",
}
"""Every kind; the sentence has no full stop."""


def happened(kind: str, data: Mapping[str, object]) -> str:
    """Say what an entry is about by its kind and by what it names unsealed; an unknown kind by itself."""
    words = HAPPENED.get(kind, kind)
    what, read = data.get("what"), data.get("read")
    if isinstance(what, str) and what:
        return f"{words}: {what.replace('_', ' ')}"
    return f"{words}: entry {read}" if isinstance(read, int) else words
