"""Forms of held calls that approvers write: judged anew, and asked anew under their own digest.

INVARIANT: a form is judged as the agent's own call with other arguments, by the same token, session and folder,
and by the whole of the policy; what it denies is no form. Who wrote it is durable before it is judged. Nothing is
sent and nothing is released: the agent sends the form itself or nobody does; then its call is judged once more.

Held calls are kept in memory, bounded: after a restart an approval offers no form. A call of an MCP server's tool
offers none either: whether its arguments fit the tool is found out where the call comes in, not here.
"""

import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import orjson

from firewall.approvals.people import Approver
from firewall.approvals.service import Approvals
from firewall.approvals.text import is_hidden
from firewall.approvals.wanted import Wanted
from firewall.core.approval import Approval, ApprovalStatus
from firewall.core.call import CallForm, ToolCall
from firewall.core.errors import ApprovalError, ProtocolError
from firewall.core.outgoing import decode
from firewall.core.strict_json import loads_object
from firewall.core.verdict import Allow, Ask, Deny
from firewall.guard import handed
from firewall.guard.judgement import Judgement
from firewall.guard.requester import Requester

MOST_CHARS = 8_000
"""Of a text that is edited, before and after."""
MOST_ARGUMENTS = 64 << 10
"""Bytes of a call's arguments; one with more is not edited."""
MOST_CALLS = 1_000
MOST_OF_ONE = 100
"""Calls of one principal that are remembered, so that no agent takes another's from people."""
MOST_BYTES = 8 << 20
_COMMANDS = ("command", "cmd")
Considered = Callable[[ToolCall, Requester], Awaitable[Judgement]]


@dataclass(frozen=True, slots=True)
class Editable:
    """A call as an approver edits it."""

    what: str
    """`command`, `arguments`, `text` or `body`."""
    text: str


class Editing:
    """Remembers held calls, and makes new questions of their forms."""

    def __init__(self, approvals: Approvals, considered: Considered) -> None:
        self._approvals = approvals
        self._considered = considered
        self._held: OrderedDict[str, tuple[ToolCall, Requester]] = OrderedDict()
        self._bytes = 0

    def note(self, approval_id: str, call: ToolCall, requester: Requester) -> None:
        """Remember the call that an approval was opened for; one that joins it changes nothing."""
        if approval_id in self._held or _editable(call) is None:
            return
        own = [one for one, (_, whose) in self._held.items() if whose.principal == requester.principal]
        if len(own) >= MOST_OF_ONE:
            self._forget(own[0])
        self._held[approval_id] = (replace(call, led=None), requester)
        self._bytes += len(call.arguments)
        while len(self._held) > MOST_CALLS or self._bytes > MOST_BYTES:
            self._forget(next(iter(self._held)))

    def _forget(self, approval_id: str) -> None:
        call, _ = self._held.pop(approval_id)
        self._bytes -= len(call.arguments)

    def editable(self, approval: Approval) -> Editable | None:
        """Return what an approver may edit of a call that waits; None: nothing of it."""
        held = self._held.get(approval.id) if approval.status is ApprovalStatus.PENDING else None
        return _editable(held[0]) if held is not None else None

    async def propose(self, approval_id: str, text: str, *, by: Approver) -> Approval:
        """Deny a held call with a form of it, and ask people about that form; nobody has answered it by this.

        Returns the form's approval; the denied one where the policy permits the form without people.
        Raises: ApprovalError `approval_unknown`, `edit_unknown` (404), `edit_invalid` (400), `edit_same`,
        `edit_refused` (409), and as `Edits.begin` and `Edits.propose` say; LimitError; StoreError.
        """
        approval = await self._approvals.current(approval_id)
        self._approvals.edits.demand_may(approval, by)
        held = self._held.get(approval_id)
        before = _editable(held[0]) if held is not None else None
        if held is None or before is None:
            raise ApprovalError(
                "this call cannot be edited: deny it with a reason", code="edit_unknown", status=404
            )
        call, requester = held
        wish = text.replace("\r\n", "\n")
        edited = _edited(call, before, wish)
        form = f"{before.what}: {wish}"
        edits = self._approvals.edits
        entry = await edits.begin(approval, by, form=form)  # before the policy, or a system behind it, is asked
        judgement = await self._considered(edited, requester)
        digest = judgement.digest
        try:
            wanted = _wanted(judgement, requester, approval)
            return await edits.propose(approval_id, by, form=form, digest=digest, wanted=wanted, entry=entry)
        except ApprovalError as error:
            reason = judgement.verdict.reason.value
            await edits.refused(approval, by, entry=entry, code=error.code, edited=digest, reason=reason)
            raise


