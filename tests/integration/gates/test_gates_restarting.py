"""`on_stream_failure = "restart"`: an answer that broke off begins again elsewhere, in the same stream."""

import contextlib
import json
import socket
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from firewall.codecs.restarting.interface import WORDS
from firewall.demo.provider import app
from firewall.demo.script import Fault, FaultKind, FaultPlace, Scene, Script, Shell, Turn
from firewall.demo.serving import served
from tests.support.installation import PROVIDER_KEY, Served, install, serving, verify
from tests.support.speaking import DIALECTS, LIMIT_S, Agent, Said, agent_of, credentials, heard, request

TEXT = "I look around the house."
CUT = Fault(FaultKind.CUT, FaultPlace.TEXT)
FAULTS = {
    "cut": (CUT,),
    "end": (Fault(FaultKind.END, FaultPlace.TEXT),),
    "error": (Fault(FaultKind.ERROR, FaultPlace.TEXT),),
    "in the call": (Fault(FaultKind.CUT, FaultPlace.CALL),),
    "twice": (CUT, CUT),
    "always": (CUT, CUT, Fault(FaultKind.END, FaultPlace.TEXT)),
}
"""What goes wrong at the first provider, the second and the third."""


def script(place: int) -> Script:
    """Return what a provider says that is asked at this place."""
    many = (Shell("ls"), Shell("pwd"), Shell("id"), Shell("uptime"))
    late = Fault(FaultKind.CUT, FaultPlace.CALL) if place == 0 else None
    told = [
        scene(name, Turn(TEXT, calls=(Shell("ls"),), fault=faults[place] if place < len(faults) else None))
        for name, faults in FAULTS.items()
    ]
    thoughts = Turn(TEXT, thinking="Hm, where?", calls=(Shell("ls"),), fault=late)
    return Script((*told, scene("thoughts", thoughts), scene("calls", Turn(TEXT, calls=many, fault=late))))


def scene(name: str, turn: Turn) -> Scene:
    """Return the scene of one turn."""
    return Scene(when=f"<{name}>", turns=(turn,))


PROVIDER = """
[[provider]]
name = "{name}"
dialect = "{dialect}"
base_url = "{url}"
api_key = {{ env = "SCRIPTED_KEY" }}
breaker = {{ least = 1000 }}
"""
ROUTES = """
[[route]]
name = "again"
models = ["again"]
chain = ["first/claude-sonnet-5", "second/gpt-5.5", "third/gemini-3-pro"]
on_stream_failure = "restart"

[[route]]
name = "less"
models = ["less"]
chain = ["nobody/a", "nobody/b"]
degrade = ["first/claude-sonnet-5"]
on_stream_failure = "restart"

[[route]]
name = "once"
models = ["once"]
chain = ["first/claude-sonnet-5", "second/gpt-5.5"]

[[budget]]
scope = "token"
window = "day"
hard_micros = 100000000
"""
PRICES = """
[[model]]
name = "*"
input_micros_per_million = 2000000
output_micros_per_million = 10000000
"""

EVERY = pytest.mark.parametrize("dialect", DIALECTS)


@dataclass(slots=True)
class House:
    """A server with a route whose answers begin again, and the three providers of its chain."""

    firewall: Served
    providers: tuple[str, ...]

    def ask(self, agent: Agent, about: str, *, model: str = "again", **more: object) -> Said:
        """Ask one thing, streamed."""
        if agent.dialect == "gemini":
            return _at(agent, about, model)
        kept = {"store": False} if agent.dialect == "responses" else {}
        return agent.ask(f"<{about}> for {agent.name}", stream=True, model=model, **kept, **more)

    def asked(self, agent: Agent) -> int:
        """Return how many requests the providers got for an agent."""
        found = [httpx.get(f"{one}/_seen", trust_env=False).json() for one in self.providers]
        return sum(agent.name in str(one["body"]) for seen in found for one in seen)

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """Read the log or the ledger."""
        with sqlite3.connect(f"file:{self.firewall.installed.database}?mode=ro", uri=True) as database:
            found: list[tuple[object, ...]] = database.execute(query, values).fetchall()
        return found

    def charged(self, agent: Agent) -> tuple[object, ...]:
        """Return the ledger's line of an agent's one call: attempts, state, tokens of the question, provider."""
        query = "SELECT attempts, state, input, provider FROM spend_calls WHERE token = ?"
        for _ in range(LIMIT_S * 20):
            if rows := self.rows(query, agent.token_id):
                return rows[0]
            threading.Event().wait(0.05)
        raise AssertionError("nothing was charged")


