"""Every fault of a provider, streamed and whole, in four dialects, over real sockets: who answers then."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from firewall.codecs.dialects import CODECS
from firewall.codecs.interface import Usage
from firewall.core.dialect import Dialect
from firewall.core.secret import Secret
from firewall.core.terms import Terms
from firewall.routing.call import Candidate, Plan, UnansweredError
from firewall.routing.drills.scenarios import Scenario
from firewall.routing.providers import OwnLogin
from firewall.routing.router import may_begin_again
from firewall.routing.trying.answers import Kept
from firewall.routing.trying.asker import Asker
from firewall.routing.trying.run import Run, World
from tests.support.trying import DIALECTS, KEY, House, Tried, call_of, house_of, read

TEXT = b"one two three"
EVERY = pytest.mark.parametrize("dialect", DIALECTS, ids=[one.value for one in DIALECTS])
BOTH_FORMS = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
AFTER_THE_FIRST_WORD = {
    Scenario.RESET_IN_STREAM,
    Scenario.STALL,
    Scenario.MISSING_TERMINATOR,
    Scenario.PREFILL_REJECTED,
}
"""In a stream these come too late to be hidden."""
OUTCOMES = {
    Scenario.REFUSE: "connect",
    Scenario.RESET_BEFORE_HEADERS: "reset",
    Scenario.RESET_IN_STREAM: "reset",
    Scenario.STALL: "timeout",
    Scenario.SLOW_FIRST_TOKEN: "timeout",
    Scenario.RATE_LIMITED: "rate_limited",
    Scenario.RATE_LIMITED_RETRY_AFTER: "rate_limited",
    Scenario.SERVER_ERROR_ONCE: "server_error",
    Scenario.UNAVAILABLE: "overloaded",
    Scenario.MALFORMED_EVENT: "malformed",
    Scenario.MISSING_TERMINATOR: "malformed",
    Scenario.ERROR_BODY: "overloaded",
    Scenario.CONTEXT_LENGTH: "context_length",
    Scenario.PREFILL_REJECTED: "reset",
}
WHOLE = b"""{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,
"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],
"usage":{"prompt_tokens":200000,"completion_tokens":3,"total_tokens":200003}}"""
WINDOWS = {"p0/m-1": 200_000, "p1/m-1": 1_000_000}
HIDDEN = [
    pytest.param(one, stream, id=f"{one.value}-{'streamed' if stream else 'whole'}")
    for one in OUTCOMES
    for stream in (True, False)
    if not (stream and one in AFTER_THE_FIRST_WORD)
]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """Providers on one faulty server; waits are noted and not waited."""

    async def no_wait(_: float) -> None:
        return None

    async with house_of(World(time.monotonic, no_wait, lambda: 0.5), windows=WINDOWS) as found:
        yield found


def is_whole(dialect: Dialect, tried: Tried, *, stream: bool) -> bool:
    """Tell whether a client would read a complete answer with the text in it, once."""
    if tried.status != 200 or tried.error is not None:
        return False
    codec = CODECS[dialect]
    body = codec.answer_of(tried.body) if stream else tried.body
    codec.read_answer(body)
    return body.count(TEXT) == 1 or (dialect is Dialect.OPENAI_RESPONSES and TEXT in body)


@EVERY
@pytest.mark.parametrize(("scenario", "stream"), HIDDEN)
async def test_what_fails_before_the_first_word_is_hidden(
    house: House, dialect: Dialect, scenario: Scenario, *, stream: bool
) -> None:
    """The next candidate answers, whole, and the client sees nothing of the fault; each was asked once."""
    plan = house.plan(dialect, scenario, Scenario.FINE)
    tried = await house.ask(call_of(dialect, stream=stream), plan)
    assert is_whole(dialect, tried, stream=stream), tried.body
    assert tried.outcomes == [f"p0:{OUTCOMES[scenario]}", "p1:ok"]
    assert (tried.heard.attempts, tried.heard.candidate.name) == (2, "p1/m-1")
    assert [one.outcome for one in house.noted] == [OUTCOMES[scenario], "ok"]
    assert house.faulty.asked["p1"] == 1
    assert house.faulty.asked["p0"] == (0 if scenario is Scenario.REFUSE else 1)


@EVERY
@pytest.mark.parametrize("scenario", sorted(AFTER_THE_FIRST_WORD), ids=str)
async def test_what_fails_after_the_first_word_is_no_whole_answer(
    house: House, dialect: Dialect, scenario: Scenario
) -> None:
    """The words that came stay, nothing behind them looks like an end, and nobody begins the same answer again."""
    plan = house.plan(dialect, scenario, Scenario.FINE)
    tried = await house.ask(call_of(dialect, stream=True), plan)
    assert tried.body.count(TEXT) == 1
    assert tried.outcomes == ["p0:ok"]
    stream = CODECS[dialect].stream()
    step = stream.feed(tried.body)
    assert not step.done
    ended = step.forward + (stream.close().forward or stream.abort("upstream_unavailable", "broken off"))
    assert b"error" in ended
    assert house.faulty.asked["p1"] == 0


@pytest.mark.parametrize("pays", [True, False])
async def test_who_may_charge_twice_is_asked_twice_only_for_money(house: House, *, pays: bool) -> None:
    """A connection that breaks may cost: without money for a second request there is none."""
    asked: list[str] = []

    async def again(candidate: Candidate) -> bool:
        asked.append(candidate.name)
        return pays

    plan = house.plan(Dialect.ANTHROPIC, Scenario.RESET_BEFORE_HEADERS, terms=Terms(retries=1))
    with pytest.raises(UnansweredError) as caught:
        await house.router.open(call_of(Dialect.ANTHROPIC), plan, entry=7, again=again)
    heard = caught.value.heard
    assert heard is not None
    times = plan.terms.retries if pays else 0
    assert asked == ["p0/m-1"] * max(1, times)
    assert [one.outcome for one in heard.tried] == ["reset"] * (1 + times)


@EVERY
@BOTH_FORMS
async def test_what_a_filter_refuses_is_the_answer(house: House, dialect: Dialect, *, stream: bool) -> None:
    """A content filter's word is passed on; it falls over only where the route says so."""
    plan = house.plan(dialect, Scenario.CONTENT_FILTER, Scenario.FINE)
    tried = await house.ask(call_of(dialect, stream=stream), plan)
    assert (tried.status, tried.outcomes) == (400, ["p0:content_filter"])
    assert b"filtered due to the prompt" in tried.body
    allowed = Plan(plan.route, plan.candidates, terms=Terms(filtered_falls_over=True))
    tried = await house.ask(call_of(dialect, stream=stream), allowed)
    assert tried.outcomes == ["p0:content_filter", "p1:ok"]


