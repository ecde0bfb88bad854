"""What only one connection may have: taking over, coming back, and the ends of answers that changed hands."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from firewall.demo.provider import app
from firewall.demo.script import Scene, Script, Shell, Turn
from firewall.demo.serving import served
from tests.support.installation import PROVIDER_KEY, Served, install, serving
from tests.support.speaking import DIALECTS, LIMIT_S, Agent, agent_of, counted, until_counted

DEADLY = "rm -rf /srv/data"
CALL = (Shell(DEADLY),)
SCRIPT = Script(
    scenes=(
        Scene(when="remove", turns=(Turn(text="I remove it.", thinking="Old.", calls=CALL),)),
        Scene(when="pair", turns=(Turn(text="Both.", calls=(Shell(DEADLY), Shell("rm -rf /srv/other"))),)),
    )
)
EVERY = pytest.mark.parametrize("dialect", DIALECTS)


@dataclass(slots=True)
class House:
    """A running server."""

    firewall: Served


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server with long holds."""
    with served(app(SCRIPT, key=PROVIDER_KEY)) as provider:
        installed = install(tmp_path_factory.mktemp("changed"), provider=provider, models="hold_s = 30")
        with serving(installed) as running:
            yield House(running)


@EVERY
def test_revoked_token_ends_a_whole_answer_in_the_dialects_form(house: House, dialect: str) -> None:
    """Revoked while a call of a plain answer is held: 401 in the dialect's form, and nothing is released."""
    agent = agent_of(house.firewall, dialect)
    asking = agent.asking("remove", stream=False)
    agent.waiting()
    agent.revoke()
    said = asking.answer()
    assert (said.status, said.calls) == (401, [])
    assert said.error
    assert "/srv/data" not in said.raw


@EVERY
def test_revoked_token_ends_a_hold_that_changed_its_form(house: House, dialect: str) -> None:
    """Asked whole, joined as a stream, then revoked: the stream still ends in one well-formed event."""
    agent = agent_of(house.firewall, dialect)
    older = agent.asking("remove", stream=False)
    agent.waiting()
    newer = agent.asking("remove", stream=True)
    older.answer()
    agent.revoke()
    said = newer.answer()
    assert (said.ends, said.is_last, said.calls) == (1, True, [])
    assert said.error


@EVERY
def test_older_stream_ends_well_formed_when_it_is_taken_over(house: House, dialect: str) -> None:
    """A streaming connection that a newer one takes over from ends in one terminal event, not in mid-air."""
    agent = agent_of(house.firewall, dialect)
    older = agent.asking("remove")
    agent.waiting()
    newer = agent.asking("remove")
    said = older.answer()
    agent.decide("deny")
    newer.answer()
    assert said.calls == []
    assert (said.ends, said.is_last) == (1, True)


def test_used_approval_is_not_delivered_again_to_whoever_joins(house: House) -> None:
    """A streaming connection that a newer one takes over from ends in one terminal event."""
    agent = agent_of(house.firewall, "anthropic")
    gone = counted(house.firewall, "client_gone")
    with agent.streaming("remove"):
        agent.waiting()
    until_counted(house.firewall, "client_gone", gone + 1)
    agent.decide("approve")
    with agent.streaming("pair") as answer:
        pieces = answer.iter_text()  # kept: when nobody holds it any more, httpx closes the connection
        arrived = _until(pieces, "content_block_stop", '"tool_use"')
        agent.waiting()
    until_counted(house.firewall, "client_gone", gone + 2)
    assert arrived
    asking = agent.asking("pair")
    for _ in range(LIMIT_S * 20):
        if asking.is_over:
            break
        for one in [one for one in house.firewall.pending() if one["agent"] == agent.name]:
            house.firewall.decide(str(one["id"]), "deny")
        threading.Event().wait(0.05)
    assert asking.answer().commands == []


def test_every_copy_of_one_request_is_told_when_the_server_stops(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Two equal requests that were under way at the same time are both told at the end, and the end comes soon."""
    slow = Scene(when="remove", turns=(Turn(text="Slowly, very slowly, I remove it.", calls=CALL),))
    with served(app(Script(scenes=(slow,), delay_s=0.05), key=PROVIDER_KEY, records=True)) as provider:
        installed = install(tmp_path_factory.mktemp("copies"), provider=provider, models="hold_s = 300")
        with serving(installed) as running:
            agent = agent_of(running, "anthropic")
            both = [agent.asking("remove"), agent.asking("remove")]
            _until_judged(running, agent, 2)
            running.process.terminate()
            answers = [one.answer() for one in both]
            assert [said.calls for said in answers] == [[], []]
            assert [said.ends for said in answers] == [1, 1]
            assert running.process.wait(35) == 0


def _until(pieces: Iterator[str], *words: str) -> bool:
    """Read until all words were seen."""
    seen = ""
    for piece in pieces:
        seen += piece
        if all(word in seen for word in words):
            return True
    return False


def _until_judged(running: Served, agent: Agent, count: int) -> None:
    for _ in range(LIMIT_S * 20):
        if sum("verdict=ask" in line and agent.token_id in line for line in running.lines) >= count:
            return
        threading.Event().wait(0.05)
    raise AssertionError("".join(running.lines))
