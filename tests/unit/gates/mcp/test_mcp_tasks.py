"""Tasks: one id for one token, one outcome for one call, none of them longer than its token."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.errors import McpError
from firewall.codecs.mcp.messages import Message
from firewall.codecs.mcp.versions import CAPABILITIES_KEY, INFO_KEY, LEGACY
from firewall.core.approval import Decision
from firewall.core.errors import UpstreamError
from firewall.gates.mcp import tasks as rooms
from firewall.gates.mcp.port import Caller, Seen
from firewall.gates.mcp.tasks import EXTENSION, Task, Tasks
from tests.support.approving import until
from tests.support.guarding import ALICE, Kept, keeping
from tests.support.mcp_calls import Ear, Line, asking, calls_of, modern, refusal, server

GITHUB, NOTES = server("github"), server()
READ = {"tool": "get_file_contents", "arguments": {"path": "README.md"}}
FORM = {
    "method": "elicitation/create",
    "params": {
        "message": "Which branch?",
        "requestedSchema": {"type": "object", "properties": {"branch": {"type": "string"}}},
    },
}
ANSWER = {"which": {"action": "accept", "content": {"branch": "main"}}}


@dataclass(slots=True)
class Running(Line):
    """A server that goes on behind its answer, as far as its task is said to be."""

    task: dict[str, object] = field(
        default_factory=lambda: {"taskId": "t-1", "status": "working", "ttlMs": 60_000}
    )

    async def ask(self, message: Message, *, seen: Seen) -> Message:
        """Say how the task stands."""
        await Line.ask(self, message, seen=seen)
        kind = "task" if message.method == "tools/call" else "complete"
        task = self.task if message.method in ("tools/call", "tasks/get") else {}
        if task.get("status") == "unknown":
            return messages.failure(message.id, -32602, "no such task")
        return messages.result(message.id or 0, {"resultType": kind, **task})


@dataclass(slots=True)
class Place:
    """Tasks over a guard, with a server behind them."""

    kept: Kept
    tasks: Tasks
    line: Running = field(default_factory=Running)
    cancelled: list[Task] = field(default_factory=list)

    def asker(self, **grant: object) -> Caller:
        """Return a client that follows tasks."""
        can = {"extensions": {EXTENSION: {}}}
        return replace(modern(self.kept.requester(gate="mcp", **grant)), capabilities=can)

    async def begin(self, asker: Caller) -> str:
        """Let a call become a task; returns its id."""
        calls = calls_of(self.kept, GITHUB, following=self.tasks)
        answer = await calls.call(GITHUB, asker, asking(**READ), upstream=self.line, seen=Ear())
        assert answer.result["resultType"] == "task"
        return str(answer.result["taskId"])

    async def follow(self, asker: Caller, method: str, id_: object, **params: object) -> Message:
        """Follow a task."""
        asked = messages.request(7, f"tasks/{method}", {"taskId": id_, "_meta": {"x": 1}, **params})
        return await self.tasks.follow(GITHUB, asker, asked, upstream=self.line, seen=Ear())

    async def outcome(self) -> tuple[str, Mapping[str, object]]:
        """Return the one outcome of the call, once it is recorded."""

        def ends() -> list[int]:
            ended = ("tool.finished", "tool.indeterminate")
            return [at for at, kind in enumerate(self.kept.kinds()) if kind in ended]

        await until(lambda: bool(ends()))
        (seq,) = ends()
        data = self.kept.body(seq)["data"]
        assert isinstance(data, dict)
        return self.kept.kinds()[seq], data


@asynccontextmanager
async def placed(folder: Path) -> AsyncIterator[Place]:
    """Open a place."""
    async with keeping(folder) as kept:
        cancelled: list[Task] = []

        async def cancel(task: Task) -> None:
            cancelled.append(task)

        tasks = Tasks(kept.guard, kept.installation.writer, kept.clock, cancel=cancel)
        yield Place(kept, tasks, cancelled=cancelled)
        await tasks.close()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """A place."""
    async with placed(tmp_path) as found:
        yield found


async def test_a_task_is_followed_to_its_end(place: Place) -> None:
    """Its client knows it by an id of ours, the server hears its own, and one outcome says how it ended."""
    asker = place.asker()
    id_ = await place.begin(asker)
    assert "t-1" not in id_
    assert (await place.follow(asker, "get", id_)).result["status"] == "working"
    assert "tool.finished" not in place.kept.kinds()
    place.line.task |= {"status": "completed", "result": {"content": [], "isError": True}}
    for _ in range(2):
        seen = await place.follow(asker, "get", id_)
        assert (seen.result["taskId"], seen.result["result"]) == (id_, {"content": [], "isError": True})
    assert [one.params["taskId"] for one in place.line.heard[1:]] == ["t-1"] * 3
    assert "x" not in place.line.heard[1].meta
    kind, data = await place.outcome()
    assert (kind, data["state"], data["reported_error"]) == ("tool.finished", "completed", True)
    assert place.cancelled == []


async def test_a_task_is_nobody_elses(place: Place) -> None:
    """Another agent, another token, the server's own id and a made-up one find nothing; all say the same."""
    asker = place.asker()
    id_ = await place.begin(asker)
    stranger = place.asker(grant_agent="stranger")
    other = replace(asker, requester=replace(asker.requester, token_id="tok_other"))
    for who, which in ((stranger, id_), (other, id_), (asker, "t-1"), (asker, f"{id_}x"), (asker, ["t-1"])):
        for method in ("get", "update", "cancel"):
            with pytest.raises(McpError) as raised:
                await place.follow(who, method, which, inputResponses={})
            assert (raised.value.number, raised.value.code) == (-32602, "task_unknown")
    asked = messages.request(7, "tasks/get", {"taskId": id_})
    with pytest.raises(McpError):
        await place.tasks.follow(NOTES, asker, asked, upstream=place.line, seen=Ear())
    assert len(place.line.heard) == 1
    assert place.tasks.server_of(asker, id_) is GITHUB