@EVERY
async def test_a_question_too_long_goes_to_larger_windows_alone(house: House, dialect: Dialect) -> None:
    """Of three fallbacks only the one that is known to have a larger window is asked."""
    windows = {"p0/m-1": 200_000, "p1/m-1": 128_000, "p3/m-1": 1_000_000}
    async with house_of(World(time.monotonic), windows=windows) as other:
        long = Scenario.CONTEXT_LENGTH
        plan = other.plan(dialect, long, Scenario.FINE, Scenario.FINE, Scenario.FINE)
        tried = await other.ask(call_of(dialect), plan)
        assert tried.outcomes == ["p0:context_length", "p3:ok"]
        assert (other.faulty.asked["p1"], other.faulty.asked["p2"]) == (0, 0)
    plan = house.plan(dialect, Scenario.FINE, Scenario.CONTEXT_LENGTH)
    plan = Plan("drill", (plan.candidates[1], plan.candidates[0]))
    tried = await house.ask(call_of(dialect), plan)
    assert (tried.status, tried.outcomes) == (400, ["p1:context_length"])


@EVERY
async def test_the_callers_own_mistake_is_sent_once(house: House, dialect: Dialect) -> None:
    """A prefill that the first candidate rejects is a 400 that nobody else is asked about."""
    plan = house.plan(dialect, Scenario.NO_PREFILL, Scenario.FINE, terms=Terms(retries=5))
    turns = {
        Dialect.ANTHROPIC: "messages",
        Dialect.OPENAI_CHAT: "messages",
        Dialect.OPENAI_RESPONSES: "input",
        Dialect.GEMINI: "contents",
    }
    call = call_of(dialect)
    asked = list(call.value[turns[dialect]])  # type: ignore[call-overload]  # of a body that this test has written
    role = "model" if dialect is Dialect.GEMINI else "assistant"
    words = {"parts": [{"text": "Some"}]} if dialect is Dialect.GEMINI else {"content": "Some"}
    call = call_of(dialect, extra={turns[dialect]: [*asked, {"role": role, **words}]})
    tried = await house.ask(call, plan)
    assert (tried.status, tried.outcomes) == (400, ["p0:caller"])
    assert b"prefill" in tried.body
    assert house.faulty.asked == {"p0": 1}