def _wanted(judgement: Judgement, requester: Requester, approval: Approval) -> Wanted | None:
    """Return what people are asked about a form of a held call; None: the policy permits it without them.

    Raises: ApprovalError `edit_same`, `edit_refused` (409).
    """
    if judgement.digest == approval.digest:
        raise ApprovalError("that is the same call: approve or deny it", code="edit_same")
    match judgement.verdict:
        case Deny():
            raise _refused(f"the policy does not let this form pass: {judgement.verdict.reason.value}")
        case Ask() if judgement.is_too_large or judgement.foreign:
            raise _refused("nobody can be asked about this form")
        case Ask():
            asked = handed.wanted(judgement, requester, heeds_denial=False)
            return replace(asked, subject=replace(asked.subject, edited=approval.id))
        case Allow():
            return None


def _refused(words: str) -> ApprovalError:
    return ApprovalError(words, code="edit_refused")


def _editable(call: ToolCall) -> Editable | None:
    """Return what can be edited: a text that shows in a browser exactly as it is."""
    found = _text_of(call)
    if found is None or len(found.text) > MOST_CHARS or not _is_plain(found.text):
        return None
    return found


def _text_of(call: ToolCall) -> Editable | None:
    if call.served is not None or call.form is CallForm.HOSTED or len(call.arguments) > MOST_ARGUMENTS:
        return None
    try:
        if call.form is CallForm.REQUEST:
            return _body_of(call)
        text = call.arguments.decode("utf-8")
        if call.form is CallForm.TEXT:
            return Editable("text", text)
        known = loads_object(call.arguments)
        command = _command(known)
    except (ValueError, ProtocolError):
        return None
    if command is None or _spelled(call.arguments) != _spelled(orjson.dumps(known)):
        return Editable("arguments", text)  # a number that would be written otherwise: the text itself is edited
    return Editable("command", command[1])


def _spelled(arguments: bytes) -> object:
    """Return JSON with its numbers as they are spelled."""
    value: object = json.loads(arguments, parse_int=str, parse_float=str)
    return value


def _body_of(call: ToolCall) -> Editable | None:
    """Return the body of a request. Raises: ValueError where it is no text."""
    outgoing = decode(call.arguments)
    if not outgoing.body or outgoing.host or outgoing.header("content-encoding"):
        return None
    return Editable("body", outgoing.body.decode("utf-8"))


def _command(arguments: dict[str, object]) -> tuple[str, str] | None:
    return next(((name, found) for name in _COMMANDS if isinstance(found := arguments.get(name), str)), None)


def _edited(call: ToolCall, before: Editable, text: str) -> ToolCall:
    """Return the call with another text. Raises: ApprovalError `edit_invalid` (400)."""
    if not text.strip() or len(text) > MOST_CHARS or not _is_plain(text):
        raise ApprovalError(
            f"a form has 1 to {MOST_CHARS} characters, none of them hidden", code="edit_invalid", status=400
        )
    arguments = text.encode("utf-8")
    if before.what == "body":
        arguments = replace(decode(call.arguments), body=arguments).encode()
    elif before.what == "arguments":
        try:
            loads_object(arguments, what="form")
        except ProtocolError as error:
            raise ApprovalError(error.public, code="edit_invalid", status=400) from error
    elif before.what == "command":
        known = loads_object(call.arguments)
        name, _ = _command(known) or ("command", "")
        arguments = orjson.dumps({**known, name: text})
    return replace(call, id="", arguments=arguments, hint="", led=None)


def _is_plain(text: str) -> bool:
    return not any(is_hidden(char) and char != "\n" for char in text)