async def test_who_follows_a_task_says_nothing_unseen(place: Place) -> None:
    """A server hears claims of their form alone, and none of the other notes."""
    asker = place.asker()
    id_ = await place.begin(asker)
    can, info = {"extensions": {EXTENSION: {}}}, {"name": "c", "version": "1"}
    notes = {INFO_KEY: {**info, "run": "drop"}, CAPABILITIES_KEY: {**can, "leak": ["x"]}, "x": 1}
    asked = messages.request(7, "tasks/get", {"taskId": id_, "_meta": notes, "run": "drop"})
    await place.tasks.follow(GITHUB, asker, asked, upstream=place.line, seen=Ear())
    sent = place.line.heard[-1].params
    assert sent == {"taskId": "t-1", "_meta": {CAPABILITIES_KEY: can, INFO_KEY: info}}


async def test_only_who_declared_it_follows(place: Place) -> None:
    """Without the extension a client is told what is missing, and a task that nobody asked for is an error."""
    asker = place.asker()
    id_ = await place.begin(asker)
    missing, older = (-32021, "capability_missing"), (-32601, "method_unknown")
    for bare, error in ((replace(asker, capabilities={}), missing), (replace(asker, version=LEGACY[0]), older)):
        with pytest.raises(McpError) as raised:
            await place.follow(bare, "get", id_)
        assert (raised.value.number, raised.value.code) == error
        with pytest.raises(UpstreamError):
            await place.begin(bare)


@pytest.mark.parametrize(
    "task",
    [{"taskId": 7, "status": "working"}, {"taskId": "", "status": "working"}, {"taskId": "t", "status": "x"}],
)
async def test_a_task_that_is_none_is_an_error_with_an_outcome(place: Place, task: dict[str, object]) -> None:
    """Nothing is left that nobody could follow, and the call has its outcome."""
    place.line.task = task
    with pytest.raises(UpstreamError):
        await place.begin(place.asker())
    kind, data = await place.outcome()
    assert (kind, data["state"]) == ("tool.finished", "malformed")


async def test_a_server_that_says_something_else_is_told_off(place: Place) -> None:
    """Another task's state, or none, does not reach the client."""
    asker = place.asker()
    id_ = await place.begin(asker)
    for odd in ({"taskId": "t-2"}, {"status": "gone"}, {"inputRequests": ["x"]}):
        place.line.task = {"taskId": "t-1", "status": "working", **odd}
        with pytest.raises(UpstreamError):
            await place.follow(asker, "get", id_)


async def _revoked(place: Place, asker: Caller) -> None:
    place.tasks.revoked(asker.requester.lineage[-1])


async def _stopped(place: Place, asker: Caller) -> None:
    del asker
    await place.tasks.close()


async def _crowded(place: Place, asker: Caller) -> None:
    await place.begin(asker)