@BOTH_FORMS
async def test_the_first_failure_is_what_the_client_hears(house: House, *, stream: bool) -> None:
    """When nobody answers, what the fallbacks said on top does not mask what was wrong first."""
    plan = house.plan(Dialect.ANTHROPIC, Scenario.RATE_LIMITED_RETRY_AFTER, Scenario.UNAVAILABLE, Scenario.REFUSE)
    tried = await house.ask(call_of(Dialect.ANTHROPIC, stream=stream), plan)
    assert (tried.status, b"rate_limit_error" in tried.body) == (429, True)
    assert tried.outcomes == ["p0:rate_limited", "p1:overloaded", "p2:connect"]


async def test_who_cannot_be_reached_is_told_as_an_error_of_ours(house: House) -> None:
    """Without an answer of the provider's there is a status of ours, and what was tried."""
    plan = house.plan(Dialect.OPENAI_CHAT, Scenario.REFUSE, Scenario.UNAVAILABLE)
    with pytest.raises(UnansweredError) as caught:
        await house.ask(call_of(Dialect.OPENAI_CHAT), plan)
    assert (caught.value.status, caught.value.code) == (502, "upstream_unavailable")
    assert caught.value.heard is not None
    assert caught.value.heard.attempts == 2


async def test_one_error_is_asked_again_at_the_same_provider(house: House) -> None:
    """A single 500 of who has answered before costs a repetition, not a change of model; of others it does."""
    terms = Terms(retries=1)
    plan = house.plan(Dialect.ANTHROPIC, Scenario.SERVER_ERROR_ONCE, Scenario.FINE, terms=terms)
    leave = house.circuits.admit(plan.candidates[0], Secret(KEY).fingerprint)
    assert leave is not None
    house.circuits.answered(leave)
    tried = await house.ask(call_of(Dialect.ANTHROPIC), plan)
    assert tried.outcomes == ["p0:server_error", "p0:ok"]
    assert house.faulty.asked["p1"] == 0
    unknown = house.candidate("p2", Scenario.SERVER_ERROR_ONCE, Dialect.ANTHROPIC)
    tried = await house.ask(call_of(Dialect.ANTHROPIC), Plan("drill", (unknown, plan.candidates[1]), terms=terms))
    assert tried.outcomes == ["p2:server_error", "p1:ok"]


async def test_a_silent_provider_is_not_asked_twice(house: House) -> None:
    """Neither the same model again nor another model of the same provider."""
    slow = house.candidate("p0", Scenario.SLOW_FIRST_TOKEN, Dialect.OPENAI_CHAT)
    sibling = house.candidate("p0", Scenario.FINE, Dialect.OPENAI_CHAT, model="m-2")
    other = house.candidate("p1", Scenario.FINE, Dialect.OPENAI_CHAT)
    plan = Plan("drill", (slow, sibling, other), terms=Terms(retries=3))
    tried = await house.ask(call_of(Dialect.OPENAI_CHAT, stream=True), plan)
    assert tried.outcomes == ["p0:timeout", "p1:ok"]


async def test_who_fell_silent_in_the_middle_is_not_asked_to_begin_again(house: House) -> None:
    """An answer that stalls after its first words begins again at another provider, at none of the same one."""
    slow = house.candidate("p0", Scenario.STALL, Dialect.OPENAI_CHAT)
    sibling = house.candidate("p0", Scenario.FINE, Dialect.OPENAI_CHAT, model="m-2")
    other = house.candidate("p1", Scenario.FINE, Dialect.OPENAI_CHAT)
    plan = Plan("drill", (slow, sibling, other), terms=Terms(restarts=True))
    call = call_of(Dialect.OPENAI_CHAT, stream=True)
    async with await house.router.open(call, plan, entry=7) as answer:
        assert (await read(answer)).error is not None
        found = await house.router.again(call, plan, answer, ending=b"", usage=Usage(output_tokens=3))
    assert found is not None
    async with found:
        tried = await read(found)
    assert tried.outcomes == ["p0:timeout", "p1:ok"]
    assert (tried.heard.tried[0].may_cost, tried.heard.tried[0].usage) == (True, Usage(output_tokens=3))
    assert [one.outcome for one in house.noted] == ["timeout", "ok"]
    assert house.faulty.asked == {"p0": 1, "p1": 1}


async def test_nobody_takes_over_from_what_stands_for_an_answer(house: House) -> None:
    """An answer of a smaller model that breaks off ends there, and says so before anything is noted as used."""
    failing = tuple(house.candidate(f"p{place}", Scenario.UNAVAILABLE, Dialect.OPENAI_CHAT) for place in range(2))
    small = house.candidate("p2", Scenario.STALL, Dialect.OPENAI_CHAT)
    plan = Plan("drill", failing, smaller=(small,), terms=Terms(restarts=True, degrade=(small.name,)))
    async with await house.router.open(call_of(Dialect.OPENAI_CHAT, stream=True), plan, entry=7) as answer:
        assert not may_begin_again(answer)
    async with await house.router.open(
        call_of(Dialect.OPENAI_CHAT, stream=True), replace(plan, candidates=(small, *failing)), entry=7
    ) as answer:
        assert may_begin_again(answer)


