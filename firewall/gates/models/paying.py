"""Admission with money: what a call draws and holds, in the commit of its entry; and the meter that settles it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from firewall.codecs.interface import Usage
from firewall.core.attribution import NOTHING, Attribution
from firewall.core.budget import Account
from firewall.core.errors import LimitError
from firewall.core.fast_init import fast_init, maker
from firewall.core.spending import Line
from firewall.core.work import Committed, Plain, Record, Step, Take, Unit, Unmet, record_of, unit_of
from firewall.gates.edge.rates import takes_of
from firewall.gates.edge.send import Headers
from firewall.guard.requester import Requester
from firewall.routing.call import ANSWERED, Attempt, Candidate, ModelCall, Plan, Routed, Surface
from firewall.sequencer.posting import post
from firewall.spend.charging import Ask, Payer, ask_of, payer_of
from firewall.spend.estimate import Bound, bound_of
from firewall.spend.meter import Meter, Used, meter_of
from firewall.spend.prices import Sold
from firewall.spend.rates import Drawn, Limit, requests_of, tokens_of
from firewall.spend.service import Opened, Spending
from firewall.spend.telling import Telling

_GIVEN = frozenset({"cache", "message"})
_SCOPES = frozenset({"owner", "team", "model", "provider"})


@fast_init
@dataclass(frozen=True, slots=True)
class Entry:
    """What the entry of a request says."""

    facts: Mapping[str, Plain]
    """Unsealed, also in the entry of a refusal."""
    more: Mapping[str, Plain]
    """Unsealed, of the request alone."""
    private: Mapping[str, object]


entry_of = maker(Entry)


@dataclass(frozen=True, slots=True)
class Till:
    """Where model calls are paid: one for the gate."""

    spending: Spending
    telling: Telling
    settled: Callable[[Line], None]
    """Counts a line of the ledger."""
    limits: tuple[Limit, ...] = ()

    async def enter(self, call: ModelCall, plan: Plan, requester: Requester, entry: Entry) -> tuple[Meter, Plan]:
        """Draw, hold and record in one commit; returns the call's meter, and the plan that its money reaches for.

        Raises: LimitError `rate_limited` or `budget_exhausted` (429); PriceUnknownError (403); StoreError.
        """
        spending = self.spending
        ask, is_streamed = self.ask(call, plan, requester), call.request.stream
        if spending.must_wait(ask):
            opened = await spending.open(ask, is_streamed=is_streamed)
        else:
            opened = spending.opened(ask, is_streamed=is_streamed)
        own = tuple([(one.key, one.tokens_per_minute) for one in requester.draws if one.tokens_per_minute])
        drawn = tokens_of(self.limits, own, opened.ask) if own or self.limits else ()
        takes: tuple[Step, ...] = takes_of(requester.draws)
        if drawn or self.limits:
            takes = (*takes, *requests_of(self.limits, opened.ask.payer, opened.ask.sold[0]), *_takes(drawn))
        sequencer = spending.sequencer
        while True:
            unit = unit_of((_record(requester, entry, opened, plan),), (*takes, *opened.steps))
            try:
                outcome = await sequencer.submit(unit)
            except asyncio.CancelledError:  # its commit cannot be stopped any more
                self._give_back(opened, requester)
                raise
            if isinstance(outcome, Committed):
                return meter_of(spending, opened, outcome.seqs[0], drawn), _kept(plan, opened)
            fewer = spending.fewer(opened, outcome.found) if outcome.why == "spent" else None
            if fewer is None:
                raise await self._refused(requester, entry, opened, outcome)
            opened = fewer

    def ask(self, call: ModelCall, plan: Plan, requester: Requester) -> Ask:
        """Return a call as spending sees it."""
        name = self.spending.sequencer.pseudonym
        answering = plan.sold
        asked = tuple(dict.fromkeys([one.sold for one in plan.asked])) if plan.judge or plan.grading else ()
        if call.request.beside:  # whom a provider asks for its tools is paid as well
            asked += tuple(replace(one, model=model) for one in answering for model in call.request.beside)
        payer = payer_of(
            requester.token_id,
            name(requester.principal),
            name(requester.grant.owner),
            name(requester.session) if requester.session else "",
            call.attribution,
            tuple([(one.key, one.money_cap_micros) for one in requester.draws if one.money_cap_micros]),
        )
        if not asked:
            return ask_of(payer, plan.route, answering, _bound(call))
        return ask_of(
            payer,
            plan.route,
            sold=tuple(dict.fromkeys((*answering, *asked))),
            bound=_bound(call),
            asides=_asides(plan),
            beside=frozenset(asked).difference(answering),
        )

    def takes(self, requester: Requester, about: Attribution, first: Candidate | None) -> tuple[Take, ...]:
        """Return what a request draws that costs nothing: a count, asked of `first`, or a list of models."""
        takes = takes_of(requester.draws)
        if not self.limits:
            return takes
        owner = self.spending.sequencer.pseudonym(requester.grant.owner)
        payer = Payer(token=requester.token_id, owner=owner, about=about)
        return (*takes, *requests_of(self.limits, payer, sold_of(first) if first else None))

    def settle(
        self,
        meter: Meter,
        usage: Usage,
        kind: str,
        data: Mapping[str, Plain],
        *,
        principal: str = "",
        steps: tuple[Step, ...] = (),
    ) -> int | None:
        """Record the end of a call with what it owes, in one commit that nobody waits for; returns the micro-USD.

        None: nobody knows the price.
        """
        settled = meter.settle(usage)
        line = settled.line
        said: dict[str, Plain] = {
            **data,
            "input_tokens": line.used.input,
            "cached_input_tokens": line.used.cache_read,
            "output_tokens": line.used.output,
            **settled.facts,
        }
        self.settled(line)
        unit = unit_of((record_of(kind, said, principal=principal),), (*steps, *settled.steps))
        post(self.spending.sequencer, unit, then=self._told(meter.opened.accounts))
        return line.cost_micros

    def _told(self, accounts: tuple[Account, ...]) -> Callable[[Committed], None] | None:
        """Return what tells people of accounts once their settlement is durable; nothing where there are none."""
        if not accounts:
            return None
        return lambda done: self.telling.settled(accounts, done.spent) if done.spent else None

    def _give_back(self, opened: Opened, requester: Requester) -> None:
        """Settle a call whose caller left while its money was being held: nobody was asked."""
        if opened.steps:
            meter = Meter(self.spending, opened, 0)
            self.settle(meter, Usage(), "spend.settled", {}, principal=requester.principal)

    async def _refused(self, requester: Requester, entry: Entry, opened: Opened, unmet: Unmet) -> LimitError:
        """Record why, and return the error."""
        is_money = unmet.why == "spent"
        kind = "money" if is_money else unmet.found.partition(":")[0]
        facts = {**entry.facts, "limit": kind}
        await self.spending.sequencer.submit(
            Unit((Record(kind="limit.hit", data=facts, principal=requester.principal),))
        )
        return self.spending.refusal(opened, unmet) if is_money else full(unmet)


def heard(meter: Meter, response: Routed) -> None:
    """Note who answered a call, and which other requests for it may be charged for."""
    said, is_refused = response.heard, not 200 <= response.status < 300
    is_given = said.cache == "hit" or said.degraded in _GIVEN
    others = said.tried if is_given or is_refused else said.tried[:-1]
    also = _owing(others) if others else ()
    if is_given:  # nobody is paid for this answer itself
        meter.unanswered(also, attempts=said.attempts)
        return
    meter.also, meter.was_refused = also, is_refused
    meter.answered_by(said.candidate.provider.name, said.candidate.model, attempts=said.attempts)


def unheard(meter: Meter, trail: Sequence[Attempt]) -> None:
    """Note that a call ended without an answer, after these requests: what they may cost is owed."""
    meter.unanswered(_owing(trail), attempts=len(trail))


def again_of(meter: Meter) -> Callable[[Candidate], Awaitable[bool]] | None:
    """Return what holds money for one more request to a candidate; None where nothing is held."""
    if not meter.opened.accounts:
        return None
    return lambda candidate: meter.again(sold_of(candidate))


def _owing(tried: Sequence[Attempt]) -> tuple[Used, ...]:
    """Return the requests that a provider charges for, or may.

    An answer among them came to nobody (its checks were still running, another was faster): it was made all the
    same.
    """
    return tuple(
        Used(sold_of(one.candidate), one.usage or Usage())
        for one in tried
        if one.may_cost or one.outcome == ANSWERED or (one.usage is not None and one.usage.is_reported)
    )


def full(unmet: Unmet) -> LimitError:
    """Return the error for a bucket that is full: whose it is and of what, and nobody's name."""
    kind, _, holder = unmet.found.partition(":")
    what = "tokens of models a minute" if kind == "tokens" else "requests"
    scope = holder.partition(":")[0]
    whose = scope if scope in _SCOPES else "token"
    return LimitError(f"too many {what} for this {whose}", retry_after_s=unmet.retry_after_us // 1_000_000 + 1)


def cost_header(meter: Meter, usage: Usage, *, earlier: int | None = 0) -> Headers:
    """Return the header that says what an answer cost; nothing where that is not known exactly.

    `earlier`: what the requests cost that it goes on from; None: not known.
    """
    micros = exact_cost(meter, usage)
    known = micros is not None and earlier is not None
    return [(b"x-stayhand-cost-micros", b"%d" % ((micros or 0) + (earlier or 0)))] if known else []


def exact_cost(meter: Meter, usage: Usage) -> int | None:
    """Return what a request cost in micro-USD, where its provider has counted all of it and its price is known."""
    return meter.cost_of(usage) if usage.is_reported and meter.was_asked and not meter.was_refused else None


def _bound(call: ModelCall) -> Bound:
    """Return what a call may use; an embedding writes nothing."""
    bound = bound_of(call.request, call.traits)
    return replace(bound, output_tokens=0) if call.surface is Surface.EMBED else bound


def sold_of(candidate: Candidate) -> Sold:
    """Return a candidate as prices know it."""
    return candidate.sold


def _takes(drawn: tuple[Drawn, ...]) -> tuple[Take, ...]:
    return tuple(Take(one.key, one.rate, one.cells) for one in drawn)


def _record(requester: Requester, entry: Entry, opened: Opened, plan: Plan) -> Record:
    private = {**entry.private, "route": plan.route, "candidates": [one.sold.name for one in opened.offers]}
    about = opened.ask.payer.about
    if about is not NOTHING and (words := _words(about)):
        private["about"] = words
    if plan.approved:
        private["approved_by"] = plan.approved
    facts = {**entry.facts, **entry.more, **opened.facts}
    return record_of("model.requested", facts, requester.grant.owner, requester.principal, "", private)


def _words(about: Attribution) -> dict[str, str]:
    words = {**dict(about.tags), "team": about.team, "feature": about.feature, "user_tier": about.user_tier}
    return {key: word for key, word in words.items() if word}


def _asides(plan: Plan) -> tuple[Sold, ...]:
    judged = max(1, len(plan.tiers)) * plan.judge
    graders = (plan.grading.grader,) if plan.grading else ()
    return tuple(sold_of(one) for one in (*judged, *graders))


def _kept(plan: Plan, opened: Opened) -> Plan:
    """Return the plan without candidates that money does not reach for."""
    if len(opened.offers) == len(opened.ask.sold):
        return plan
    left = {offer.sold for offer in opened.offers}
    return replace(
        plan,
        candidates=tuple(one for one in plan.candidates if sold_of(one) in left),
        smaller=tuple(one for one in plan.smaller if sold_of(one) in left),
        tiers=tuple(kept for tier in plan.tiers if (kept := tuple(one for one in tier if sold_of(one) in left))),
        judge=tuple(one for one in plan.judge if sold_of(one) in left),
    )