@pytest.mark.parametrize("ends", [_revoked, _stopped, _crowded], ids=["revoked", "stopped", "crowded"])
async def test_no_task_outlives_who_follows_it(
    place: Place, monkeypatch: pytest.MonkeyPatch, ends: Callable[[Place, Caller], object]
) -> None:
    """When its token is revoked, when we stop, and when it has too many: cancelled, recorded, found no more."""
    monkeypatch.setattr(rooms, "MOST_OF_A_TOKEN", 1)
    asker = place.asker()
    id_ = await place.begin(asker)
    await ends(place, asker)  # type: ignore[misc]  # all of them are awaited
    await until(lambda: [task.theirs for task in place.cancelled] == ["t-1"])
    kind, data = await place.outcome()
    assert (kind, data["state"]) == ("tool.finished", ends.__name__.removeprefix("_"))
    with pytest.raises(McpError):
        await place.follow(asker, "get", id_)


async def test_a_change_that_nobody_saw_the_end_of_is_indeterminate(place: Place) -> None:
    """A task that changes something, and that its server knows no more, may have happened."""
    calls, asker = calls_of(place.kept, NOTES, following=place.tasks), place.asker()
    waits = await calls.call(NOTES, asker, asking(), upstream=place.line, seen=Ear())
    await place.kept.approvals.decide(str(refusal(waits)["approvalId"]), Decision.APPROVE, by=ALICE)
    answer = await calls.call(NOTES, asker, asking(), upstream=place.line, seen=Ear())
    place.line.task = {"status": "unknown"}
    asked = messages.request(7, "tasks/get", {"taskId": answer.result["taskId"]})
    await place.tasks.follow(NOTES, asker, asked, upstream=place.line, seen=Ear())
    kind, data = await place.outcome()
    assert (kind, data["state"]) == ("tool.indeterminate", "lost")
    assert place.cancelled == []


async def test_a_task_ends_with_its_time(place: Place) -> None:
    """Its own time, or its token's: then it is cancelled, and its outcome recorded."""
    place.line.task["ttlMs"] = 1
    await place.begin(place.asker())
    await until(lambda: len(place.cancelled) == 1)
    assert (await place.outcome())[1]["state"] == "expired"


async def test_answers_to_a_tasks_questions_are_judged(place: Place) -> None:
    """With the call that made it, and searched for credentials; what it did not ask is not answered."""
    asker = place.asker()
    id_ = await place.begin(asker)
    with pytest.raises(McpError) as raised:
        await place.follow(asker, "update", id_, inputResponses=ANSWER)
    assert raised.value.code == "task_not_asked"
    place.line.task |= {"status": "input_required", "inputRequests": {"which": FORM}}
    await place.follow(asker, "get", id_)
    leak = {"which": {"action": "accept", "content": {"branch": "AK" + "IAQ3VNX7RT2LKP5WJ4"}}}
    with pytest.raises(McpError) as raised:
        await place.follow(asker, "update", id_, inputResponses=leak)
    assert raised.value.code.startswith("credential:")
    await place.follow(asker, "update", id_, inputResponses=ANSWER)
    assert [one.method for one in place.line.heard[1:]] == ["tasks/get", "tasks/update"]
    assert place.line.heard[-1].params["inputResponses"] == ANSWER


async def test_an_answer_that_a_task_did_not_ask_for_is_not_sent(place: Place) -> None:
    """It is held against the form that the task showed last; the log tells of it, the server hears nothing."""
    asker = place.asker()
    id_ = await place.begin(asker)
    place.line.task |= {"status": "input_required", "inputRequests": {"which": FORM}}
    await place.follow(asker, "get", id_)
    with pytest.raises(McpError) as raised:
        await place.follow(
            asker, "update", id_, inputResponses={"which": {"action": "accept", "content": {"branch": 7}}}
        )
    assert raised.value.code == "answer_misfit"
    assert [one.method for one in place.line.heard[1:]] == ["tasks/get"]
    assert place.kept.kinds().count("content.flagged") == 1


async def test_answers_are_judged_with_the_grant_of_who_gives_them(place: Place) -> None:
    """Who may do less now than when the task began answers nothing with what it may do no more."""
    asker = place.asker()
    id_ = await place.begin(asker)
    place.line.task |= {"status": "input_required", "inputRequests": {"which": FORM}}
    await place.follow(asker, "get", id_)
    with pytest.raises(McpError) as raised:
        await place.follow(place.asker(grant_verbs=frozenset()), "update", id_, inputResponses=ANSWER)
    assert raised.value.code == "grant:verb:missing"
    assert [one.method for one in place.line.heard[1:]] == ["tasks/get"]
