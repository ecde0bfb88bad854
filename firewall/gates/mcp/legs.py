"""A request in several legs (2026-07-28, multi round-trip requests): a server asks, its client comes back.

What a server wants its client to bring back is sealed in a state of ours, bound to principal, server and request.
INVARIANT: a client brings back what a server gave for exactly this request, and answers what was asked there and
nothing else; what it answers is judged with the request as if it stood in it. Across eras the client of a session
is asked in its own way, and the answers are judged just so.
"""

import hashlib
from collections.abc import Mapping
from typing import cast

import orjson

from firewall.classify.mcp.roots import ANSWERS
from firewall.codecs.mcp import messages
from firewall.codecs.mcp.errors import McpError
from firewall.codecs.mcp.messages import Kind, Message
from firewall.core.errors import UpstreamError, UpstreamFault
from firewall.core.ports import Clock, Sequencer
from firewall.gates.mcp import forms
from firewall.gates.mcp.beside import own_notes_of
from firewall.gates.mcp.port import Caller, Seen, Server
from firewall.gates.mcp.showing.flags import Flags
from firewall.gates.mcp.state import Leg, Seal, is_of_leg, is_ours, refused

ASKING = frozenset({"tools/call", "resources/read", "prompts/get"})
"""Requests in answer to which a server may ask."""
MAX_LEGS = 8
"""How often a server may ask for one answer: SDKs give up after ten."""
LEG_S = 3600
"""How long a client may take to come back: a person may be behind it."""
MAX_QUESTIONS = 16
MAX_STATE_CHARS = 64 << 10
MAX_FORMS_BYTES = 64 << 10
"""Of all forms that a server has a user fill in at once."""
_MAX_KEY = 128
QUESTIONS = "mcp:inputRequests"
"""The name under which what answers answer is judged: no argument has it, nor `ANSWERS`."""
_BROUGHT = ("inputResponses", "requestState")
_US = 1_000_000


class Legs:
    """Seals what servers give, and opens what clients bring back; one instance per process."""

    def __init__(self, clock: Clock, seal: Seal, sequencer: Sequencer) -> None:
        self._clock = clock
        self._seal = seal
        self._flags = Flags(sequencer, clock)

    def opened(self, server: Server, caller: Caller, message: Message) -> Leg | None:
        """Return the leg that a client comes back from; None: it makes the request for the first time.

        Raises: McpError `request_state_invalid` for a state that is not of exactly this request, and for answers
        to what was not asked.
        """
        state, answers = message.params.get("requestState"), message.params.get("inputResponses")
        if state is None and answers is None:
            return None
        if is_ours(state) and message.method == "tools/call":
            return None  # people are asked about it
        if not is_of_leg(state):
            raise refused()
        leg = self._seal.leg(str(state), self._clock.now_us())
        whose = (caller.requester.principal, server.identity, digest_of(message))
        if leg is None or (leg.principal, leg.server, leg.digest) != whose:
            raise refused()
        given = answers if isinstance(answers, dict) else {}
        if (answers is not None and given is not answers) or not leg.asked.issuperset(given):
            raise refused()
        return leg

    async def fit(self, server: Server, caller: Caller, message: Message, leg: Leg | None) -> None:
        """Refuse a request whose answers are not what a user was asked for.

        Raises: McpError -32602 `answer_misfit`; StoreError.
        """
        answers = message.params.get("inputResponses")
        if leg is None or not isinstance(answers, dict):
            return
        error = forms.misfit_of(leg.forms, answers)
        if error is not None:
            await self._flags.refused(server, caller, messages.notification(message.method), forms.MISFIT)
            raise error

    def next(
        self, server: Server, caller: Caller, message: Message, answer: Message, *, before: Leg | None
    ) -> Leg:
        """Return the leg that begins with a server's question. Raises: UpstreamError for one that is none."""
        questions, theirs = answer.result.get("inputRequests"), answer.result.get("requestState")
        is_read = isinstance(questions, dict | None) and isinstance(theirs, str | None)
        asked = cast("Mapping[str, object]", questions) if isinstance(questions, dict) else {}
        wanted = forms.asked_of(asked)
        is_fit = len(asked) <= MAX_QUESTIONS and all(0 < len(key) <= _MAX_KEY for key in asked)
        is_fit = is_fit and len(orjson.dumps(wanted)) <= MAX_FORMS_BYTES
        if not is_read or not is_fit or len(str(theirs or "")) > MAX_STATE_CHARS or not (asked or theirs):
            raise _malformed(server, "asks what nobody can answer")
        round_ = before.round + 1 if before is not None else 0
        if round_ >= MAX_LEGS:
            raise _malformed(server, "asks for ever")
        return Leg(
            principal=caller.requester.principal,
            server=server.identity,
            digest=digest_of(message),
            theirs=theirs if isinstance(theirs, str) else None,
            asked=frozenset(asked),
            questions=hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest()
            if asked
            else "",
            until_us=self._clock.now_us() + LEG_S * _US,
            round=round_,
            forms=wanted,
        )

    def given(self, leg: Leg, answer: Message) -> Message:
        """Return a server's question as its client hears it: with a state of ours in place of the server's."""
        state = self._seal.sealed_leg(leg)
        if "requestState" in answer.result:
            return messages.changed(answer, {("result", "requestState"): state})
        return messages.with_result(answer, {"requestState": state})