def _at(agent: Agent, about: str, model: str) -> Said:
    """Ask Gemini's way, where the model stands in the path."""
    _, body = request("gemini", f"<{about}> for {agent.name}", stream=True)
    answer = httpx.post(
        f"{agent.firewall.agents}/v1beta/models/{model}:streamGenerateContent?alt=sse",
        json=body,
        headers=credentials("gemini", agent.token),
        timeout=LIMIT_S,
        trust_env=False,
    )
    return heard("gemini", answer.status_code, dict(answer.headers), answer.text)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server in front of providers that break off; its log holds afterwards."""
    with contextlib.ExitStack() as stack:
        urls = [stack.enter_context(served(app(script(at), key=PROVIDER_KEY, records=True))) for at in range(3)]
        named = zip(("first", "second", "third"), ("anthropic", "openai-responses", "gemini"), urls, strict=True)
        settings = "".join(
            PROVIDER.format(name=name, dialect=dialect, url=url + ("/v1" if name == "second" else ""))
            for name, dialect, url in named
        )
        closed = stack.enter_context(socket.socket())
        closed.bind(("127.0.0.1", 0))  # never listens: whoever connects is refused
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
        settings += PROVIDER.format(name="nobody", dialect="anthropic", url=nobody)
        installed = install(tmp_path_factory.mktemp("restarting"), settings=settings + ROUTES)
        (installed.config.parent / "policies" / "models.toml").write_text(PRICES)
        with serving(installed) as running:
            yield House(running, tuple(urls))
        checked = verify(installed)
        assert checked.returncode == 0, checked.stdout + checked.stderr


@EVERY
@pytest.mark.parametrize("fault", ["cut", "end", "error", "in the call"])
def test_what_broke_off_begins_again(house: House, dialect: str, fault: str) -> None:
    """The words stay, a notice follows, then another provider's whole answer: one end, every call once."""
    agent = agent_of(house.firewall, dialect)
    said = house.ask(agent, fault)
    assert (said.status, said.error, said.ends, said.is_last) == (200, "", 1, True)
    assert said.commands == ["ls"]
    before, words, after = said.text.partition(WORDS)
    assert words
    assert TEXT.startswith(before.strip())
    assert before.strip()
    assert after.strip() == TEXT
    assert house.asked(agent) == 2


@EVERY
def test_the_next_may_break_off_as_well(house: House, dialect: str) -> None:
    """Every candidate of the chain is asked once, in its order; the last one's answer is whole."""
    agent = agent_of(house.firewall, dialect)
    said = house.ask(agent, "twice")
    assert (said.error, said.commands, said.ends) == ("", ["ls"], 1)
    assert said.text.count(WORDS) == 2
    assert house.asked(agent) == 3


@EVERY
def test_when_nobody_is_left_it_ends_in_one_error(house: House, dialect: str) -> None:
    """A chain of which every answer breaks off ends the stream in the dialect's error, once."""
    agent = agent_of(house.firewall, dialect)
    said = house.ask(agent, "always")
    assert (said.ends, said.is_last, said.commands) == (1, True, [])
    assert said.error
    assert house.asked(agent) == 3


@EVERY
def test_without_the_routes_word_it_ends_in_an_error(house: House, dialect: str) -> None:
    """A route that says nothing of it has nobody begin again."""
    agent = agent_of(house.firewall, dialect)
    said = house.ask(agent, "cut", model="once")
    assert (said.ends, said.is_last, said.commands) == (1, True, [])
    assert said.error
    assert WORDS not in said.text
    assert house.asked(agent) == 1


def test_after_a_thought_or_a_released_call_nobody_begins_again(house: House) -> None:
    """Thoughts belong to their model; and who may run a call already must not be given another one."""
    agent = agent_of(house.firewall, "anthropic")
    said = house.ask(agent, "calls")
    assert said.error
    assert said.commands[:1] == ["ls"]
    assert len(set(said.commands)) == len(said.commands)
    assert house.asked(agent) == 1
    other = agent_of(house.firewall, "anthropic")
    said = house.ask(other, "thoughts", thinking={"type": "enabled", "budget_tokens": 1024}, max_tokens=4000)
    assert said.error
    assert house.asked(other) == 1


@pytest.mark.parametrize(
    ("dialect", "more"),
    [
        ("anthropic", {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}),
        ("responses", {"store": True}),
    ],
)
def test_what_a_program_reads_is_not_begun_again(house: House, dialect: str, more: dict[str, object]) -> None:
    """JSON with words in its middle is none, and an id must name the answer that it was given out for."""
    agent = agent_of(house.firewall, dialect)
    said = agent.ask(f"<cut> for {agent.name}", stream=True, model="again", **more)
    assert said.error
    assert house.asked(agent) == 1


def test_both_requests_are_charged_and_recorded(house: House) -> None:
    """The ledger's line sums up what both wrote; the log has one attempt that broke off and one that answered."""
    agent = agent_of(house.firewall, "anthropic")
    said = house.ask(agent, "cut")
    attempts, state, _, provider = house.charged(agent)
    assert (attempts, state, provider) == (2, "estimated", "second")
    entries = [
        json.loads(str(body, "utf-8") if isinstance(body, bytes) else str(body))
        for (body,) in house.rows("SELECT body FROM audit_entries WHERE kind = 'model.attempted'")
    ]
    mine = [one["data"] for one in entries if one["data"]["request"] == said.entry]
    assert [(one["attempt"], one["outcome"]) for one in mine] == [(1, "reset"), (2, "ok")]


def test_what_stands_for_an_answer_and_breaks_off_owes_what_its_provider_counted(house: House) -> None:
    """Nobody takes over from a smaller model's answer; its count is charged, as without the route's word."""
    plain, less = (agent_of(house.firewall, "anthropic") for _ in range(2))
    house.ask(plain, "cut", model="once")
    said = house.ask(less, "cut", model="less")
    assert said.headers["x-stayhand-degraded"] == "smaller"
    assert house.charged(less)[1:] == house.charged(plain)[1:]
