"""Running a form that an approver chose: judged as the agent's own request, sent once with our credential.

Before anything is sent the call that it stands for is judged again: it must still be the one that people were
asked about, in the state that they were shown. What is sent lies with the approval since it was asked. A form that
takes the call's place settles it; one that comes first releases it only when the API says that it is through, and
when nothing but restore points has changed meanwhile.
"""

import asyncio
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.types import Message

from firewall.approvals.forms import Ended, Forms, Settling
from firewall.approvals.people import Approver
from firewall.approvals.service import Approvals
from firewall.core.approval import Approval, Decision, Form, FormState
from firewall.core.call import CallForm, ToolCall
from firewall.core.errors import ApprovalError, AuthError, FirewallError
from firewall.core.outgoing import decode
from firewall.core.target import TargetKind
from firewall.core.verdict import Ask
from firewall.core.world import changed
from firewall.gates.edge.doorkeeper import requester_of
from firewall.gates.infra import problem
from firewall.gates.infra.sending import Asked, Courier
from firewall.gates.infra.targets import Target
from firewall.guard.answer import Go, Stop, Wait
from firewall.guard.editing import Editing
from firewall.guard.guard import Guard
from firewall.guard.judgement import Judgement
from firewall.guard.requester import Requester
from firewall.tokens.service import Tokens

_PREFIX = "infra/"
_NUMBERS = itertools.count(1)
_KEPT_BYTES = 256 << 10
"""How much of an answer is looked at."""
_ERRORS = re.compile(rb"\"errors\"\s*:\s*\[\s*[^\]\s]")
_UNDER_WAY = re.compile(
    rb"(?:\"[a-z_]{0,30}(?:status|state|phase)\"\s*:\s*\"|<[a-z]{0,30}(?:status|state)>\s*)"
    rb"(?:accepted|creating|in[-_ ]?progress|new|pending|processing|queued|running|scheduled|scheduling"
    rb"|snapshotting|started|starting|waiting)[\"<]"
    rb"|\"readyToUse\"\s*:\s*false|\"kind\"\s*:\s*\"VolumeSnapshot\"(?!.*\"readyToUse\"\s*:\s*true)",
    re.IGNORECASE | re.DOTALL,
)
"""What APIs say of a snapshot that is not there yet."""
_NOBODY_KNOWS = frozenset({"indeterminate", "token_revoked"})
_RESTORE = "backup"
"""How the facts about restore points begin: what a snapshot may change."""


@dataclass(slots=True)
class _Answer:
    """Takes an answer in place of an agent, and the error where there is one."""

    status: int = 0
    body: bytearray = field(default_factory=bytearray)
    error: FirewallError | None = None

    async def take(self, message: Message) -> None:
        """As ASGI's `send`."""
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
        elif len(self.body) < _KEPT_BYTES:
            self.body += message.get("body", b"")

    def of_error(self, error: FirewallError) -> problem.Answer:
        """As `Shape` says."""
        self.error = error
        return problem.of_error(error)

    def of_stop(self, target: str, stop: Stop) -> problem.Answer:
        """As `Shape` says."""
        return problem.of_stop(target, stop)


@dataclass(frozen=True, slots=True)
class Said:
    """Who has a form run, and the name that he typed."""

    by: Approver
    typed: str | None = None


