"""How answers end when something else ends first: a token, a client, a provider. Nothing of a call leaves then."""

import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from firewall.demo.provider import app
from firewall.demo.script import Fault, FaultKind, FaultPlace, Scene, Script, Shell, Turn
from firewall.demo.serving import served
from tests.support.installation import PROVIDER_KEY, Served, install, serving, verify
from tests.support.speaking import DIALECTS, LIMIT_S, Agent, agent_of, counted, credentials, request, until_counted

DEADLY = "rm -rf /srv/data"
CALL = (Shell(DEADLY),)


def broken(when: str, kind: FaultKind, at: FaultPlace, seconds: float = 0.0) -> Scene:
    """Build a scene that goes wrong."""
    fault = Fault(kind, at, seconds=seconds, message="canary overload")
    return Scene(
        when=when, turns=(Turn(text="I remove it now, slowly.", thinking="Hm.", calls=CALL, fault=fault),)
    )


SCRIPT = Script(
    scenes=(
        broken("cut in a call", FaultKind.CUT, FaultPlace.CALL),
        broken("end in a call", FaultKind.END, FaultPlace.CALL),
        broken("error in a call", FaultKind.ERROR, FaultPlace.CALL),
        broken("stall in a call", FaultKind.STALL, FaultPlace.CALL, 60),
        broken("cut in the text", FaultKind.CUT, FaultPlace.TEXT),
        broken("end in the text", FaultKind.END, FaultPlace.TEXT),
        broken("error in the text", FaultKind.ERROR, FaultPlace.TEXT),
        broken("error at the start", FaultKind.ERROR, FaultPlace.START),
        broken("stall at the start", FaultKind.STALL, FaultPlace.START, 60),
        broken("sleep", FaultKind.STALL, FaultPlace.TEXT, 60),
        Scene(when="remove", turns=(Turn(text="I remove it.", thinking="Old.", calls=CALL),)),
    )
)
IMPATIENT = "".join(
    f'\n[[provider]]\nname = "scripted-{dialect}"\ndialect = "{dialect}"\nbase_url = "PROVIDER{suffix}"\n'
    'api_key = { env = "SCRIPTED_KEY" }\nfirst_token_timeout_s = 1\ntimeout_s = 3\n'
    "breaker = { least = 1000 }\n"  # so many faults would open any circuit
    for dialect, suffix in (("anthropic", ""), ("openai-responses", "/v1"), ("gemini", ""))
)
BOTH_FORMS = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
EVERY = pytest.mark.parametrize("dialect", DIALECTS)


@dataclass(slots=True)
class House:
    """A server and the provider behind it."""

    firewall: Served
    provider: str

    def seen(self, prompt: str) -> list[dict[str, object]]:
        """Return the provider's requests that hold a prompt."""
        found: list[dict[str, object]] = httpx.get(f"{self.provider}/_seen", trust_env=False).json()
        return [one for one in found if prompt in str(one["body"])]

    def until_seen(self, prompt: str, ended: str = "") -> None:
        """Wait until the provider got a prompt, and until its answer ended so."""
        for _ in range(LIMIT_S * 20):
            found = self.seen(prompt)
            if found and (not ended or all(one.get("ended") == ended for one in found)):
                return
            threading.Event().wait(0.05)
        raise AssertionError(f"{prompt}: {self.seen(prompt)}")


JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server with long holds whose provider may take as long as it likes."""
    with served(app(SCRIPT, key=PROVIDER_KEY, records=True)) as provider:
        installed = install(tmp_path_factory.mktemp("ends"), provider=provider, models="hold_s = 30")
        with serving(installed) as running:
            yield House(running, provider)
        assert verify(installed).returncode == 0


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server that gives its provider three seconds."""
    with served(app(SCRIPT, key=PROVIDER_KEY, records=True)) as provider:
        settings = IMPATIENT.replace("PROVIDER", provider)
        installed = install(tmp_path_factory.mktemp("impatient"), settings=settings, models="hold_s = 30")
        with serving(installed) as running:
            yield House(running, provider)


@EVERY
@BOTH_FORMS
@pytest.mark.parametrize(
    "prompt",
    [
        "cut in a call", "end in a call", "error in a call", "stall in a call", "cut in the text",
        "end in the text", "error in the text", "error at the start", "stall at the start",
    ],
)  # fmt: skip
def test_provider_that_fails_ends_the_answer_once(
    impatient: House, dialect: str, prompt: str, *, stream: bool
) -> None:
    """However the provider breaks off, the client gets one end and no call; nothing was asked or released."""
    agent = agent_of(impatient.firewall, dialect)
    said = agent.ask(prompt, stream=stream)
    assert said.calls == []
    assert (said.ends, said.is_last) == (1, True)
    assert "/srv/data" not in said.raw
    assert PROVIDER_KEY not in said.raw
    assert agent.approvals() == []


