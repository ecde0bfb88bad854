"""Sessions of clients of the earlier revisions."""

import asyncio

import pytest
from starlette.types import Message as Event

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.errors import McpError
from firewall.gates.mcp.sessions import MOST_OF_A_TOKEN, MOST_UNDER_WAY, Session, SessionError, Sessions
from firewall.gates.mcp.talk import Talk


def opened(sessions: Sessions) -> Session:
    """Begin a session."""
    return sessions.open("tok_1", "shop", version="2025-06-18", capabilities={}, info={})


def test_a_session_is_its_tokens_at_its_place() -> None:
    """Nobody else finds it, and nobody at another server."""
    sessions = Sessions(ended=lambda _: None)
    session = opened(sessions)
    assert sessions.find(session.id, "tok_1", "shop") is session
    for token, place, ident in (("tok_2", "shop", session.id), ("tok_1", "", session.id), ("tok_1", "shop", "x")):
        with pytest.raises(SessionError):
            sessions.find(ident, token, place)


def test_sessions_of_a_token_are_bounded() -> None:
    """The one that was used longest ago makes room, and its end is told."""
    ended: list[Session] = []
    sessions = Sessions(ended=ended.append)
    first, second = opened(sessions), opened(sessions)
    sessions.find(first.id, "tok_1", "shop")
    for _ in range(MOST_OF_A_TOKEN - 1):
        opened(sessions)
    assert ended == [second]
    assert [first.is_over, second.is_over] == [False, True]
    assert sessions.count == MOST_OF_A_TOKEN
    sessions.revoked("tok_1")
    assert (sessions.count, len(ended)) == (0, MOST_OF_A_TOKEN + 1)
    sessions.revoked("tok_1")
    sessions.end(first)
    assert len(ended) == MOST_OF_A_TOKEN + 1


async def test_what_is_under_way_is_cancelled_by_its_own_id() -> None:
    """The number 1 is not the text "1"; what ends with the session is cancelled as well."""
    sessions = Sessions(ended=lambda _: None)
    session = opened(sessions)
    cancelled: list[object] = []
    for ident in (1, "1", "two"):
        session.begin(ident, lambda ident=ident: cancelled.append(ident))
    for odd in ("three", None, True, [1]):
        session.cancel(odd)
    session.cancel("1")
    assert cancelled == ["1"]
    with pytest.raises(McpError, match="still under way"):
        session.begin(1, lambda: None)
    question = session.ask(messages.request(1, "sampling/createMessage"), talk())
    assert question.message.id != 1
    sessions.end(session)
    assert cancelled == ["1", 1, "1", "two"]
    await asyncio.sleep(0)
    assert question.answer.cancelled()


def talk(heard: list[bytes] | None = None) -> Talk:
    """Return a connection of a client, and what it hears."""

    async def send(event: Event) -> None:
        if heard is not None:
            heard.append(event.get("body", b""))

    return Talk(send, takes_events=True)


def test_requests_under_way_are_bounded() -> None:
    """One session cannot fill the gate."""
    session = opened(Sessions(ended=lambda _: None))
    for ident in range(MOST_UNDER_WAY):
        session.begin(ident, lambda: None)
    with pytest.raises(McpError) as caught:
        session.begin("more", lambda: None)
    assert (caught.value.code, caught.value.status) == ("too_many_requests", 429)


async def test_an_answer_is_taken_once() -> None:
    """By the id that we gave; anything else answers nothing."""
    session = opened(Sessions(ended=lambda _: None))
    question = session.ask(messages.request("their own", "roots/list"), talk())
    assert not session.answered(messages.result("their own", {}))
    assert not session.answered(messages.result(1, {}))
    said = messages.result(str(question.message.id), {"roots": []})
    assert session.answered(said)
    assert not session.answered(said)
    assert await question.answer is said


async def test_what_a_connection_took_along_is_asked_on_the_next_stream() -> None:
    """Under the same id, on one connection at a time: what a client still hears is not asked twice."""
    session = opened(Sessions(ended=lambda _: None))
    heard: list[bytes] = []
    first, other, stream = talk(), talk(), talk(heard)
    lost = session.ask(messages.request("a", "elicitation/create"), first)
    session.ask(messages.request("b", "roots/list"), other)
    await session.ask_again(stream)
    assert heard == []
    first.is_gone = True
    await session.ask_again(stream)
    await session.ask_again(stream)
    assert sum(piece.count(str(lost.message.id).encode()) for piece in heard) == 1
    session.stream = stream
    assert session.ask(messages.request("c", "roots/list"), first).talk is stream
    assert session.ask(messages.request("d", "roots/list"), other).talk is other
    assert session.answered(messages.result(str(lost.message.id), {"action": "accept"}))