class FormRunner:
    """Runs forms for approvers; one instance per process."""

    def __init__(
        self,
        *,
        forms: Forms,
        approvals: Approvals,
        tokens: Tokens,
        guard: Guard,
        courier: Courier,
        targets: Mapping[str, Target],
    ) -> None:
        self._forms = forms
        self._approvals = approvals
        self._tokens = tokens
        self._guard = guard
        self._courier = courier
        self._targets = targets
        self._running: set[asyncio.Task[None]] = set()
        self.editor: Editing | None = guard.editing
        """Takes other forms in place of calls."""

    async def run(self, approval_id: str, number: int, *, by: Approver, typed: str | None = None) -> None:
        """Run a form of an approval that waits, and settle the approval as far as the answer goes.

        `typed`: the name of the resource, where the approval asks for it and the form comes before the call.
        Whatever comes of it once it is begun stands with the approval; it goes on when the caller goes away.
        Raises: ApprovalError where it may not begin; StoreError.
        """
        approval, form = self._forms.check(approval_id, number, by, typed=typed)
        requester = self._requester(approval)
        before = await self._still(approval, requester)
        await self._forms.begin(approval, number, by, typed=typed)
        task = asyncio.create_task(self._begun(approval, form, requester, before=before, said=Said(by, typed)))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await asyncio.shield(task)

    def _requester(self, approval: Approval) -> Requester:
        """Return whose call it is. Raises: ApprovalError where its token is no longer good."""
        try:
            return requester_of(self._tokens.holder_of(approval.token), gate="infra", client="other")
        except AuthError as error:
            raise ApprovalError(
                "the agent's token has ended: nothing is run for it", code="token_ended"
            ) from error

    async def _still(self, approval: Approval, requester: Requester) -> Judgement:
        """Return the judgement of the call now.

        Raises: ApprovalError where it is not what people were asked about any more.
        """
        fresh = await self._guard.considered(_call_of(approval), requester)
        if not isinstance(fresh.verdict, Ask) or fresh.digest != approval.digest:
            raise ApprovalError(
                "the call is judged otherwise now, or what it names has changed: it will be asked anew",
                code="approval_outdated",
            )
        return fresh

    async def _begun(
        self, approval: Approval, form: Form, requester: Requester, *, before: Judgement, said: Said
    ) -> None:
        """Send a form that is begun, and record how it ended; always ends it."""
        ended = Ended(FormState.UNKNOWN)
        then: Settling | None = None
        try:
            ended = await self._sent(approval, form, requester, said.by)
            then = await self._following(approval, form, requester, before=before, ended=ended, said=said)
        finally:
            await self._forms.end(approval, ended, then=then)

    async def _sent(self, approval: Approval, form: Form, requester: Requester, by: Approver) -> Ended:
        name = approval.subject.tool if approval.subject else ""
        target = self._targets[name.removeprefix(_PREFIX)]
        call = ToolCall(f"form_{next(_NUMBERS)}", name, form.request.encode(), form=CallForm.REQUEST)
        answer = await self._guard.judge(call, requester)
        if isinstance(answer, Wait):
            if not self._approvals.is_enough(answer.approval, by):
                return Ended(FormState.WAITING, note=answer.approval.id, judged=answer.entry)
            await self._approvals.decide(answer.approval.id, Decision.APPROVE, by=by)
            answer = await self._guard.release(answer, requester)
        if not isinstance(answer, Go):
            reason = answer.verdict.reason.value if isinstance(answer, Stop) else answer.approval.id
            return Ended(FormState.REFUSED, note=reason, judged=answer.entry)
        taken = _Answer()
        # A signature of AWS is good for one change; a form has none, its name is as good as one.
        asked = Asked(target, requester, call, signature=call.id)
        await self._courier.send_on(asked, answer, taken.take, taken)
        error = taken.error.code if taken.error is not None else ""
        return outcome_of(taken.status, bytes(taken.body), target.spec.kind, error=error, judged=answer.entry)

    async def _following(
        self,
        approval: Approval,
        form: Form,
        requester: Requester,
        *,
        before: Judgement,
        ended: Ended,
        said: Said,
    ) -> Settling | None:
        """Return the decision about the call that follows from its form; None: it stays held."""
        if not form.before:
            is_done = ended.state in (FormState.DONE, FormState.ACCEPTED)
            words = f"this was done in its place: {form.line}"
            return Settling(Decision.DENY, said.by, reason=words) if is_done else None
        if ended.state is not FormState.DONE:
            return None
        fresh = await self._guard.considered(_call_of(approval), requester)
        differs = [what for what, _, _ in changed(before.findings, fresh.findings)]
        is_same = isinstance(fresh.verdict, Ask) and fresh.base == before.base
        if not is_same or any(not what.rpartition(" ")[2].startswith(_RESTORE) for what in differs):
            return None
        return Settling(Decision.APPROVE, said.by, rebind=fresh.digest, typed=said.typed)


def _call_of(approval: Approval) -> ToolCall:
    """Return the call that an approval is about, from what people were shown.

    Raises: ApprovalError where it is no request, or cannot be written as text without loss.
    """
    tool, data = (approval.subject.tool, approval.subject.arguments.encode()) if approval.subject else ("", b"")
    try:
        decode(data)
    except ValueError as error:
        raise ApprovalError("this call has no forms that could be run", code="form_unknown", status=404) from error
    return ToolCall(f"form_{next(_NUMBERS)}", tool, data, form=CallForm.REQUEST)


def outcome_of(status: int, body: bytes, kind: TargetKind, *, error: str = "", judged: int = -1) -> Ended:
    """Return what an answer says of a form; `error` is a code of ours where there was none."""
    if error:
        return Ended(FormState.UNKNOWN if error in _NOBODY_KNOWS else FormState.FAILED, note=error, judged=judged)
    if not 200 <= status < 300:
        return Ended(FormState.FAILED, status, judged=judged)
    if kind is TargetKind.GRAPHQL and _ERRORS.search(body):
        return Ended(FormState.FAILED, status, "errors", judged)
    is_under_way = status == 202 or _UNDER_WAY.search(body) is not None
    return Ended(FormState.ACCEPTED if is_under_way else FormState.DONE, status, judged=judged)
