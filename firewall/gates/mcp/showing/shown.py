"""The seam that everything passes that a server says (`gates.mcp.port.Shown`), and the tools that may be called.

INVARIANT: what is given on was cleaned, and what was found is in the log before. Lists hold what the grant permits
and, of tools, what is approved; order and cursors stay.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NoReturn, cast

import orjson

from firewall.classify.credentials.detector import Detector
from firewall.codecs.mcp import messages
from firewall.codecs.mcp.errors import INVALID_PARAMS, McpError
from firewall.codecs.mcp.messages import Kind, Message
from firewall.core.errors import FirewallError
from firewall.core.pins import ABOUT
from firewall.core.ports import Clock, Sequencer
from firewall.core.secret import Secret
from firewall.gates.mcp import forms, opaque
from firewall.gates.mcp.pinning.pins import Page, Pins
from firewall.gates.mcp.plainly import unjudged_of
from firewall.gates.mcp.port import Caller, Server
from firewall.gates.mcp.showing import answers, permitted
from firewall.gates.mcp.showing.aside import Aside
from firewall.gates.mcp.showing.asking import ASKED, KINDS, NOTICES, is_declared, objection
from firewall.gates.mcp.showing.cleaning import Cleaner, Found
from firewall.gates.mcp.showing.flags import Flags
from firewall.guard.foreign import Known
from firewall.guard.requester import Requester

MOST_TTL_MS = 60_000
"""How long a client may keep a list: what waits for a person should not stay in sight."""
_MOST_CLAIMS, _MOST_CLAIM_BYTES = 256, 4096
_CALLS = frozenset({"tools/call", "tasks/get", "tasks/result"})
"""What tools say comes back with these."""
_HELLO = frozenset({"initialize", "server/discover"})
Note = Callable[[Requester, str, str], None]


class AskRefusedError(FirewallError):
    """A server asked for something that it may not ask for."""

    code = "mcp_ask_refused"
    status = 403


@dataclass(frozen=True, slots=True)
class Rules:
    """What answers are held against."""

    detector: Callable[[], Detector]
    """Of the policies in force."""
    known: Known
    """Credentials of ours, each with the name of whom it is for."""
    note: Note
    """Remembers where a credential of others was met."""


class Showing:
    """Looks at what servers say."""

    def __init__(self, pins: Pins, rules: Rules, sequencer: Sequencer, clock: Clock) -> None:
        self._pins = pins
        self._rules = rules
        self._flags = Flags(sequencer, clock)
        self._aside = Aside()
        self._clean: set[bytes] = set()
        """What clients said about themselves, and no credential stood in it."""
        self._searched_for: tuple[Detector, tuple[tuple[str, Secret], ...]] | None = None
        """What was searched for there."""

    async def listed(self, server: Server, caller: Caller, asked: Message, answer: Message) -> Message:
        """Return what the caller may see of a list. Raises: StoreError."""
        name = permitted.LISTS.get(asked.method, "")
        items = answer.result.get(name)
        if answer.kind is not Kind.RESULT or not isinstance(items, list):
            return await self.result(server, caller, asked, answer)
        seen = [cast("Mapping[str, object]", item) for item in items if isinstance(item, dict)]
        if asked.method == "tools/list":
            seen = await self._approved(server, seen, _page(asked, answer))
        seen = [item for item in seen if permitted.is_permitted(caller, server, asked.method, item)]
        edits: dict[tuple[str | int, ...], object] = {}
        if len(seen) != len(items):
            edits[("result", name)] = seen
        edits |= _kept_briefly(answer)
        shorter = messages.changed(answer, edits) if edits else answer
        return await self._cleaned(server, caller, (asked.method, ""), shorter)

    async def result(self, server: Server, caller: Caller, asked: Message, answer: Message) -> Message:
        """Return what the caller may see of an answer.

        Raises: McpError for what its grant does not permit; AskRefusedError; StoreError.
        """
        self._permit(server, caller, asked)
        if answer.kind is Kind.RESULT and asked.method in _HELLO:
            answer = await self._greeted(server, answer)
        wanted = answer.result.get("inputRequests") if answer.kind is Kind.RESULT else None
        if wanted is not None:
            await self._judge_wanted(server, caller, answer, wanted)
        about = asked.params.get("name", asked.params.get("uri", ""))
        return await self._cleaned(server, caller, (asked.method, str(about)[:200]), answer)

    async def asked_back(self, server: Server, caller: Caller, message: Message) -> Message | None:
        """Return what the caller may see of what a server sends by itself, None: nothing of it.

        Raises: AskRefusedError for a request that the server may not make; StoreError.
        """
        if message.kind is Kind.NOTIFICATION:
            if message.method not in NOTICES:
                return None
        elif message.kind is not Kind.REQUEST:
            return None
        else:
            await self._judge(server, caller, message, message.method, message.params)
        return await self._cleaned(server, caller, (message.method, ""), message)

    async def asked(self, server: Server, caller: Caller, message: Message) -> None:
        """Refuse a request that goes to a server unjudged and holds a credential.

        Raises: McpError -32602 `credential_refused`; StoreError.
        """
        values = unjudged_of(message, sealed=opaque.PREFIX)
        if not self._is_clean(values):
            await self._refuse_credential(server, caller, message.method)

    async def claimed(self, server: Server, caller: Caller) -> None:
        """Refuse a client that says a credential about itself.

        Raises: McpError -32602 `credential_refused`; StoreError.
        """
        if not caller.info and not caller.capabilities:
            return
        claims: list[object] = [dict(caller.info), dict(caller.capabilities)]
        said = orjson.dumps(claims)
        searched = self._rules.detector(), tuple(self._rules.known())
        if self._searched_for != searched:
            self._clean.clear()
            self._searched_for = searched
        if said in self._clean:
            return
        if not self._is_clean(claims):
            await self._refuse_credential(server, caller, "initialize")
        if len(self._clean) >= _MOST_CLAIMS:
            self._clean.clear()
        if len(said) <= _MOST_CLAIM_BYTES:
            self._clean.add(said)

    def _is_clean(self, values: list[object]) -> bool:
        cleaner = self._cleaner(orjson.dumps(values))
        cleaner.block(values)
        return not cleaner.found.rules and not cleaner.found.cut

    async def _refuse_credential(self, server: Server, caller: Caller, method: str) -> NoReturn:
        await self._flags.refused(server, caller, messages.notification(method), "request-with-credential")
        raise McpError(
            "a credential stands in what nobody judges: it is not sent on",
            number=INVALID_PARAMS,
            code="credential_refused",
            status=403,
        )

    async def answered_back(self, server: Server, caller: Caller, asked: Message, answer: Message) -> Message:
        """Return what a server may hear of a client's answer to a request of its own: nothing hides in its texts.

        Raises: AskRefusedError where a credential stands in it, or more than can be looked at; AnswerMisfitError
        for a user's answer that is not what was asked for; StoreError.
        """
        answer = forms.plain(answer)
        rules = self._held_against()

        def look() -> tuple[Message, Found]:
            cleaner = Cleaner(answer.raw, *rules)
            return answers.cleaned(answer, cleaner), cleaner.found

        clean, found = await self._aside.do(look, len(answer.raw))
        if found.rules:
            await self._refuse(server, caller, asked, "answer-with-credential")
        if found.cut:  # FAIL-CLOSED: half an answer could say something else than the whole
            await self._refuse(server, caller, asked, "answer-too-large")
        await self._fit(server, caller, asked, clean)
        await self._flags.found(server, caller, (asked.method, "answer"), found)
        return forms.unnoted(asked, clean)

    async def _fit(self, server: Server, caller: Caller, asked: Message, answer: Message) -> None:
        """Hold a user's answer against the form. Raises: AnswerMisfitError; StoreError."""
        if asked.method != forms.METHOD or answer.kind is not Kind.RESULT:
            return
        why = forms.misfit(asked.params, answer.result)
        if why:
            await self._flags.refused(server, caller, asked, forms.MISFIT)
            raise forms.AnswerMisfitError(f"the answer does not fit what was asked: {why}")

    async def _approved(
        self, server: Server, items: Sequence[Mapping[str, object]], page: Page
    ) -> list[Mapping[str, object]]:
        """Return those whose definition is the approved one; of two under one name the first."""
        named: dict[str, Mapping[str, object]] = {}
        for item in items:
            name = item.get("name")
            if isinstance(name, str) and name != ABOUT:
                named.setdefault(name, item)
        shown = await self._pins.admit(server.name, server.identity, list(named.items()), page=page)
        return [item for name, item in named.items() if name in shown]

    async def _greeted(self, server: Server, answer: Message) -> Message:
        """Return a greeting without the server's words to models, unless they are the approved ones."""
        words = answer.result.get("instructions")
        if not isinstance(words, str) or not words:
            return answer
        told = [(ABOUT, {"instructions": words})]
        if ABOUT in await self._pins.admit(server.name, server.identity, told, page=None):
            return answer
        rest = {name: value for name, value in answer.result.items() if name != "instructions"}
        return messages.changed(answer, {("result",): rest})

    def _permit(self, server: Server, caller: Caller, asked: Message) -> None:
        """Raise McpError where a grant names neither the resource nor the prompt that was asked for."""
        uri, name = asked.params.get("uri"), asked.params.get("name")
        reads = asked.method.startswith("resources/") and isinstance(uri, str)
        is_out = (reads and not permitted.may_read(caller, server, str(uri))) or (
            asked.method == "prompts/get" and not permitted.may_name(caller, server, str(name))
        )
        if is_out:
            raise McpError(
                "the grant does not name this",
                number=INVALID_PARAMS,
                code="grant_outside",
                status=403,
                of=asked.id,
            )

    async def _judge_wanted(self, server: Server, caller: Caller, answer: Message, wanted: object) -> None:
        """Judge what a server wants before it goes on (`InputRequiredResult`, 2026-07-28)."""
        if isinstance(wanted, dict) and ASKED in wanted:
            await self._refuse(server, caller, answer, "name-of-ours")
        for one in wanted.values() if isinstance(wanted, dict) else [wanted]:
            held = cast("Mapping[str, object]", one) if isinstance(one, dict) else {}
            method, params = held.get("method"), held.get("params", {})
            said = cast("Mapping[str, object]", params) if isinstance(params, dict) else {}
            await self._judge(server, caller, answer, method if isinstance(method, str) else "", said)
            if not is_declared(str(method), said, caller.capabilities):
                await self._refuse(server, caller, answer, "not-declared")

    async def _judge(
        self, server: Server, caller: Caller, message: Message, method: str, params: Mapping[str, object]
    ) -> None:
        why = objection(method, params, server.settings.may_ask)
        if why:
            await self._refuse(server, caller, message, why)

    async def _refuse(self, server: Server, caller: Caller, message: Message, why: str) -> None:
        await self._flags.refused(server, caller, message, why)
        what = KINDS.get(message.method, "input")
        raise AskRefusedError(f"`{server.name}` may not ask a client for this ({what}: {why})")

    def _cleaner(self, raw: bytes) -> Cleaner:
        return Cleaner(raw, *self._held_against())

    def _held_against(self) -> tuple[Detector, list[Secret]]:
        return self._rules.detector(), [secret for _, secret in self._rules.known()]

    async def _cleaned(self, server: Server, caller: Caller, about: tuple[str, str], message: Message) -> Message:
        seal = partial(opaque.sealed, principal=caller.requester.principal, server=server.identity)
        rules = self._held_against()

        def look() -> tuple[Message, Found]:
            cleaner = Cleaner(message.raw, *rules, seal=seal if message.kind is Kind.RESULT else None)
            clean, found = answers.cleaned(message, cleaner), cleaner.found
            if found.signals:
                clean = answers.marked(clean, found.signals, server.name, is_call=about[0] in _CALLS)
            return clean, found

        clean, found = await self._aside.do(look, len(message.raw))
        for value in found.values:
            self._rules.note(caller.requester, value, f"answer of {server.name}: {about[0]} {about[1]}".strip())
        await self._flags.found(server, caller, about, found)
        return clean


def _page(asked: Message, answer: Message) -> Page:
    """Return where a page stands; a cursor that is no text is one that the server never gave."""
    cursor, more = asked.params.get("cursor"), answer.result.get("nextCursor")
    return Page(str(cursor) if cursor else "", str(more) if more else "")


def _kept_briefly(answer: Message) -> dict[tuple[str | int, ...], object]:
    """Return the hints of a list, as it is one caller's: nobody else may keep it, and nobody for long."""
    edits: dict[tuple[str | int, ...], object] = {}
    ttl = answer.result.get("ttlMs")
    if isinstance(ttl, int | float) and ttl > MOST_TTL_MS:
        edits[("result", "ttlMs")] = MOST_TTL_MS
    if answer.result.get("cacheScope", "private") != "private":
        edits[("result", "cacheScope")] = "private"
    return edits
