"""What is given when it was asked before, and when nobody answers."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace

import orjson
import pytest

from firewall.codecs.dialects import CODECS
from firewall.core.dialect import Dialect
from firewall.core.terms import CacheTerms, Share, Terms
from firewall.routing.call import ModelCall, Plan, UnansweredError
from firewall.routing.drills.scenarios import Scenario
from firewall.routing.trying.run import World
from tests.support.trying import DIALECTS, House, call_of, house_of

TEXT = b"one two three"
EVERY = pytest.mark.parametrize("dialect", DIALECTS, ids=[one.value for one in DIALECTS])
BOTH_FORMS = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
CACHED = Terms(cache=CacheTerms(ttl_s=60))


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """Providers on one faulty server."""
    async with house_of(World(time.monotonic)) as found:
        yield found


def cold(dialect: Dialect, *, stream: bool = False, token: str = "tok_1", **headers: str) -> ModelCall:  # noqa: S107 - an id, no secret
    """Return a call at temperature 0; headers by name with underscores."""
    extra = {"generationConfig": {"temperature": 0}} if dialect is Dialect.GEMINI else {"temperature": 0}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return call_of(dialect, stream=stream, token=token, headers=named, extra=extra)


@EVERY
@BOTH_FORMS
async def test_the_same_question_is_answered_from_the_cache(
    house: House, dialect: Dialect, *, stream: bool
) -> None:
    """The second time nobody is asked, streamed or not, and the answer is the same whole one."""
    plan = house.plan(dialect, Scenario.FINE, terms=CACHED)
    first = await house.ask(cold(dialect, stream=stream), plan)
    second = await house.ask(cold(dialect, stream=not stream), plan)
    assert (first.heard.cache, second.heard.cache, second.heard.attempts) == ("miss", "hit", 0)
    whole = CODECS[dialect].answer_of(first.body) if stream else first.body
    assert second.body == whole
    assert TEXT in second.body
    assert house.faulty.asked == {"p0": 1}


async def test_only_what_has_one_answer_is_kept(house: House) -> None:
    """Another token, another question, a temperature, tools, a bypass: each is asked anew."""
    plan = house.plan(Dialect.OPENAI_CHAT, Scenario.FINE, terms=CACHED)
    chat = Dialect.OPENAI_CHAT
    await house.ask(cold(chat), plan)
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    for call, said in (
        (cold(chat, token="tok_2"), "miss"),
        (call_of(chat, extra={"temperature": 0, "max_tokens": 5}), "miss"),
        (call_of(chat, extra={"temperature": 0}, model="m-2"), "miss"),
        (call_of(chat, extra={"temperature": 0.1}), "bypass"),
        (call_of(chat), "bypass"),
        (call_of(chat, extra={"temperature": False}), "bypass"),
        (call_of(chat, extra={"temperature": 0, "tools": tools}), "bypass"),
        (cold(chat, x_stayhand_cache="bypass"), "bypass"),
    ):
        assert (await house.ask(call, plan)).heard.cache == said
    assert (await house.ask(cold(chat), plan)).heard.cache == "hit"


async def test_a_route_may_share_between_the_tokens_of_one_agent(house: House) -> None:
    """Only where it says so, of those who may answer each; other routes keep their own answers."""
    shared = Terms(cache=CacheTerms(60, share=Share.PRINCIPAL))
    plan = house.plan(Dialect.ANTHROPIC, Scenario.FINE, terms=shared)
    await house.ask(cold(Dialect.ANTHROPIC), plan)
    assert (await house.ask(cold(Dialect.ANTHROPIC, token="tok_2"), plan)).heard.cache == "hit"
    fewer = Plan("r", (house.candidate("p1", Scenario.FINE, Dialect.ANTHROPIC),), terms=shared)
    fewer = replace(fewer, route=plan.route)
    other_token = await house.ask(cold(Dialect.ANTHROPIC, token="tok_3"), fewer)
    assert (other_token.heard.cache, other_token.heard.candidate.name) == ("miss", "p1/m-1")
    other = Plan("other", plan.candidates, terms=shared)
    assert (await house.ask(cold(Dialect.ANTHROPIC), other)).heard.cache == "miss"


@pytest.mark.parametrize("scenario", [Scenario.MISSING_TERMINATOR, Scenario.RESET_IN_STREAM, Scenario.UNAVAILABLE])
async def test_what_is_not_whole_is_not_kept(house: House, scenario: Scenario) -> None:
    """A stream that broke off and an error are nobody's answer."""
    plan = house.plan(Dialect.ANTHROPIC, scenario, terms=CACHED)
    for _ in range(2):
        tried = await house.ask(cold(Dialect.ANTHROPIC, stream=True), plan)
        assert tried.heard.cache == "miss"
    assert house.frame.cache.size == 0


async def test_when_nobody_answers_the_route_says_what_is_given() -> None:
    """In its order: a smaller model, an answer that was given before, a message; and the client is told which."""
    now = [0.0]
    async with house_of(World(lambda: now[0])) as house:
        chat = Dialect.OPENAI_CHAT
        smaller = house.candidate("small", Scenario.FINE, chat, model="mini")
        steps = ("small/mini", "cache", "message")
        terms = Terms(cache=CacheTerms(60), degrade=steps, message="We are back soon.")
        fine = house.plan(chat, Scenario.FINE, terms=terms)
        before = await house.ask(cold(chat), fine)
        now[0] = 100.0
        down = Plan("drill", house.plan(chat, Scenario.REFUSE).candidates, terms=terms, smaller=(smaller,))
        first = await house.ask(cold(chat), down)
        assert (first.heard.degraded, first.heard.candidate.name) == ("smaller", "small/mini")
        without = Plan("drill", down.candidates, terms=terms)
        second = await house.ask(cold(chat), without)
        assert (second.heard.degraded, second.body) == ("cache", before.body)
        third = await house.ask(call_of(chat), without)
        assert (third.status, third.heard.degraded, third.heard.attempts) == (200, "message", 1)
        assert orjson.loads(third.body)["choices"][0]["message"]["content"] == "We are back soon."


async def test_the_questions_own_fault_gets_no_substitute(house: House) -> None:
    """What is too long, or refused by a filter, is not papered over with a message."""
    terms = Terms(degrade=("message",), message="We are back soon.")
    for scenario in (Scenario.CONTEXT_LENGTH, Scenario.CONTENT_FILTER):
        tried = await house.ask(call_of(Dialect.ANTHROPIC), house.plan(Dialect.ANTHROPIC, scenario, terms=terms))
        assert (tried.status, tried.heard.degraded) == (400, "")
    with pytest.raises(UnansweredError):
        await house.ask(call_of(Dialect.ANTHROPIC), house.plan(Dialect.ANTHROPIC, Scenario.REFUSE))
