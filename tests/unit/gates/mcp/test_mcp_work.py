"""Requests under way, and the answer to one POST."""

import asyncio

import pytest
from starlette.types import Message as Sent

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.errors import McpError
from firewall.codecs.mcp.messages import Message
from firewall.gates.mcp import work as under_test
from firewall.gates.mcp.talk import Talk
from firewall.gates.mcp.work import Ended, Works

ANSWER = messages.result(1, {"a": [1.0]})


class Wire:
    """What was sent."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []

    async def send(self, message: Sent) -> None:
        """Take it."""
        self.sent.append(message)

    @property
    def body(self) -> bytes:
        """All of the body."""
        return b"".join(message.get("body", b"") for message in self.sent)


async def test_an_answer_alone_is_json_with_its_status() -> None:
    """And is sent once, with nothing behind it."""
    wire = Wire()
    talk = Talk(wire.send, takes_events=True)
    talk.extra.append((b"x-stayhand-entry", b"7"))
    await talk.finish(ANSWER, 404)
    await talk.finish(ANSWER)
    await talk.keep_alive()
    assert not await talk.event(ANSWER)
    assert wire.sent[0]["status"] == 404
    assert (b"x-stayhand-entry", b"7") in wire.sent[0]["headers"]
    assert wire.body == ANSWER.raw


async def test_what_comes_before_the_answer_makes_events() -> None:
    """Each message is one line of data, the answer the last."""
    wire = Wire()
    talk = Talk(wire.send, takes_events=True)
    note = messages.read(b'{"jsonrpc":"2.0",\n "method":"a"}')
    assert await talk.event(note)
    await talk.keep_alive()
    await talk.finish(ANSWER, 404)
    assert wire.sent[0]["status"] == 200
    assert (b"content-type", b"text/event-stream") in wire.sent[0]["headers"]
    first, comment, last, rest = wire.body.split(b"\n\n")
    assert first == b'event: message\ndata: {"jsonrpc":"2.0","method":"a"}'
    assert comment.startswith(b":")
    assert (last, rest) == (b"event: message\ndata: " + ANSWER.raw, b"")
    assert wire.sent[-1]["more_body"] is False


async def test_a_client_without_events_hears_the_answer_alone() -> None:
    """What comes before is dropped, and nothing is said to keep it waiting."""
    wire = Wire()
    talk = Talk(wire.send, takes_events=False)
    assert not await talk.event(ANSWER)
    await talk.keep_alive()
    await talk.finish(ANSWER)
    assert len(wire.sent) == 2


async def ended_by(why: Ended, *, begun: bool, keeps: bool) -> tuple[str, bool]:
    """Return the word that a request ends with, and whether its work was cancelled."""
    works, release, over = Works(lambda _: None), asyncio.Event(), asyncio.Event()
    was_cancelled = False

    async def doing() -> Message:
        nonlocal was_cancelled
        try:
            await release.wait()
        except asyncio.CancelledError:
            was_cancelled = True
            raise
        finally:
            over.set()
        return ANSWER

    work = works.begin(("tok_1", "tok_0"), lambda: 60.0)
    if begun:
        work.begun()
    task = asyncio.create_task(works.run(work, doing(), Talk(Wire().send, takes_events=True), keeps=keeps))
    await asyncio.sleep(0)
    if why is Ended.REVOKED:
        works.revoked("tok_9")
        works.revoked("tok_0")
    elif why is Ended.DRAINED:
        works.drain()
        if begun:
            release.set()
    else:
        work.end(why)
    try:
        assert await task is ANSWER
        word = "answered"
    except McpError as error:
        word = error.code
    release.set()
    async with asyncio.timeout(30):
        await over.wait()
    await works.close()
    return word, was_cancelled


@pytest.mark.parametrize(
    ("why", "begun", "keeps", "word", "is_cancelled"),
    [
        (Ended.GONE, False, False, "client_gone", True),
        (Ended.GONE, True, False, "client_gone", True),
        (Ended.GONE, False, True, "client_gone", True),
        (Ended.GONE, True, True, "client_gone", False),
        (Ended.CANCELLED, True, True, "request_cancelled", True),
        (Ended.REVOKED, False, False, "token_revoked", True),
        (Ended.DRAINED, False, True, "stopping", True),
        (Ended.DRAINED, True, True, "answered", False),
    ],
)
async def test_what_a_server_may_have_begun_is_ended_by_its_client_alone(
    why: Ended, *, begun: bool, keeps: bool, word: str, is_cancelled: bool
) -> None:
    """The client hears at once why; a change that may be under way goes on, so that its outcome is known."""
    assert await ended_by(why, begun=begun, keeps=keeps) == (word, is_cancelled)


async def test_a_revoked_token_hears_no_more_of_a_change() -> None:
    """The change that was sent goes on until the server stops, its client is told at once."""
    word, _ = await ended_by(Ended.REVOKED, begun=True, keeps=True)
    assert word == "token_revoked"


async def test_long_work_shows_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the answer is there."""
    monkeypatch.setattr(under_test, "PING_S", 0.001)
    wire, works = Wire(), Works(lambda _: None)
    talk = Talk(wire.send, takes_events=True)

    async def doing() -> Message:
        async with asyncio.timeout(30):
            while not talk.has_begun:  # noqa: ASYNC110 - the talk tells nobody
                await asyncio.sleep(0.001)
        return ANSWER

    assert await works.run(works.begin(("tok_1",), lambda: 60.0), doing(), talk, keeps=True) is ANSWER
    assert wire.body.startswith(b":")


@pytest.mark.parametrize("left", [(0.0,), (0.001, 0.001, 0.0)], ids=["before-it-began", "while-it-waits"])
async def test_no_work_outlives_its_token(left: tuple[float, ...]) -> None:
    """Also where the token ended before the work began: what ends with it is told once."""
    seconds, over, waiting = list(left), list[str](), asyncio.Event()
    works = Works(over.append)

    async def doing() -> Message:
        await waiting.wait()
        return ANSWER

    work = works.begin(("tok_1", "tok_0"), lambda: seconds.pop(0) if len(seconds) > 1 else seconds[0])
    async with asyncio.timeout(30):
        with pytest.raises(McpError) as refused:
            await works.run(work, doing(), Talk(Wire().send, takes_events=True), keeps=True)
    assert refused.value.code == "token_revoked"
    assert over == ["tok_1"]
