"""The hooks gate as an ASGI application: `POST /hooks/{agent}` and `POST /v1/judge`.

What asks here runs the call itself, on its own machine: the answer is all that this gate can do, so a hook is a
sensor, and the gates in the traffic are the enforcement. INVARIANT: nothing is answered with `allow` before its
entry is durable; whatever goes wrong is an error, which every asker takes as a denial.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from firewall.approvals.service import Approvals
from firewall.codecs.hooks import judged
from firewall.codecs.hooks.agents import READERS
from firewall.codecs.hooks.event import EventKind, HookEvent
from firewall.core.call import ToolCall
from firewall.core.errors import FirewallError, LimitError, ProtocolError
from firewall.core.ports import Clock, Sequencer
from firewall.core.strict_json import loads_object
from firewall.gates.edge.body import read_body, while_connected
from firewall.gates.edge.doorkeeper import Doorkeeper, requester_of
from firewall.gates.edge.rates import Drawing
from firewall.gates.edge.send import send_whole
from firewall.gates.hooks import answers
from firewall.gates.infra import problem
from firewall.guard.answer import Go, Stop, Wait
from firewall.guard.guard import Guard
from firewall.guard.requester import Requester
from firewall.tokens.service import Bearer

log = logging.getLogger("stayhand.hooks")
HOOKS, JUDGE = "/hooks/", "/v1/judge"
FRAMEWORK = "judge"
"""The client's name of whoever asks `/v1/judge`."""


class NotServedError(FirewallError):
    """A path or method that this gate does not serve."""

    code = "endpoint_unsupported"
    status = 404


class HooksGate:
    """Answers hooks and frameworks; one instance per process."""

    def __init__(
        self,
        *,
        guard: Guard,
        approvals: Approvals,
        doorkeeper: Doorkeeper,
        sequencer: Sequencer,
        clock: Clock,
        hold_s: int,
        max_body_bytes: int,
    ) -> None:
        """`hold_s`: how long a held call may keep its asker waiting, where that bears it."""
        self._guard = guard
        self._approvals = approvals
        self._doorkeeper = doorkeeper
        self._clock = clock
        self._drawing = Drawing(sequencer)
        self._hold_s = hold_s
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; errors are problem documents (RFC 9457)."""
        try:
            answer = await self._serve(scope, receive)
        except FirewallError as error:
            if error.detail:
                log.info("code=%s detail=%s", error.code, error.detail)
            answer = problem.of_error(error)
        await send_whole(send, *answer)

    async def _serve(self, scope: Scope, receive: Receive) -> answers.Answer:
        path: str = scope["path"]
        agent = path.removeprefix(HOOKS) if path.startswith(HOOKS) else ""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        source = scope["client"][0] if scope.get("client") else ""
        bearer = await self._doorkeeper.bearer(headers, source)
        if scope["method"] == "GET" and agent in READERS:
            return answers.heard(self._guard.hooks.of(requester_of(bearer, gate="hooks", client=agent)))
        if scope["method"] != "POST" or (agent not in READERS and path != JUDGE):
            raise NotServedError(f"`{scope['method']} {path[:120]}` is not served here")
        body = await read_body(receive, self._max_body_bytes)
        value = loads_object(body)
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        wait_s = min(self._hold_s, _seconds(query))
        if agent:
            event = READERS[agent](body, value)
            answer = await self._event(event, agent, bearer, receive=receive, wait_s=wait_s)
            if isinstance(answer, Go) and query.get("brief") == ["1"]:
                return answers.allowed(answer)
            name = event.call.name if event.call is not None else ""
            return answers.noted() if answer is None else answers.of_verdict(name, answer)
        asked = judged.read(body, value)
        requester = requester_of(bearer, gate="hooks", client=FRAMEWORK, session=asked.session)
        requester = replace(requester, cwd=asked.cwd, environment=asked.environment)
        return answers.of_verdict(asked.call.name, await self._judge(asked.call, requester, receive, wait_s))

    async def _event(
        self, event: HookEvent, agent: str, bearer: Bearer, *, receive: Receive, wait_s: float
    ) -> Go | Stop | None:
        """Take note of an event, and judge what it reports; None: it asks nothing."""
        requester = requester_of(bearer, gate="hooks", client=agent, session=event.session)
        requester = replace(requester, cwd=event.cwd)
        reported = event.use_id if event.kind is EventKind.CALL else None
        self._guard.hooks.heard(requester, now_us=self._clock.now_us(), call_id=reported)
        if event.kind is not EventKind.CALL or event.call is None:
            return None
        return await self._judge(event.call, requester, receive, wait_s)

    async def _judge(self, call: ToolCall, requester: Requester, receive: Receive, wait_s: float) -> Go | Stop:
        """Judge, and hold as long as was configured and the asker bears."""
        takes = await self._drawing.takes(requester)
        try:
            answer = await self._guard.judge(call, requester, takes=takes)
        except LimitError:
            self._drawing.overdrew(requester)
            raise
        if isinstance(answer, Wait) and wait_s > 0:
            until = self._clock.now_us() + int(wait_s * 1_000_000)
            async with while_connected(receive):  # nobody is released who is not there any more
                await self._approvals.wait(answer.approval.id, until_us=until)
            answer = await self._guard.release(answer, requester)
        if isinstance(answer, Wait):  # nobody has agreed to this yet
            return answer.stopped
        return answer


def _seconds(query: Mapping[str, list[str]]) -> float:
    """Return how long the asker bears to wait: `?wait=s`; none of it means not at all. Raises: ProtocolError."""
    values = query.get("wait", ["0"])
    if len(values) != 1 or not values[0].isascii() or not values[0].isdigit() or len(values[0]) > 4:
        raise ProtocolError("`wait` must be a whole number of seconds", code="wait_invalid")
    return float(values[0])
