"""What a client hears in place of a result: that a call was refused, that it waits, where its status stands. Pure.

A refusal is a result with `isError`, so that the model reads it as it reads any failure of a tool; it carries a
stable code and, where people were asked, the approval's id.
"""

from collections.abc import Mapping

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.errors import McpError
from firewall.codecs.mcp.messages import Id, Message
from firewall.codecs.mcp.versions import is_modern
from firewall.core.reason import Reason
from firewall.core.verdict import Deny
from firewall.gates.mcp.showing.asking import ASKED
from firewall.gates.refusals import refusal_text
from firewall.guard.answer import Stop

_REFUSED = 403
META = "stayhand.dev/refusal"
"""Where a refusal's code stands in `_meta` of the result."""


def refused(id_: Id, tool: str, stop: Stop, *, version: str) -> Message:
    """Return the result of a call that was not run."""
    facts: dict[str, object] = {"code": stop.verdict.reason.value, "entry": stop.entry}
    if stop.approval:
        facts["approvalId"] = stop.approval
        facts["statusPath"] = f"/v1/approvals/{stop.approval}"
    if stop.first:
        facts["first"] = list(stop.first)
    return _failed(id_, refusal_text(tool, stop), facts, version=version)


def refusal_of(message: Message, stop: Stop) -> McpError:
    """Return the error of a request that was not sent, with what a client needs to repeat it."""
    data: dict[str, object] = {"entry": stop.entry}
    if stop.approval:
        data |= {"approvalId": stop.approval, "statusPath": f"/v1/approvals/{stop.approval}"}
    return McpError(
        refusal_text(message.method, stop),
        number=-31000 - _REFUSED,
        code=stop.verdict.reason.value,
        status=_REFUSED,
        data=data,
        of=message.id,
    )


def waits(id_: Id, tool: str, approval: str, *, entry: int, version: str) -> Message:
    """Return the result of a call that waits for people: the same call may be repeated after they agreed."""
    return refused(id_, tool, Stop(entry, Deny(Reason.HOLD_ENDED), approval), version=version)


def input_required(id_: Id, *, state: str, url: str = "", approval: str = "") -> Message:
    """Return the result that has the client come back (2026-07-28, MRTR), with an address for its user or without.

    The address leads the requester's own user to a page that decides nothing.
    """
    said: dict[str, object] = {"resultType": "input_required", "requestState": state}
    if url:
        words = (
            f"This tool call waits for a person's approval ({approval}). The page shows how it stands; nothing is "
            "decided there, and the call is not run by opening it."
        )
        asked = {"method": "elicitation/create", "params": {"mode": "url", "message": words, "url": url}}
        said["inputRequests"] = {ASKED: asked}
    return messages.result(id_, said)


def progress(token: str | int, step: int, approval: str) -> Message:
    """Return the sign of life for a client whose call is held."""
    words = f"waiting for a person's approval ({approval})"
    return messages.notification(
        "notifications/progress", {"progressToken": token, "progress": step, "message": words}
    )


def _failed(id_: Id, text: str, facts: Mapping[str, object], *, version: str) -> Message:
    said: dict[str, object] = {
        "content": [{"type": "text", "text": text}],
        "isError": True,
        "_meta": {META: dict(facts)},
    }
    if is_modern(version):
        said["resultType"] = "complete"
    return messages.result(id_, said)
