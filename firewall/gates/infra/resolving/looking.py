"""One look: the things of one request, each asked about once, in the order that tells least."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from firewall.classify.resolvers.finding import (
    Known,
    environments_of,
    finding,
    is_partial,
    item_of,
    kept,
    unseen,
)
from firewall.classify.resolvers.paths import reach, text_of
from firewall.classify.resolvers.questions import question
from firewall.classify.resolvers.vendor import Ask, Step, ThingRule
from firewall.core.action import UNRESOLVED
from firewall.core.outgoing import Outgoing
from firewall.core.thing import Thing
from firewall.core.world import Finding, Standing
from firewall.gates.infra.resolving.asking import Answered, Signer, ask
from firewall.gates.infra.resolving.kept import Allowance
from firewall.gates.infra.targets import ResolverSpec, Target
from firewall.routing.port import Upstream

MAX_EACH = 8
"""Parts of one thing that are asked about, each by a question of its own."""


@dataclass(slots=True)
class Look:
    """What a look needs, and the answers that it has already."""

    upstream: Upstream
    signer: Signer
    target: Target
    spec: ResolverSpec
    known: Known
    home: str
    """The grant's environment."""
    is_change: bool
    kinds: frozenset[str]
    """Kinds of everything that the request names."""
    region: str
    """Of AWS, as the request itself names it."""
    allowance: Allowance
    at_once: asyncio.Semaphore
    clock: Callable[[], int]
    asked: int = 0
    """Questions that were sent."""
    _answers: dict[bytes, "asyncio.Task[Answered]"] = field(default_factory=dict)
    """Two things of one list are found in one answer."""

    async def at(self, thing: Thing, rule: ThingRule | None) -> Finding:
        """Find out what one thing is; whatever fails or takes too long leaves it unseen."""
        if rule is None or not thing.id:
            return unseen(rule, thing, "its id cannot be read")
        try:
            async with asyncio.timeout(self.spec.timeout_s):
                return await self._at(thing, rule)
        except TimeoutError:
            return unseen(rule, thing, "it took too long")

    def end(self) -> None:
        """Let go of questions that nobody waits for."""
        for task in self._answers.values():
            task.cancel()

    async def _at(self, thing: Thing, rule: ThingRule) -> Finding:
        words = {"id": thing.id, **dict(thing.parts)}
        # What does not exist is asked about like what does: every question goes out before an answer is looked at.
        answered, *beside = await asyncio.gather(
            self._ask(rule.ask, words), *(self._ask(one.ask, words) for one in rule.also)
        )
        if not answered.is_good:
            return _not_good(rule, thing, answered)
        standing, item, why = item_of(rule, thing, answered.value)
        if standing is not Standing.KNOWN:
            return unseen(rule, thing, why, standing=standing)
        whole = _with(item, [(one, _objects(one, got, words)) for one, got in zip(rule.also, beside, strict=True)])
        if whole is None:
            return unseen(rule, thing, "where it lies could not be looked up")
        item = whole
        environments = environments_of(rule.lies, thing, item, self.known)
        if self._is_denied(rule, environments):
            # Nothing more is asked of it than of what does not exist.
            return finding(rule, thing, item, environments, now_us=self.clock())
        answers: list[list[object]] = []
        for step in rule.then:
            objects = await self._step(step, words, item)
            if objects is None:
                return unseen(rule, thing, "its restore points could not be looked up", environments=environments)
            answers.append(objects)
        return finding(rule, thing, item, environments, answers=answers, now_us=self.clock())

    def _is_denied(self, rule: ThingRule, environments: tuple[str, ...]) -> bool:
        """Tell whether where a thing lies is enough to deny the request."""
        if all(name in (self.home, UNRESOLVED) for name in environments):
            return False
        return self.home not in environments or (self.is_change and not set(rule.narrowed_by) & self.kinds)

    async def _step(self, step: Step, words: dict[str, str], item: object) -> list[object] | None:
        """Return what a further question found, for each part of the thing; None where one has no answer."""
        each = [text_of(value) for value in reach(item, step.each)] if step.each else [""]
        if len(each) > MAX_EACH:
            return None
        answers = await asyncio.gather(*(self._ask(step.ask, {**words, "each": one}) for one in each))
        found: list[object] = []
        for one, answer in zip(each, answers, strict=True):
            objects = _objects(step, answer, {**words, "each": one})
            if objects is None:
                return None
            found += objects
        return found

    async def _ask(self, wanted: Ask, words: dict[str, str]) -> Answered:
        outgoing = question(wanted, words, region=words.get("region", self.region))
        if outgoing is None:
            return Answered(why="its id cannot be asked about")
        key = outgoing.encode()
        task = self._answers.get(key)
        if task is None:
            task = self._answers[key] = asyncio.create_task(self._sent(outgoing))
        return await asyncio.shield(task)

    async def _sent(self, outgoing: Outgoing) -> Answered:
        async with self.at_once:
            if not self.allowance.take(self.clock()):
                return Answered(why="the resolver's own limit is used up")
            self.asked += 1
            return await ask(self.upstream, self.signer, self.target, spec=self.spec, outgoing=outgoing)


def _objects(step: Step, answer: Answered, words: Mapping[str, str]) -> list[object] | None:
    """Return the objects of a question's answer; None where it is none, or only a part."""
    if not answer.is_good and answer.text and step.none.search(answer.text):
        return []
    if not answer.is_good or is_partial(step.more, answer.value):
        return None
    return kept(reach(answer.value, step.found), step.where, words)


def _with(item: object, beside: Sequence[tuple[Step, list[object] | None]]) -> object | None:
    """Return a thing with what was asked beside it, under those questions' names; None: one has no answer."""
    if not beside or not isinstance(item, Mapping):
        return item
    if any(objects is None for _, objects in beside):
        return None
    return {**item, **{step.name: objects for step, objects in beside}}


def _not_good(rule: ThingRule, thing: Thing, answered: Answered) -> Finding:
    """Return what is left of a thing whose question was not answered well."""
    says_so = bool(answered.text) and rule.unknown.search(answered.text) is not None
    is_missing = answered.is_missing or says_so
    standing = Standing.UNKNOWN if is_missing else Standing.UNSEEN
    why = "the API does not know it" if is_missing else answered.why or f"status {answered.status}"
    return unseen(rule, thing, why, standing=standing)
