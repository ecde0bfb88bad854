"""Every dialect, streamed and not, through a real server: allowed, asked, denied, mixed, joined, used once."""

from collections.abc import Iterator

import pytest

from firewall.demo.provider import app
from firewall.demo.script import Scene, Script, Shell, Turn
from firewall.demo.serving import served
from tests.support.installation import PROVIDER_KEY, Served, install, serving, verify
from tests.support.speaking import DIALECTS, agent_of, counted, until_counted

HARMLESS, DEADLY, OTHER = "ls -la", "rm -rf /srv/data", "rm -rf /srv/other"
SCRIPT = Script(
    scenes=(
        Scene(when="look", turns=(Turn(text="I look.", thinking="Hm.", calls=(Shell(HARMLESS),)),)),
        Scene(when="remove", turns=(Turn(text="I remove it.", thinking="Old.", calls=(Shell(DEADLY),)),)),
        Scene(when="other", turns=(Turn(text="I remove it.", calls=(Shell(OTHER),)),)),
        Scene(
            when="both",
            turns=(Turn(text="Both.", thinking="Hm.", calls=(Shell(HARMLESS), Shell(DEADLY), Shell("pwd"))),),
        ),
        Scene(when="twice", turns=(Turn(text="Twice.", calls=(Shell(DEADLY), Shell(OTHER))),)),
        Scene(when="talk", turns=(Turn(text="Only words."),)),
    )
)
BOTH_FORMS = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
EVERY = pytest.mark.parametrize("dialect", DIALECTS)


@pytest.fixture(scope="module")
def firewall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose holds last long enough for every decision of a test."""
    with served(app(SCRIPT, key=PROVIDER_KEY)) as provider:
        installed = install(tmp_path_factory.mktemp("calls"), provider=provider, models="hold_s = 25")
        with serving(installed) as running:
            yield running
        checked = verify(installed)
        assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose holds end after a second."""
    with served(app(SCRIPT, key=PROVIDER_KEY)) as provider:
        installed = install(tmp_path_factory.mktemp("hasty"), provider=provider, models="hold_s = 1")
        with serving(installed) as running:
            yield running


@EVERY
@BOTH_FORMS
def test_words_and_allowed_calls_pass_at_once(firewall: Served, dialect: str, *, stream: bool) -> None:
    """Text and a harmless call arrive whole, with one end and the number of their entry."""
    agent = agent_of(firewall, dialect)
    talk = agent.ask("talk", stream=stream)
    assert (talk.status, talk.text, talk.calls, talk.ends, talk.is_last) == (200, "Only words.", [], 1, True)
    look = agent.ask("look", stream=stream)
    assert (look.text, look.commands, look.ends, look.is_last) == ("I look.", [HARMLESS], 1, True)
    assert look.entry > talk.entry >= 0
    assert agent.approvals() == []


@EVERY
@BOTH_FORMS
def test_asked_call_comes_after_the_approval_and_only_once(
    firewall: Served, dialect: str, *, stream: bool
) -> None:
    """Held until somebody approves; the same call a second time asks again."""
    agent = agent_of(firewall, dialect)
    asking = agent.asking("remove", stream=stream)
    ident = agent.decide("approve")
    said = asking.answer()
    assert (said.status, said.commands, said.ends, said.is_last) == (200, [DEADLY], 1, True)
    assert [one["status"] for one in agent.approvals()] == ["consumed"]
    again = agent.asking("remove", stream=stream)
    assert agent.decide("deny") != ident
    assert again.answer().commands == []


@EVERY
@BOTH_FORMS
def test_denied_call_leaves_nothing_but_the_reason(firewall: Served, dialect: str, *, stream: bool) -> None:
    """Nothing of the arguments of a denied call has left; the agent reads who said no, and why."""
    agent = agent_of(firewall, dialect)
    asking = agent.asking("remove", stream=stream)
    ident = agent.decide("deny", "not on my watch")
    said = asking.answer()
    assert (said.status, said.calls, said.ends, said.is_last) == (200, [], 1, True)
    assert ident in said.text
    assert "not on my watch" in said.text
    assert "/srv/data" not in said.raw
    assert said.stop not in ("tool_use", "tool_calls")


@EVERY
@BOTH_FORMS
def test_mixed_calls_are_ruled_on_one_by_one(firewall: Served, dialect: str, *, stream: bool) -> None:
    """Of three parallel calls the two harmless ones come, in order, and the denied one becomes a text."""
    agent = agent_of(firewall, dialect)
    asking = agent.asking("both", stream=stream)
    ident = agent.decide("deny")
    said = asking.answer()
    assert (said.commands, said.ends, said.is_last) == ([HARMLESS, "pwd"], 1, True)
    assert ident in said.text
    assert "/srv/data" not in said.raw


