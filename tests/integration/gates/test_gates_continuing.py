"""`on_refusal = "continue"`: the model hears of the refusal, and its next words belong to the same answer."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from firewall.demo.provider import app
from firewall.demo.script import Fault, FaultKind, FaultPlace, Scene, Script, Shell, Turn
from firewall.demo.serving import served
from tests.support.installation import PROVIDER_KEY, Served, install, serving, verify
from tests.support.speaking import DIALECTS, LIMIT_S, agent_of

DEADLY, OTHER = "rm -rf /srv/data", "rm -rf /srv/other"
AGAIN = Turn(text="Again.", calls=(Shell(DEADLY),))
SCRIPT = Script(
    scenes=(
        Scene(
            when="remove",
            turns=(
                Turn(text="I remove it.", thinking="Hm.", calls=(Shell(DEADLY),)),
                Turn(text="Then I look.", thinking="Ah.", calls=(Shell("ls"),)),
                Turn(text="Done."),
            ),
        ),
        Scene(when="stubborn", turns=(AGAIN, AGAIN, AGAIN, AGAIN, AGAIN, AGAIN)),
        Scene(
            when="mixed",
            turns=(Turn(text="Both.", calls=(Shell("ls"), Shell(DEADLY))), Turn(text="Never asked for.")),
        ),
        Scene(
            when="down",
            turns=(
                Turn(text="I remove it.", calls=(Shell(DEADLY),)),
                Turn(text="x", fault=Fault(FaultKind.ERROR, status=500)),
            ),
        ),
        Scene(
            when="broken",
            turns=(
                Turn(text="I remove it.", calls=(Shell(DEADLY),)),
                Turn(text="Then I look for it.", fault=Fault(FaultKind.CUT, FaultPlace.TEXT)),
            ),
        ),
    )
)
ROUTES = """
[[route]]
name = "abroad"
models = ["abroad"]
chain = ["scripted-anthropic/claude-sonnet-5"]

[[route]]
name = "abroad-too"
models = ["abroad-too"]
chain = ["scripted-openai-responses/gpt-5.5"]
"""
EVERY = pytest.mark.parametrize("dialect", DIALECTS)
BOTH_FORMS = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])


@dataclass(slots=True)
class House:
    """A server that goes on after refusals, and the provider behind it."""

    firewall: Served
    provider: str

    def asked(self, mark: str) -> list[dict[str, object]]:
        """Return the bodies that the provider was sent about something."""
        found: list[dict[str, object]] = httpx.get(f"{self.provider}/_seen", trust_env=False).json()
        return [json.loads(str(one["body"])) for one in found if mark in str(one["body"])]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server whose holds end after a second."""
    with served(app(SCRIPT, key=PROVIDER_KEY, records=True)) as provider:
        installed = install(
            tmp_path_factory.mktemp("continuing"),
            provider=provider,
            models='hold_s = 1\non_refusal = "continue"',
            settings=ROUTES,
        )
        text = installed.config.read_text().replace('on_refusal = "explain"', "", 1)
        installed.config.write_text(text)
        with serving(installed) as running:
            yield House(running, provider)
        checked = verify(installed)
        assert checked.returncode == 0, checked.stdout + checked.stderr


@EVERY
@BOTH_FORMS
def test_the_model_says_what_comes_instead(house: House, dialect: str, *, stream: bool) -> None:
    """The refused call never leaves; the words before and after it and the allowed call are one answer."""
    agent = agent_of(house.firewall, dialect)
    said = agent.ask(f"remove for {agent.name}", stream=stream)
    assert (said.status, said.error, said.commands) == (200, "", ["ls"])
    assert (said.ends, said.is_last) == (1, True)
    assert said.text.endswith("Then I look.")
    assert DEADLY not in said.raw
    first, second = house.asked(agent.name)
    assert "stayhand" in json.dumps(second)
    assert "stayhand" not in json.dumps(first)
    if not stream:
        assert said.headers["x-stayhand-attempts"] == "2"


def test_each_request_that_goes_on_is_in_the_log(house: House) -> None:
    """Two requests left for one answer, so two are requested and answered, and each draws from the limits."""
    agent = agent_of(house.firewall, "anthropic", owner="carol", max_requests_per_minute=1)
    said = agent.ask(f"remove for {agent.name}", stream=False)
    assert said.status == 200
    assert "stayhand" in said.text
    assert len(house.asked(agent.name)) == 1, "the second request found the bucket full and never left"
    free = agent_of(house.firewall, "anthropic")
    free.ask(f"remove for {free.name}", stream=False)
    assert len(house.asked(free.name)) == 2