def is_asking(answer: Message) -> bool:
    """Tell whether a server wants something before it answers."""
    return answer.kind is Kind.RESULT and answer.result.get("resultType") == "input_required"


def digest_of(message: Message) -> str:
    """Return SHA-256 hex of a request without what it brings back and what stands in its `_meta`."""
    said = {name: value for name, value in message.params.items() if name not in (*_BROUGHT, "_meta")}
    return hashlib.sha256(orjson.dumps([message.method, said], option=orjson.OPT_SORT_KEYS)).hexdigest()


def forwarded(message: Message, leg: Leg | None) -> Message:
    """Return a request as the server hears it: with the state that it gave itself."""
    if leg is None:
        return message
    if leg.theirs is not None and "requestState" in message.params:
        return messages.changed(message, {("params", "requestState"): leg.theirs})
    return with_params(message, requestState=leg.theirs)


def beside(message: Message, leg: Leg | None) -> dict[str, object]:
    """Return what is judged beside a request's parameters: the answers, and which questions they answer."""
    answers = message.params.get("inputResponses")
    if leg is None or not answers:
        return {}
    return {ANSWERS: answers, QUESTIONS: leg.questions}


def with_params(message: Message, **values: object) -> Message:
    """Return a request with parameters replaced, all other bytes as they are; None takes one out."""
    rest = messages.without(message, frozenset(values))
    kept = {name: value for name, value in values.items() if value is not None}
    return messages.with_params(rest, kept) if kept else rest


def unnoted(message: Message) -> Message:
    """Return a request without the client's notes for itself, which nobody judges."""
    unsent = own_notes_of(message.meta)
    if not unsent:
        return message
    return with_params(message, _meta={name: one for name, one in message.meta.items() if name not in unsent})


async def answered(server: Server, answer: Message, seen: Seen) -> dict[str, object]:
    """Ask the client of a session what a stateless server asks, one by one; return its answers by key.

    Each is judged on its way there and back, as what a server of the session's own era asks.
    Raises: McpError `mcp_ask_refused` where the client did not declare it, may not be asked it, or gave no answer.
    """
    found: dict[str, object] = {}
    asked = answer.result.get("inputRequests")
    for key, one in (cast("Mapping[str, object]", asked) if isinstance(asked, dict) else {}).items():
        method, params = messages.at(one, ["method"]), messages.at(one, ["params"])
        if not isinstance(method, str) or not isinstance(params, dict | None):
            raise _malformed(server, "asks what nobody can answer")
        said = await seen(messages.request("stayhand-question", method, params or {}))
        if said is None or said.kind is not Kind.RESULT:
            raise McpError(
                f"`{server.name}` asks something that this client may not or cannot answer",
                number=-31403,
                code="mcp_ask_refused",
                status=403,
            )
        found[key] = dict(said.result)
    return found


def _malformed(server: Server, words: str) -> UpstreamError:
    return UpstreamError(f"the MCP server `{server.name}` {words}", fault=UpstreamFault.MALFORMED)
