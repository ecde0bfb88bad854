"""The router without routes: the first provider that speaks the client's dialect answers, and is named."""

import asyncio
from typing import cast

import pytest

from firewall.codecs.interface import ModelRequest
from firewall.core.attribution import Attribution
from firewall.core.dialect import Dialect
from firewall.core.secret import Secret
from firewall.routing.answer import PlainAnswer
from firewall.routing.call import Candidate, Heard, ModelCall, Plan, Surface
from firewall.routing.choosing.chooser import Chooser, Outside
from firewall.routing.choosing.table import Table
from firewall.routing.port import Endpoint, UpstreamRequest, UpstreamResponse
from firewall.routing.providers import NoProviderError, Provider, Providers
from firewall.routing.router import Router
from tests.unit.routing.test_routing_speaking import CALLER

SAID = (
    b'{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[{"type":"text","text":"hi"}],'
    b'"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}'
)
BODY = b'{"model":"claude-x"}'
ENDPOINT = Endpoint("main", "https://api.example.com")


class Spoken:
    """An answer, as far as these tests look at it."""

    status = 200
    fields = ((b"content-type", b"application/json"),)
    raw_fields = ((b"server", b"x"),)
    comes_whole = True
    is_closed = False
    whole = SAID

    async def read(self, limit: int) -> bytes:
        """Return a whole answer."""
        return self.whole[:limit]

    def close(self) -> None:
        """Remember it."""
        self.is_closed = True


class Carrier:
    """Notes what it is asked to carry."""

    def __init__(self) -> None:
        self.carried: list[tuple[str, UpstreamRequest]] = []
        self.said = Spoken()

    async def open(self, endpoint: Endpoint, request: UpstreamRequest) -> UpstreamResponse:
        """Answer at once."""
        self.carried.append((endpoint.name, request))
        return cast("UpstreamResponse", self.said)


def router_of(carrier: Carrier, *dialects: Dialect) -> Router:
    """Return a router over providers of these dialects, all at one address."""
    providers = [Provider(dialect.value, dialect, ENDPOINT, lambda: Secret("sk-1")) for dialect in dialects]
    return Router(providers=Providers(providers), upstream=carrier)


REQUEST = ModelRequest("claude-x", stream=False, body=BODY, identity={})
CALL = ModelCall(
    Dialect.ANTHROPIC, REQUEST, {}, "/v1/messages", "", (), {}, None, CALLER, Attribution(feature="search")
)


def test_who_speaks_the_dialect_answers_and_is_named() -> None:
    """The plan names one candidate, the model as asked; the answer says who gave it and is passed on as it is."""
    carrier = Carrier()
    router = router_of(carrier, Dialect.GEMINI, Dialect.ANTHROPIC)
    plan = router.plan(CALL)
    assert (plan.route, [one.name for one in plan.candidates]) == ("anthropic", ["anthropic/claude-x"])

    async def play() -> None:
        async with await router.open(CALL, plan) as answer:
            heard = answer.heard
            assert (heard.candidate, heard.route, heard.attempts) == (plan.candidates[0], "anthropic", 1)
            assert [one.outcome for one in heard.tried] == ["ok"]
            assert (answer.status, answer.comes_whole, await answer.read(999)) == (200, True, SAID)
            assert answer.fields == list(Spoken.fields)

    asyncio.run(play())
    assert carrier.said.is_closed
    [(name, request)] = carrier.carried
    assert (name, request.method, request.body) == ("main", "POST", BODY)


def test_without_a_speaker_there_is_no_plan() -> None:
    """A dialect that nobody speaks is a model that does not exist; nothing is sent."""
    carrier = Carrier()
    with pytest.raises(NoProviderError):
        router_of(carrier, Dialect.GEMINI).plan(CALL)
    assert carrier.carried == []


def test_what_is_never_translated_goes_to_who_speaks_it() -> None:
    """An embedding is asked of the first candidate of its dialect, with our key; of nobody, if none speaks it."""
    carrier = Carrier()
    router = router_of(carrier, Dialect.OPENAI_RESPONSES)
    request = ModelRequest("embed-1", stream=False, body=b'{"model":"embed-1"}', identity={})
    call = ModelCall(
        Dialect.OPENAI_CHAT, request, {}, "/v1/embeddings", "key=1", (), {}, None, CALLER, surface=Surface.EMBED
    )
    other = Candidate(Provider("g", Dialect.GEMINI, ENDPOINT, None), "embed-2")
    plan = Plan("r", (other, *router.plan(call).candidates))

    async def play() -> None:
        async with await router.carry(call, plan) as answer:
            assert answer.heard == Heard(plan.candidates[1], "r")
        with pytest.raises(NoProviderError):
            await router.carry(call, Plan("r", (other,)))

    asyncio.run(play())
    [(_, sent)] = carrier.carried
    assert (sent.method, sent.path, sent.query, sent.streamed) == ("POST", "/embeddings", "", False)
    assert sent.body is request.body
    assert sent.credential is not None


def test_an_answer_says_nothing_of_its_own() -> None:
    """What wraps it hands out the carrier's values, and a plan's candidate is `provider/model`."""
    candidate = Candidate(Provider("p", Dialect.GEMINI, ENDPOINT, None), "gemini-3")
    answer = PlainAnswer(cast("UpstreamResponse", Spoken()), Heard(candidate, "r", attempts=2, dropped=("user",)))
    assert Plan("r", (candidate,)).candidates[0].name == "p/gemini-3"
    assert (answer.heard.attempts, answer.heard.dropped) == (2, ("user",))


@pytest.mark.parametrize(
    ("part", "has_called"),
    [
        (b'{"type":"text","text":"hi"}', False),
        (b'{"type":"tool_use","id":"tu_1","name":"bash","input":{}}', True),
        (b'{"type":"never_heard_of","x":1}', True),
    ],
)
def test_only_who_called_tools_is_waited_for(part: bytes, *, has_called: bool) -> None:
    """A whole answer without calls, known or not, holds its conversation to nobody."""
    noted: list[bool] = []

    class Noting(Chooser):
        def answered(self, *_: object, has_called: bool = True) -> None:
            noted.append(has_called)

    carrier = Carrier()
    carrier.said.whole = SAID.replace(b'{"type":"text","text":"hi"}', part)
    providers = Providers([Provider("main", Dialect.ANTHROPIC, ENDPOINT, lambda: Secret("sk-1"))])
    chooser = Noting(Table, providers, Outside(now_us=lambda: 0))
    router = Router(providers=providers, upstream=carrier, chooser=chooser)

    async def play() -> None:
        async with await router.open(CALL, router.plan(CALL)):
            assert noted == [has_called]

    asyncio.run(play())
