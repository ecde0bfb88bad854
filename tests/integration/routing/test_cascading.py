"""Answers that are checked before they are given, over real sockets: the cheapest that passes, all of it paid."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import orjson
import pytest

from firewall.codecs import anthropic
from firewall.core.dialect import Dialect
from firewall.core.secret import Secret
from firewall.routing.call import Attempt, Candidate, Grading, Heard, Plan, UnansweredError
from firewall.routing.checks import Checks, pattern_of, schema_of
from firewall.routing.choosing.chooser import Chooser, Outside
from firewall.routing.choosing.complexity import grade_of
from firewall.routing.choosing.table import Table
from firewall.routing.drills.scenarios import Scenario
from firewall.routing.port import Endpoint
from firewall.routing.providers import OwnLogin, Provider, Providers
from firewall.routing.router import Router
from firewall.routing.trying.run import World
from firewall.routing.upstream import HttpUpstream
from tests.support.provider import RawProvider, provider, whole
from tests.support.trying import call_of, house_of

SCHEMA = schema_of({"type": "object"}, "x", "f")
JSON = Checks(schema=SCHEMA)


def message(text: str, *, call: bool = False) -> bytes:
    """Return an answer in Anthropic's dialect, with usage."""
    content: list[dict[str, object]] = [{"type": "text", "text": text}]
    if call:
        content.append({"type": "tool_use", "id": "toolu_1", "name": "t", "input": {}})
    return orjson.dumps(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": content,
            "stop_reason": "tool_use" if call else "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 7, "output_tokens": len(text)},
        }
    )


