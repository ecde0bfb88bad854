"""The frame around a call: an answer that was given before, whoever answers first, or what is given instead.

What failed before the first word leaves no trace in the answer.
INVARIANT: a request of the caller's own making that is wrong is sent once. A provider that was silent, and a key
that was refused, are not asked again for the same call.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial

from firewall.codecs.dialects import CODECS
from firewall.codecs.interface import Usage
from firewall.core.errors import UpstreamError, UpstreamFault
from firewall.core.terms import CACHE, MESSAGE, CacheTerms
from firewall.routing.call import Candidate, Heard, UnansweredError
from firewall.routing.drills.room import Drill
from firewall.routing.trying.answers import Begun, Kept
from firewall.routing.trying.asker import Asker
from firewall.routing.trying.cache import BYPASS, HEADER, HIT, MISS, Cache, Cached, is_whole, key_of, may_be_kept
from firewall.routing.trying.circuits import DRILLED
from firewall.routing.trying.opening import fault_at_end
from firewall.routing.trying.run import Run

_JSON = [(b"content-type", b"application/json")]
_STREAM = [(b"content-type", b"text/event-stream")]


def unversioned() -> str:
    """Return no policy's digest, where none is in force."""
    return ""


class Frame:
    """Answers calls; one instance per process."""

    def __init__(self, asker: Asker, cache: Cache, *, policy: Callable[[], str] = unversioned) -> None:
        """`policy`: digest of the policy in force."""
        self.asker = asker
        self.cache = cache
        self._policy = policy

    def open(self, run: Run) -> Coroutine[object, object, Kept | Begun]:
        """Return the first answer, or the first provider's error where nobody has one.

        Raises: UnansweredError; ProtocolError where the client's own bytes cannot be sent.
        """
        run.drill = self.asker.drills.mark(run.call, run.plan)
        if run.drill is not None:
            return self._drilled(run, run.drill)
        if run.plan.terms.cache is not None and (key := self._look_up(run, run.plan.terms.cache)):
            return self._looked_up(run, key)
        return self._tried(run, "")

    async def _looked_up(self, run: Run, key: str) -> Kept | Begun:
        """Answer a call whose answer may have been kept, or may be."""
        found = self.cache.get(key)
        if found is not None and _may_answer(run, found):
            run.cache = HIT
            return _again(run, found)
        return self._kept(run, key, await self._tried(run, key))

    async def _drilled(self, run: Run, drill: Drill) -> Kept | Begun:
        """Answer a call that is a drill's; nothing of it is kept."""
        heard = None
        try:
            answer = await self._tried(run, "")
            heard = answer.heard if answer.status < 400 else None
        finally:
            self.asker.drills.ended(drill, run.plan, heard)
        return answer

    def _look_up(self, run: Run, terms: CacheTerms) -> str:
        """Return the key under which an answer may be found and kept; empty: neither."""
        if run.call.headers.get(HEADER, "").strip().lower() == BYPASS or not may_be_kept(run.call, terms):
            run.cache = BYPASS
            return ""
        run.cache = MISS
        return key_of(run.call, run.plan, terms=terms, policy=self._policy())

    async def _tried(self, run: Run, key: str) -> Kept | Begun:
        found = await self._first(run, self.asker.circuits.in_order(run.plan.candidates))
        if found is not None:
            return self._restartable(run, found) if run.plan.terms.restarts else found
        if run.plan.terms.degrade and run.may_degrade:
            instead = await self._instead(run, key)
            if instead is not None:
                return instead
        return run.unanswered()

    def _restartable(self, run: Run, found: Kept | Begun) -> Kept | Begun:
        if isinstance(found, Begun):
            found.again = partial(self._begun_again, run, found)
        return found

    async def _begun_again(self, run: Run, broken: Begun, ending: bytes, usage: Usage) -> Kept | Begun | None:
        """Return the answer of the first of those not asked yet, as a stream from its beginning.

        None: there is none of them, or nobody else may be asked. Raises: UnansweredError.
        """
        dialect = run.call.dialect
        self.asker.broke_off(run, broken, fault_at_end(dialect, ending), usage)
        asked = {one.candidate.name.removeprefix(DRILLED) for one in run.tried}
        left = tuple(one for one in run.plan.candidates if one.name not in asked)
        if run.is_over or not left:
            return None
        found = await self._first(run, self.asker.circuits.in_order(left))
        if found is None:
            raise UnansweredError(_broken_off(), run.answered(broken.heard.candidate))
        if run.drill is not None:
            self.asker.drills.ended(run.drill, run.plan, found.heard, is_again=True)
        if isinstance(found, Kept):
            return Kept(
                found.status,
                list(_STREAM),
                CODECS[dialect].stream_of(found.body),
                found.heard,
                usage=found.counted,
            )
        return self._restartable(run, found)

    async def _first(self, run: Run, candidates: tuple[Candidate, ...]) -> Kept | Begun | None:
        if run.plan.terms.hedge_after_s and len(candidates) > 1 and _is_repeatable(run):
            found = await self._hedged(run, candidates)
            if found is not None or run.is_over:
                return found
            candidates = candidates[2:]
        last = len(candidates) - 1
        for place, candidate in enumerate(candidates):
            found = await self.asker.ask(run, candidate, is_last=place == last)
            if found is not None or run.is_over:
                return found
        return None

    async def _hedged(self, run: Run, candidates: tuple[Candidate, ...]) -> Kept | Begun | None:
        """Ask the second candidate as well when the first takes too long; who answers first is heard."""
        asks = {asyncio.create_task(self.asker.ask(run, candidates[0], is_last=False))}
        try:
            found = await self._race(run, candidates, asks)
        finally:
            await _ended(asks)
        if found is not None:
            found.heard = run.heard_beside(found.heard)
        return found

    async def _race(
        self, run: Run, candidates: tuple[Candidate, ...], asks: "set[asyncio.Task[Kept | Begun | None]]"
    ) -> Kept | Begun | None:
        done, _ = await asyncio.wait(asks, timeout=run.plan.terms.hedge_after_s)
        if done and (found := next(iter(done)).result()) is not None:
            asks.clear()
            return found
        if run.is_over:
            return None
        is_last = len(candidates) == 2
        asks.add(asyncio.create_task(self.asker.ask(run, candidates[1], is_last=is_last)))
        return await _winner(asks)

    async def _instead(self, run: Run, key: str) -> Kept | Begun | None:
        """Give what the route names for when nobody answers, in its order."""
        for step in run.plan.terms.degrade:
            if step == CACHE:
                found = self.cache.get(key, stale=True) if key else None
                if found is not None and _may_answer(run, found):
                    run.degraded = CACHE
                    return _again(run, found)
            elif step == MESSAGE:
                run.degraded = MESSAGE
                body = CODECS[run.call.dialect].refusal(run.call.request, run.plan.terms.message)
                return Kept(200, list(_JSON), body, run.answered(run.plan.candidates[0]))
            else:
                smaller = next((one for one in run.plan.smaller if one.name == step), None)
                answer = await self.asker.ask(run, smaller, is_last=True) if smaller is not None else None
                if answer is not None:
                    run.degraded = "smaller"
                    answer.heard = replace(answer.heard, degraded=run.degraded)
                    return answer
        return None

    def _kept(self, run: Run, key: str, answer: Kept | Begun) -> Kept | Begun:
        """Keep an answer for those who ask the same, once all of it has passed."""
        terms = run.plan.terms.cache
        if terms is None or answer.status != 200 or run.degraded:
            return answer
        candidate, dialect = answer.heard.candidate, run.call.dialect

        def keep(body: bytes) -> None:
            if is_whole(dialect, body):
                self.cache.put(key, body, candidate, terms)

        if isinstance(answer, Kept):
            keep(answer.body)
        else:
            answer.collect(terms.max_bytes * 4, lambda stream: keep(CODECS[dialect].answer_of(stream)))
        return answer


