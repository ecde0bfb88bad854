"""How tasks of sessions are read and written."""

import pytest

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.errors import McpError
from firewall.codecs.mcp.messages import Message
from firewall.gates.mcp import session_tasks
from tests.support.mcp_calls import Ear

RELATED = session_tasks.RELATED
CAN = {"tasks": {"requests": {"tools": {"call": {}}}, "cancel": {}}}


def test_a_server_says_what_becomes_a_task() -> None:
    """By its revision and its capabilities, which are told on as far as they are served."""
    assert session_tasks.serves("2025-11-25", CAN)
    assert not session_tasks.serves("2025-06-18", CAN)
    assert not session_tasks.serves("2025-11-25", {"tasks": {"requests": {"tools": {}}}})
    assert session_tasks.cancels(CAN)
    assert session_tasks.offered(CAN) == {"list": {}, "requests": {"tools": {"call": {}}}, "cancel": {}}
    assert "cancel" not in session_tasks.offered({"tasks": {}})


@pytest.mark.parametrize(
    ("wish", "is_one"),
    [
        ({}, True),
        ({"ttl": 0}, True),
        ({"ttl": -1}, False),
        ({"ttl": 1.5}, False),
        ({"ttl": True}, False),
        ([], False),
    ],
)
def test_a_wish_holds_a_time_alone(wish: object, *, is_one: bool) -> None:
    """Whole milliseconds, or nothing."""
    assert session_tasks.is_wish(wish) is is_one
    assert not session_tasks.is_wish({"ttl": 1, "x": 1})


@pytest.mark.parametrize("support", [None, "forbidden", "Optional", 7])
def test_a_tool_says_whether_it_makes_tasks(support: object) -> None:
    """What does not say so makes none."""
    call = messages.request(7, "tools/call", {"name": "x"})
    with pytest.raises(McpError) as raised:
        session_tasks.check({"execution": {"taskSupport": support}}, call)
    assert (raised.value.number, raised.value.code, raised.value.of) == (-32601, "task_refused", 7)
    for word in ("optional", "required"):
        session_tasks.check({"execution": {"taskSupport": word}}, call)


def test_a_task_is_told_from_a_result() -> None:
    """An answer with content is a result, whatever else stands in it; an error is neither."""
    state = {"taskId": "t", "status": "working", "ttl": None, "statusMessage": "x", "createdAt": ["odd"]}
    assert session_tasks.state_of(messages.result(1, {"task": state})) == state
    for other in (
        messages.result(1, {"task": state, "content": []}),
        messages.result(1, {"task": "t"}),
        messages.failure(1, -32603, "no"),
    ):
        assert session_tasks.state_of(other) is None
    assert session_tasks.told(state) == {"status": "working", "ttl": None}


def test_a_list_has_one_page() -> None:
    """Of our ids; a cursor that nobody gave is refused."""
    asked = messages.request(3, "tasks/list")
    found = session_tasks.listed(asked, {"ours": {"status": "working"}})
    assert (found.id, found.result) == (3, {"tasks": [{"taskId": "ours", "status": "working"}]})
    with pytest.raises(McpError):
        session_tasks.listed(messages.request(3, "tasks/list", {"cursor": "x"}), {})


@pytest.mark.parametrize("meta", [{}, {"_meta": {"x": 1}}, {"_meta": {RELATED: {"taskId": "theirs"}, "x": 1}}])
def test_a_result_says_which_task_it_is_of(meta: dict[str, object]) -> None:
    """By our id, whatever the server says; the rest of its words stay."""
    said = session_tasks.related(messages.result(1, {"content": [], **meta}), "ours")
    assert said.meta[RELATED] == {"taskId": "ours"}
    assert said.meta.get("x") == (1 if "x" in meta.get("_meta", {}) else None)  # type: ignore[operator]  # an object
    assert said.result["content"] == []


class Answering(Ear):
    """A client that answers what it is asked, and mentions the task."""

    async def __call__(self, message: Message) -> Message | None:
        """Answer."""
        self.heard.append(message)
        if message.id is None:
            return None
        return messages.result(message.id, {"action": "accept", "_meta": {RELATED: {"taskId": "ours"}}})


async def test_what_belongs_to_a_task_is_heard_under_our_id() -> None:
    """And goes back under the server's; what is of another task is not heard, what is of none as it is."""
    ear = Answering()
    hearing = session_tasks.Related(ear, "theirs", "ours")
    mine = messages.request(1, "elicitation/create", {"_meta": {RELATED: {"taskId": "theirs"}}})
    answer = await hearing(mine)
    assert answer is not None
    assert answer.meta == {RELATED: {"taskId": "theirs"}}
    assert ear.heard[0].meta == {RELATED: {"taskId": "ours"}}
    others = messages.request(2, "elicitation/create", {"_meta": {RELATED: {"taskId": "another"}}})
    assert await hearing(others) is None
    plain = messages.notification("notifications/message", {"level": "info"})
    assert await hearing(plain) is None
    await hearing.say(plain)
    hearing.judged(7)
    hearing.begun()
    assert (ear.heard[1:], ear.entries, ear.has_begun) == ([plain, plain], [7], True)


async def test_a_request_that_follows_no_task_hears_of_none() -> None:
    """The id is the server's own; whatever else it says stays."""
    ear = Answering()
    hearing = session_tasks.Unrelated(ear)
    for meta in ({RELATED: {"taskId": "theirs"}, "x": 1}, {RELATED: "theirs"}):
        await hearing(messages.request(1, "elicitation/create", {"message": "?", "_meta": meta}))
        await hearing(messages.notification("notifications/message", {"_meta": meta}))
    assert [one.meta for one in ear.heard] == [{"x": 1}, {"x": 1}, {}, {}]
    assert [one.params.get("message") for one in ear.heard] == ["?", None, "?", None]
    plain = messages.notification("notifications/message", {"level": "info"})
    await hearing(plain)
    assert ear.heard[-1] is plain