@dataclass(slots=True)
class House:
    """A router, and models that say what the test gives them."""

    says: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    noted: list[Attempt] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    router: Router = field(init=False)
    chooser: Chooser = field(init=False)
    at: RawProvider = field(init=False)

    async def behave(self, request: bytes, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer as the model that is asked, streamed where that is wanted."""
        self.requests.append(request)
        body = orjson.loads(request.partition(b"\r\n\r\n")[2])
        model = str(body["model"])
        self.asked.append(model)
        said = self.says.get(model)
        if said is None:
            writer.write(
                whole(b'{"error": {}}', "Connection: close", "Content-Type: application/json", status="500 Broken")
            )
        elif body.get("stream"):
            writer.write(whole(anthropic.stream_of(said), "Connection: close", "Content-Type: text/event-stream"))
        else:
            writer.write(whole(said, "Connection: close", "Content-Type: application/json"))
        await writer.drain()

    def candidate(self, model: str) -> Candidate:
        """Return a model of the one provider."""
        endpoint = Endpoint("p", self.at.base_url, private=True)
        return Candidate(Provider("p", Dialect.ANTHROPIC, endpoint, lambda: Secret("sk-1")), model)

    def plan(self, *models: str, checks: Checks = JSON, judge: str = "") -> Plan:
        """Return a plan with a step for each model."""
        candidates = tuple(map(self.candidate, models))
        tiers = tuple((one,) for one in candidates)
        return Plan("r", candidates, tiers=tiers, checks=checks, judge=(self.candidate(judge),) if judge else ())

    async def ask(self, plan: Plan, *, stream: bool = False) -> tuple[bytes, Heard]:
        """Ask and return the whole answer."""
        async with await self.router.open(call_of(Dialect.ANTHROPIC, stream=stream), plan) as answer:
            return await answer.read(1 << 20), answer.heard


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A router in front of a provider."""
    async with made() as found:
        yield found


@asynccontextmanager
async def made() -> AsyncIterator[House]:
    """Serve a provider for as long as the block lasts."""
    found = House()
    upstream = HttpUpstream()
    async with provider(found.behave) as at:
        found.at = at
        providers = Providers([found.candidate("m").provider])
        found.chooser = Chooser(Table, providers, Outside(now_us=lambda: 0))
        found.router = Router(
            providers=providers,
            upstream=upstream,
            chooser=found.chooser,
            note=lambda _, one: found.noted.append(one),
        )
        try:
            yield found
        finally:
            await upstream.close()


def outcomes(heard: Heard) -> list[str]:
    """Return each attempt as `model:outcome`."""
    return [f"{one.candidate.model}:{one.outcome}" for one in heard.tried]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_the_cheapest_answer_that_passes_is_given(house: House, *, stream: bool) -> None:
    """What failed was read to its end, is noted and charged with its tokens; nobody sees a byte of it."""
    house.says = {"haiku": message("no json"), "sonnet": message("{}"), "opus": message("{}")}
    body, heard = await house.ask(house.plan("haiku", "sonnet", "opus"), stream=stream)
    assert body == (anthropic.stream_of(house.says["sonnet"]) if stream else house.says["sonnet"])
    assert outcomes(heard) == ["haiku:check:json_schema", "sonnet:ok"]
    assert (heard.candidate.model, heard.attempts, house.asked) == ("sonnet", 2, ["haiku", "sonnet"])
    [failed] = house.noted
    assert (failed.outcome, failed.may_cost) == ("check:json_schema", True)
    assert failed.usage is not None
    assert (failed.usage.input_tokens, failed.usage.output_tokens) == (7, len("no json"))


async def test_when_no_answer_passes_the_route_decides(house: House) -> None:
    """An error with a code, or the last answer; both say what was tried and what that used."""
    house.says = {"haiku": message("no"), "sonnet": message("neither")}
    with pytest.raises(UnansweredError, match="route `r`") as refused:
        await house.ask(house.plan("haiku", "sonnet"))
    assert (refused.value.code, refused.value.status) == ("checks_failed", 502)
    assert refused.value.heard is not None
    assert outcomes(refused.value.heard) == ["haiku:check:json_schema", "sonnet:check:json_schema"]
    body, heard = await house.ask(house.plan("haiku", "sonnet", checks=replace(JSON, gives_last=True)))
    assert (body, heard.candidate.model) == (house.says["sonnet"], "sonnet")
    assert outcomes(heard) == ["haiku:check:json_schema", "sonnet:check:json_schema"]


async def test_who_does_not_answer_is_passed_over(house: House) -> None:
    """A step that fails is like one whose answer fails; with all of them down the failure is told as ever."""
    house.says = {"sonnet": message("{}")}
    body, heard = await house.ask(house.plan("haiku", "sonnet"))
    assert body == house.says["sonnet"]
    assert outcomes(heard)[-1] == "sonnet:ok"
    house.says = {}
    with pytest.raises(UnansweredError) as refused:
        await house.ask(house.plan("haiku", "sonnet"))
    assert refused.value.status >= 500
    assert refused.value.heard is not None
    assert {one.candidate.model for one in refused.value.heard.tried} == {"haiku", "sonnet"}


async def test_an_answer_with_calls_passes(house: House) -> None:
    """It is a step on the way: no text is expected of it yet."""
    house.says = {"haiku": message("let me look", call=True)}
    assert (await house.ask(house.plan("haiku", "sonnet")))[0] == house.says["haiku"]


@pytest.mark.parametrize(("verdict", "model"), [("PASS", "haiku"), ("FAIL", "sonnet"), ("Well, PASS", "sonnet")])
async def test_a_judge_decides_and_is_paid(house: House, verdict: str, model: str) -> None:
    """It is asked only when all else holds; anything but PASS is a no."""
    house.says = {"haiku": message("short"), "sonnet": message("{}"), "judge": message(verdict)}
    checks = Checks(criterion="is good", gives_last=True)
    body, heard = await house.ask(house.plan("haiku", "sonnet", checks=checks, judge="judge"))
    assert body == house.says[model]
    asked = ["haiku", "judge"] + (["sonnet", "judge"] if model == "sonnet" else [])
    assert house.asked == asked
    judged = [one for one in heard.tried if one.outcome == "judge"]
    assert {(one.candidate.model, one.may_cost) for one in judged} == {("judge", True)}
    assert all(one.usage is not None and one.usage.output_tokens == len(verdict) for one in judged)


async def test_a_judge_of_another_vendor_is_not_shown_the_agent_s_login(house: House) -> None:
    """A judge that takes agents' own logins gets none from an agent of another dialect."""
    house.says = {"haiku": message("fine"), "judge": message("PASS")}
    plan = house.plan("haiku", checks=Checks(criterion="is good"), judge="judge")
    own = [replace(one, provider=replace(one.provider, key=None)) for one in plan.judge]
    login = OwnLogin("authorization", Secret("sk-theirs"), "Bearer ")
    call = call_of(Dialect.OPENAI_CHAT, own_login=login)
    async with await house.router.open(call, replace(plan, judge=tuple(own))) as answer:
        await answer.read(1 << 20)
    assert house.asked == ["haiku", "judge"]
    assert not any(b"sk-theirs" in one for one in house.requests)


async def test_a_judge_that_is_silent_has_not_agreed(house: House) -> None:
    """FAIL-CLOSED: nobody answers in its place."""
    house.says = {"haiku": message("fine")}
    with pytest.raises(UnansweredError, match="checks"):
        await house.ask(house.plan("haiku", checks=Checks(criterion="is good"), judge="judge"))


async def test_patterns_are_held_against_streams_as_well(house: House) -> None:
    """What a stream says is read from all of its pieces."""
    house.says = {"haiku": message("maybe " * 50), "sonnet": message("yes")}
    checks = Checks(pattern=pattern_of("^yes$", "x", "f"))
    _, heard = await house.ask(house.plan("haiku", "sonnet", checks=checks), stream=True)
    assert outcomes(heard) == ["haiku:check:matches", "sonnet:ok"]


GRADES = [("9", "opus", 0.9), ("2.5 I think", "haiku", 0.25), ("hard to say", "haiku", None)]


@pytest.mark.parametrize(("said", "first", "grade"), GRADES)
async def test_a_grader_decides_who_is_first(house: House, said: str, first: str, grade: float | None) -> None:
    """Its call is charged and told; the grade is kept, and what is no number changes nothing."""
    house.says = {"grader": message(said), "haiku": message("{}"), "opus": message("{}")}
    candidates = (house.candidate("haiku"), house.candidate("opus"))
    places = tuple((place, (one,)) for place, one in enumerate(candidates))
    plan = Plan("r", candidates, grading=Grading(house.candidate("grader"), places, (0.5,)))
    _, heard = await house.ask(plan)
    assert outcomes(heard) == ["grader:grade", f"{first}:ok"]
    assert (heard.candidate.model, heard.attempts) == (first, 2)
    asked = heard.tried[0]
    assert asked.usage is not None
    assert (asked.may_cost, asked.usage.output_tokens) == (True, len(said))
    assert [one.outcome for one in house.noted] == ["grade"]
    call = call_of(Dialect.ANTHROPIC)
    assert house.chooser.grade(call) == (grade_of(call) if grade is None else grade)


async def test_a_grader_that_is_silent_stops_nobody(house: House) -> None:
    """The order of the words stays."""
    house.says = {"haiku": message("{}")}
    one = house.candidate("haiku")
    plan = Plan("r", (one,), grading=Grading(house.candidate("grader"), ((0, (one,)),), ()))
    _, heard = await house.ask(plan)
    assert outcomes(heard)[-1] == "haiku:ok"


async def test_who_was_silent_in_one_step_is_not_asked_in_the_next() -> None:
    """A provider that said nothing is waited for once in a call, whichever of its models a step names."""
    async with house_of(World(time.monotonic)) as house:
        slow = house.candidate("p0", Scenario.SLOW_FIRST_TOKEN, Dialect.ANTHROPIC)
        sibling = house.candidate("p0", Scenario.FINE, Dialect.ANTHROPIC, model="m-2")
        other = house.candidate("p1", Scenario.FINE, Dialect.ANTHROPIC)
        plan = Plan("r", (slow, sibling, other), tiers=((slow,), (sibling,), (other,)), checks=Checks())
        tried = await house.ask(call_of(Dialect.ANTHROPIC, stream=True), plan)
        assert tried.outcomes == ["p0:timeout", "p1:ok"]
        alone = Plan("r", (slow, sibling), tiers=((slow,), (sibling,)), checks=Checks())
        with pytest.raises(UnansweredError) as caught:
            await house.ask(call_of(Dialect.ANTHROPIC, stream=True), alone)
        assert caught.value.status == 504
        assert house.faulty.asked["p0"] == 2