async def test_a_whole_answer_that_takes_over_keeps_its_providers_count(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who answers a stream with a whole answer has counted in its own dialect; that count is charged."""
    slow = house.candidate("p0", Scenario.STALL, Dialect.OPENAI_CHAT)
    other = house.candidate("p1", Scenario.FINE, Dialect.OPENAI_CHAT)
    plan = Plan("drill", (slow, other), terms=Terms(restarts=True))
    call = call_of(Dialect.OPENAI_CHAT, stream=True)
    counted = Usage(input_tokens=200_000, cache_write_tokens=150_000, output_tokens=3, is_reported=True)

    async def ask(_: Asker, run: Run, candidate: Candidate, *, is_last: bool) -> Kept:
        del is_last
        return Kept(200, [], WHOLE, run.answered(candidate), usage=counted)

    async with await house.router.open(call, plan, entry=7) as answer:
        assert (await read(answer)).error is not None
        monkeypatch.setattr(Asker, "ask", ask)
        found = await house.router.again(call, plan, answer, ending=b"", usage=Usage())
    assert found is not None
    assert found.usage == counted


async def test_retry_after_is_waited_for_up_to_its_cap() -> None:
    """A wait within the cap is kept to, with jitter on top; a longer one sends the call elsewhere, or ends it."""
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    async with house_of(World(lambda: sum(waits), wait, lambda: 0.5)) as house:
        patient = Terms(retries=2, retry_after_cap_s=1.0)
        plan = house.plan(Dialect.ANTHROPIC, Scenario.RATE_LIMITED_RETRY_AFTER, terms=patient)
        tried = await house.ask(call_of(Dialect.ANTHROPIC), plan)
        assert (tried.status, tried.heard.attempts) == (429, 3)
        assert waits == [1.05, 1.1]
        waits.clear()
        plan = Plan("drill", plan.candidates, terms=Terms(retries=2, retry_after_cap_s=0.5))
        tried = await house.ask(call_of(Dialect.ANTHROPIC), plan)
        assert (tried.heard.attempts, waits) == (1, [])


async def test_who_asked_to_be_left_alone_comes_last_for_a_while(house: House) -> None:
    """Retry-After is kept to by the calls that follow as well: others are asked first."""
    plan = house.plan(Dialect.ANTHROPIC, Scenario.RATE_LIMITED_RETRY_AFTER, Scenario.FINE)
    assert (await house.ask(call_of(Dialect.ANTHROPIC), plan)).heard.attempts == 2
    assert (await house.ask(call_of(Dialect.ANTHROPIC), plan)).outcomes == ["p1:ok"]


async def test_a_refused_key_is_not_used_again(house: House) -> None:
    """Another model with the same key is passed over; the caller's own login is the caller's to mend."""
    refusing = Scenario.FINE
    first = house.candidate("p0", refusing, Dialect.ANTHROPIC, key=lambda: Secret("sk-refused"))
    again = house.candidate("p0", refusing, Dialect.ANTHROPIC, model="m-2", key=lambda: Secret("sk-refused"))
    last = house.candidate("p1", Scenario.FINE, Dialect.ANTHROPIC)
    house.faulty.refused.add("p0")
    tried = await house.ask(
        call_of(Dialect.ANTHROPIC), Plan("drill", (first, again, last), terms=Terms(retries=3))
    )
    assert tried.outcomes == ["p0:key_refused", "p1:ok"]
    own = house.candidate("p0", refusing, Dialect.ANTHROPIC, key=None)
    call = call_of(Dialect.ANTHROPIC, own_login=OwnLogin("authorization", Secret("mine"), "Bearer "))
    tried = await house.ask(call, Plan("drill", (own, last)))
    assert (tried.status, tried.outcomes) == (401, ["p0:key_refused"])


async def test_no_key_reaches_a_provider_that_fails_on_purpose_in_its_body(house: House) -> None:
    """What the providers got is what the client wrote."""
    plan = house.plan(Dialect.OPENAI_RESPONSES, Scenario.UNAVAILABLE, Scenario.FINE)
    call = call_of(Dialect.OPENAI_RESPONSES)
    await house.ask(call, plan)
    assert [body for _, body in house.faulty.seen] == [call.request.body] * 2