@EVERY
@BOTH_FORMS
def test_mixed_calls_all_come_when_approved(firewall: Served, dialect: str, *, stream: bool) -> None:
    """After the approval all three come, in the model's order, each once."""
    agent = agent_of(firewall, dialect)
    asking = agent.asking("both", stream=stream)
    agent.decide("approve")
    said = asking.answer()
    assert (said.commands, said.ends) == ([HARMLESS, DEADLY, "pwd"], 1)


@EVERY
@BOTH_FORMS
def test_hold_that_ends_explains_and_the_approval_stays(hasty: Served, dialect: str, *, stream: bool) -> None:
    """When the client's time is over it is told which approval waits; approved later, the repeat goes at once."""
    agent = agent_of(hasty, dialect)
    said = agent.ask("remove", stream=stream)
    pending = agent.waiting()
    assert (said.status, said.calls, said.ends, said.is_last) == (200, [], 1, True)
    assert str(pending["id"]) in said.text
    assert "/srv/data" not in said.raw
    assert agent.decide("approve") == pending["id"]
    repeated = agent.ask("please remove", stream=stream)
    assert repeated.commands == [DEADLY]
    assert [one["status"] for one in agent.approvals()] == ["consumed"]
    third = agent.ask("please remove", stream=stream)
    assert third.calls == []
    assert agent.waiting()["id"] != pending["id"]


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_edited_call_does_not_fit_the_approval(hasty: Served, *, stream: bool) -> None:
    """An approval of one call releases no other, and the other does not use it up."""
    agent = agent_of(hasty, "anthropic")
    agent.ask("remove", stream=stream)
    first = agent.decide("approve")
    edited = agent.ask("other", stream=stream)
    assert edited.calls == []
    assert agent.waiting()["id"] != first
    assert agent.ask("remove it now", stream=stream).commands == [DEADLY]


def test_two_asked_calls_have_two_answers(firewall: Served) -> None:
    """Two destructive calls of one answer are two questions; one yes releases one call."""
    agent = agent_of(firewall, "anthropic")
    asking = agent.asking("twice")
    while len(agent.approvals()) < 2:
        assert not asking.is_over
    first, second = agent.approvals()
    for one in (first, second):
        decision = "approve" if "/srv/other" in str(one) else "deny"
        assert firewall.decide(str(one["id"]), decision).status_code == 200
    said = asking.answer()
    assert said.commands == [OTHER]
    assert said.ends == 1


@EVERY
@pytest.mark.parametrize(
    ("first", "second"),
    [(True, True), (False, False), (True, False), (False, True)],
    ids=["stream-stream", "whole-whole", "stream-whole", "whole-stream"],
)
def test_repeated_request_takes_the_hold_over(
    firewall: Served, dialect: str, *, first: bool, second: bool
) -> None:
    """The same request again joins the hold, in its own form: one question, one answer, for the newest."""
    agent = agent_of(firewall, dialect)
    older = agent.asking("remove", stream=first)
    agent.waiting()
    newer = agent.asking("remove", stream=second)
    gone = older.answer()
    assert gone.calls == []
    assert "/srv/data" not in gone.raw
    agent.decide("approve")
    said = newer.answer()
    assert (said.status, said.commands, said.ends, said.is_last) == (200, [DEADLY], 1, True)
    assert [one["status"] for one in agent.approvals()] == ["consumed"]


@EVERY
@BOTH_FORMS
def test_dropped_connection_cancels_nothing(firewall: Served, dialect: str, *, stream: bool) -> None:
    """Approved while nobody was connected: the request sent again gets the call at once, and only once."""
    agent = agent_of(firewall, dialect)
    gone = counted(firewall, "client_gone")
    with agent.streaming("remove"):
        agent.waiting()
    until_counted(firewall, "client_gone", gone + 1)
    agent.decide("approve")
    said = agent.ask("remove", stream=stream)
    assert (said.commands, said.ends, said.is_last) == ([DEADLY], 1, True)
    assert [one["status"] for one in agent.approvals()] == ["consumed"]


def test_another_agent_joins_no_hold(firewall: Served) -> None:
    """The same request of another agent is another question: nobody gets what somebody else was allowed."""
    mine, other = agent_of(firewall, "anthropic"), agent_of(firewall, "anthropic")
    asking = mine.asking("remove")
    mine.waiting()
    theirs = other.asking("remove")
    other.waiting()
    mine.decide("approve")
    assert asking.answer().commands == [DEADLY]
    other.decide("deny")
    assert theirs.answer().calls == []