@BOTH_FORMS
@pytest.mark.parametrize(
    ("dialect", "model"), [("chat", "abroad"), ("responses", "abroad"), ("anthropic", "abroad-too")]
)
def test_the_model_is_told_through_another_dialect(
    house: House, dialect: str, model: str, *, stream: bool
) -> None:
    """Behind a route to a foreign provider the refusal is translated there, and what comes of it back."""
    agent = agent_of(house.firewall, dialect)
    said = agent.ask(f"remove for {agent.name}", stream=stream, model=model)
    assert (said.status, said.error, said.commands) == (200, "", ["ls"])
    assert (said.ends, said.is_last) == (1, True)
    assert said.text.endswith("Then I look.")
    assert len(house.asked(agent.name)) == 2


def test_each_request_that_goes_on_is_charged(house: House) -> None:
    """Both requests stand in the ledger with what their provider counted; neither is booked twice."""
    agent = agent_of(house.firewall, "anthropic")
    said = agent.ask(f"remove for {agent.name}", stream=True)
    rows: list[tuple[int, int, int]] = []
    for _ in range(LIMIT_S * 20):
        with sqlite3.connect(f"file:{house.firewall.installed.database}?mode=ro", uri=True) as database:
            rows = database.execute(
                "SELECT entry, input, output FROM spend_calls WHERE token = ? ORDER BY entry", (agent.token_id,)
            ).fetchall()
        if len(rows) == 2:
            break
        threading.Event().wait(0.05)
    assert len(rows) == 2
    assert rows[0][0] == said.entry
    assert all(read > 0 and wrote > 0 for _, read, wrote in rows)


@EVERY
def test_a_model_that_does_not_give_in_is_asked_three_times(house: House, dialect: str) -> None:
    """Then the refusal is explained to the client as ever."""
    agent = agent_of(house.firewall, dialect)
    said = agent.ask(f"stubborn for {agent.name}", stream=dialect != "chat")
    assert (said.status, said.commands, said.ends, said.is_last) == (200, [], 1, True)
    assert "[stayhand]" in said.text
    assert len(house.asked(agent.name)) == 4


@EVERY
def test_with_a_released_call_the_refusal_is_explained(house: House, dialect: str) -> None:
    """A mixed answer goes out as it does otherwise: the call that may leave, and a text in place of the other."""
    agent = agent_of(house.firewall, dialect)
    said = agent.ask(f"mixed for {agent.name}")
    assert said.commands == ["ls"]
    assert "[stayhand]" in said.text
    assert len(house.asked(agent.name)) == 1


@EVERY
@BOTH_FORMS
def test_a_provider_that_does_not_go_on_leaves_the_explanation(
    house: House, dialect: str, *, stream: bool
) -> None:
    """An error instead of an answer: the client gets what it would have got without asking again."""
    agent = agent_of(house.firewall, dialect)
    said = agent.ask(f"down for {agent.name}", stream=stream)
    assert (said.status, said.error, said.commands) == (200, "", [])
    assert "[stayhand]" in said.text
    assert (said.ends, said.is_last) == (1, True)


@EVERY
def test_an_answer_that_breaks_off_ends_in_one_error(house: House, dialect: str) -> None:
    """What was said stays said, and the stream ends in the dialect's error, once."""
    agent = agent_of(house.firewall, dialect)
    said = agent.ask(f"broken for {agent.name}", stream=True)
    assert said.commands == []
    assert (said.ends, said.is_last) == (1, True)
    assert said.error


@EVERY
def test_an_approval_during_the_hold_releases_the_call(
    tmp_path_factory: pytest.TempPathFactory, dialect: str
) -> None:
    """Going on is for refusals alone: what people approve goes out; what they deny is told to the model."""
    with served(app(SCRIPT, key=PROVIDER_KEY)) as provider:
        installed = install(
            tmp_path_factory.mktemp("held"), provider=provider, models='hold_s = 25\non_refusal = "continue"'
        )
        text = installed.config.read_text().replace('on_refusal = "explain"', "", 1)
        installed.config.write_text(text)
        with serving(installed) as running:
            for decision, commands in (("approve", [DEADLY]), ("deny", ["ls"])):
                agent = agent_of(running, dialect)
                asking = agent.asking("remove")
                agent.decide(decision)
                said = asking.answer()
                assert (said.commands, said.ends, said.is_last) == (commands, 1, True)