def _broken_off() -> UpstreamError:
    return UpstreamError(
        "the answer broke off, and nobody else begins it again", fault=UpstreamFault.UNAVAILABLE, status=502
    )


def _may_answer(run: Run, found: Cached) -> bool:
    """Tell whether this call's plan names who gave an answer: tokens that share answers differ in their grants."""
    return any(one.name == found.candidate.name for one in run.plan.candidates)


def _again(run: Run, found: Cached) -> Kept:
    """Return an answer that was given before; nothing was sent for it, unless others failed."""
    heard = Heard(
        found.candidate,
        run.plan.route,
        attempts=len(run.tried),
        tried=tuple(run.tried),
        cache=run.cache,
        degraded=run.degraded,
    )
    return Kept(200, list(_JSON), found.body, heard)


def _is_repeatable(run: Run) -> bool:
    """Tell whether a call may be sent twice at once: no tools, and nothing is kept at a provider."""
    request, value = run.call.request, run.call.value
    is_stored = bool(value.get("store", "input" in value))
    return not (value.get("tools") or value.get("functions") or request.hosted or request.references or is_stored)


async def _winner(asks: "set[asyncio.Task[Kept | Begun | None]]") -> Kept | Begun | None:
    """Return the first answer of several that are asked at once; None when nobody has one."""
    waiting = set(asks)
    while waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for one in done:
            found = one.result()
            if found is not None:
                asks.discard(one)
                return found
    return None


async def _ended(asks: "set[asyncio.Task[Kept | Begun | None]]") -> None:
    """End those that are not heard, and let go of an answer that came all the same."""
    for one in asks:
        one.cancel()
    for found in await asyncio.gather(*asks, return_exceptions=True):
        if isinstance(found, Kept | Begun):
            found.close()
