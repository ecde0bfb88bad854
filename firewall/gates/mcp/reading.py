"""What reads without a tool (`resources/read`, `prompts/get`, `completion/complete`), judged before it is sent.

So are the folders that the client of a session names where its server asks for them (`roots/list`).

INVARIANT: a server hears of nothing that the grant does not name, and of nothing before the entry that says so is
durable. What has to be asked for is refused with the approval's id, and the identical request runs once after it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import orjson

from firewall.classify.mcp.roots import ANSWERS
from firewall.codecs.mcp import messages
from firewall.codecs.mcp.errors import INVALID_PARAMS, McpError
from firewall.codecs.mcp.messages import Kind, Message
from firewall.codecs.mcp.versions import is_modern
from firewall.core.call import ToolCall
from firewall.core.errors import FirewallError, UpstreamError
from firewall.core.ports import Clock, Sequencer
from firewall.core.work import Plain, Record, Unit
from firewall.gates.mcp.beside import META, judged_of, plain_of
from firewall.gates.mcp.legs import Legs, answered, beside, forwarded, is_asking, unnoted, with_params
from firewall.gates.mcp.methods import FOLDERS
from firewall.gates.mcp.port import Caller, Seen, Server, Upstream
from firewall.gates.mcp.saying import refusal_of
from firewall.gates.mcp.showing import permitted
from firewall.gates.mcp.state import Leg, Seal
from firewall.gates.mcp.wish import RESERVED
from firewall.guard.answer import Go, Stop, Wait
from firewall.guard.guard import Guard
from firewall.sequencer.posting import post

_BESIDE = frozenset({"_meta", "inputResponses", "requestState"})


class JudgedReads:
    """Fills the seam `Reads`; one instance per process."""

    def __init__(self, guard: Guard, sequencer: Sequencer, clock: Clock) -> None:
        self._guard = guard
        self._sequencer = sequencer
        self._legs = Legs(clock, Seal(), sequencer)

    async def read(
        self, server: Server, caller: Caller, message: Message, *, upstream: Upstream, seen: Seen
    ) -> Message:
        """As `port.Reads` says. Raises: FirewallError."""
        leg = self._legs.opened(server, caller, message)
        return await self._read(server, caller, (message, leg), upstream=upstream, seen=seen)

    async def subscribed(self, server: Server, caller: Caller, message: Message, address: str) -> None:
        """As `port.Reads` says. Raises: FirewallError."""
        params: dict[str, object] = {"uri": address}
        reading = messages.notification("resources/read", params)  # where nobody asks: a stream goes on
        if message.id is not None:
            reading = messages.request(message.id, "resources/read", params)
        go = await self._allowed(server, caller, reading, None)
        self._finished(caller, {"judged": go.entry, "gate": "mcp", "state": "subscribed"})

    async def named(self, server: Server, caller: Caller, answer: Message) -> None:
        """As `port.Reads` says. Raises: McpError -31403 `mcp_ask_refused`, which tells the server nothing else."""
        served = replace(server.served(FOLDERS), is_reading=True)
        given = orjson.dumps({ANSWERS: {"roots": dict(answer.result)}})
        call = ToolCall("", server.tool_name(FOLDERS), given, served=served)
        said = await self._guard.judge(call, caller.requester, heeds_denial=True)
        if not isinstance(said, Go):
            words = f"the client may not name these folders to `{server.name}`"
            raise McpError(words, number=-31403, code="mcp_ask_refused", status=403)
        self._finished(caller, {"judged": said.entry, "gate": "mcp", "state": "answered"})

    async def _allowed(
        self, server: Server, caller: Caller, message: Message, leg: Leg | None, seen: Seen | None = None
    ) -> Go:
        """Return what lets a request go. Raises: McpError where nothing does."""
        _permit(server, caller, message)
        answer = await self._guard.judge(_judged(server, message, leg), caller.requester, heeds_denial=True)
        if seen is not None:
            seen.judged(answer.entry)
        if isinstance(answer, Wait):
            answer = answer.stopped
        if isinstance(answer, Stop):
            raise refusal_of(message, answer)
        return answer

    async def _read(
        self, server: Server, caller: Caller, asked: tuple[Message, Leg | None], *, upstream: Upstream, seen: Seen
    ) -> Message:
        """Take one leg of a request. Raises: FirewallError."""
        message, leg = asked
        await self._legs.fit(server, caller, message, leg)
        answer = await self._allowed(server, caller, message, leg, seen)
        sent = forwarded(unnoted(message), leg)
        said = await self._sent(caller, sent, answer, upstream=upstream, seen=seen)
        if not is_asking(said):
            return said
        following = self._legs.next(server, caller, message, said, before=leg)
        if is_modern(caller.version):
            return self._legs.given(following, said)
        brought = with_params(message, inputResponses=await answered(server, said, seen))
        return await self._read(server, caller, (brought, following), upstream=upstream, seen=seen)

    async def _sent(self, caller: Caller, message: Message, go: Go, *, upstream: Upstream, seen: Seen) -> Message:
        facts: dict[str, Plain] = {"judged": go.entry, "gate": "mcp"}
        try:
            answer = await upstream.ask(message, seen=seen)
        except FirewallError as error:
            facts["fault"] = error.fault.value if isinstance(error, UpstreamError) else error.code
            raise
        except BaseException:
            facts["fault"] = "cancelled"
            raise
        else:
            facts["reported_error"] = answer.kind is Kind.ERROR
            return answer
        finally:
            self._finished(caller, facts)

    def _finished(self, caller: Caller, facts: dict[str, Plain]) -> None:
        record = Record(kind="tool.finished", data=facts, principal=caller.requester.principal)
        post(self._sequencer, Unit(records=(record,)))


def _permit(server: Server, caller: Caller, message: Message) -> None:
    """Raise McpError for a resource or prompt that the grant does not name, or whose name is none."""
    params = message.params
    if message.method == "completion/complete":
        found = params.get("ref")
        params = cast("Mapping[str, object]", found) if isinstance(found, dict) else {}
    uri, name = params.get("uri"), params.get("name")
    if message.method == "resources/read" or params.get("type") == "ref/resource":
        is_named = isinstance(uri, str) and permitted.may_read(caller, server, uri)
    else:
        is_named = isinstance(name, str) and permitted.may_name(caller, server, name)
    if not is_named:
        raise McpError(
            "the grant does not name this", number=INVALID_PARAMS, code="grant_outside", status=403, of=message.id
        )


def _judged(server: Server, message: Message, leg: Leg | None) -> ToolCall:
    """Return what the guard judges: the parameters, of `_meta` what says something, under the method's name.

    Raises: McpError `argument_reserved`.
    """
    if not RESERVED.isdisjoint(message.params):
        raise McpError(
            "a parameter has a name under which other things are judged",
            number=INVALID_PARAMS,
            code="argument_reserved",
            of=message.id,
        )
    params = {name: value for name, value in message.params.items() if name not in _BESIDE}
    params |= beside(message, leg)
    if notes := judged_of(message.meta):
        params[META] = notes
    served = replace(server.served(message.method), is_reading=True, beside=plain_of(message.meta))
    return ToolCall("", server.tool_name(message.method), orjson.dumps(params), served=served)