def test_a_broken_first_try_does_not_spoil_the_second(impatient: House) -> None:
    """After a provider's fault the same agent is served as before."""
    agent = agent_of(impatient.firewall, "anthropic")
    agent.ask("cut in a call")
    asking = agent.asking("remove")
    agent.decide("approve")
    assert asking.answer().commands == [DEADLY]


@EVERY
def test_revoked_token_ends_the_hold(house: House, dialect: str) -> None:
    """Revoked while a call is held: the answer ends at once, in the dialect's form, and nothing is released."""
    agent = agent_of(house.firewall, dialect)
    asking = agent.asking("remove")
    agent.waiting()
    agent.revoke()
    said = asking.answer()
    assert said.calls == []
    assert (said.ends, said.is_last) == (1, True)
    assert said.error
    assert "/srv/data" not in said.raw
    _until_status(agent, "cancelled")


@EVERY
def test_revoked_token_ends_a_running_stream(house: House, dialect: str) -> None:
    """Revoked while text flows: the stream ends with the dialect's error, and the provider is left."""
    agent = agent_of(house.firewall, dialect)
    prompt = f"sleep {agent.name}"
    asking = agent.asking(prompt)
    house.until_seen(prompt)
    agent.revoke()
    said = asking.answer()
    assert (said.ends, said.is_last, said.calls) == (1, True, [])
    assert said.error
    house.until_seen(prompt, ended="left")


@EVERY
@BOTH_FORMS
def test_client_that_leaves_takes_the_provider_along(house: House, dialect: str, *, stream: bool) -> None:
    """A client that goes away cancels the provider's work; nobody is asked about an answer that nobody reads."""
    agent = agent_of(house.firewall, dialect)
    prompt = f"{'sleep' if stream else 'stall at the start'} {agent.name}"
    gone = counted(house.firewall, "client_gone")
    if stream:
        with agent.streaming(prompt):
            house.until_seen(prompt)
        house.until_seen(prompt, ended="left")
    else:
        path, body = request(dialect, prompt, stream=False)
        with closing(HTTPConnection(house.firewall.agents.removeprefix("http://"))) as leaving:
            leaving.request("POST", path, json.dumps(body), {**JSON, **credentials(dialect, agent.token)})
            house.until_seen(prompt)
    until_counted(house.firewall, "client_gone", gone + 1)
    assert agent.approvals() == []


def _until_status(agent: Agent, status: str) -> None:
    """Wait until all of an agent's approvals stand so: what follows a revocation is recorded behind it."""
    for _ in range(LIMIT_S * 20):
        if {one["status"] for one in agent.approvals()} == {status}:
            return
        threading.Event().wait(0.05)
    raise AssertionError(agent.approvals())


GARBAGE = {
    "no json": b"data: {not json\n\n",
    "no object": b"data: [1,2,3]\n\n",
    "cut in a line": b'event: message_start\ndata: {"type":"mess',
    "binary": bytes(range(256)),
    "duplicate keys": b'event: message_start\ndata: {"type":"message_start","type":"message_stop"}\n\n',
    "nothing": b"",
}


def nonsense() -> Starlette:
    """A provider that answers every request with the garbage that its prompt names."""

    async def speak(request: Request) -> Response:
        body = (await request.body()).decode()
        garbage = next(data for name, data in GARBAGE.items() if name in body)
        is_stream = '"stream": true' in body or '"stream":true' in body or "stream" in request.url.path.lower()
        if not is_stream:
            return Response(garbage, media_type="application/json")

        async def pieces() -> AsyncIterator[bytes]:
            yield garbage

        return StreamingResponse(pieces(), media_type="text/event-stream")

    return Starlette(routes=[Route("/{path:path}", speak, methods=["POST"])])


@pytest.fixture(scope="module")
def mad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server in front of a provider that talks nonsense."""
    with served(nonsense()) as provider:
        installed = install(tmp_path_factory.mktemp("mad"), provider=provider)
        with serving(installed) as running:
            yield running


@EVERY
@BOTH_FORMS
@pytest.mark.parametrize("kind", GARBAGE)
def test_nonsense_from_the_provider_is_an_error_in_the_dialects_form(
    mad: Served, dialect: str, kind: str, *, stream: bool
) -> None:
    """Bytes that are no answer become one error that the client can read, never a call and never a traceback."""
    said = agent_of(mad, dialect).ask(kind, stream=stream)
    assert (said.ends, said.is_last, said.calls) == (1, True, [])
    assert said.error
    assert "Traceback" not in said.raw
    assert stream or said.status >= 500
