"""Tasks as the sessions of 2025-11-25 have them: which calls become some, and how what is said of them is written.

A client asks for a task with its call (`task`), follows it (`tasks/get`), and fetches what the call came to
(`tasks/result`). INVARIANT: a client hears of a task under an id of ours alone, also where a server mentions it.
Spec: 2025-11-25, basic/utilities/tasks.
"""

from collections.abc import Mapping
from typing import cast

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.errors import INVALID_PARAMS, METHOD_NOT_FOUND, McpError
from firewall.codecs.mcp.messages import Kind, Message, at
from firewall.codecs.mcp.versions import TASKED
from firewall.gates.mcp.port import Caller, Seen

RELATED = "io.modelcontextprotocol/related-task"
_TOLD = ("status", "createdAt", "lastUpdatedAt", "ttl", "pollInterval")
"""What of a task stands in a list."""


def serves(version: str, capabilities: Mapping[str, object]) -> bool:
    """Tell whether a server takes calls as tasks."""
    return version == TASKED and isinstance(at(capabilities, ["tasks", "requests", "tools", "call"]), dict)


def cancels(capabilities: Mapping[str, object]) -> bool:
    """Tell whether a server lets its tasks be cancelled."""
    return isinstance(at(capabilities, ["tasks", "cancel"]), dict)


def is_follower(caller: Caller) -> bool:
    """Tell whether a client may ask for tasks: in a session."""
    return caller.version == TASKED and bool(caller.session)


def offered(capabilities: Mapping[str, object]) -> dict[str, object]:
    """Return what a client hears of a server's tasks; what it has under way, it is told here."""
    can: dict[str, object] = {"list": {}, "requests": {"tools": {"call": {}}}}
    return can | ({"cancel": {}} if cancels(capabilities) else {})


def is_wish(value: object) -> bool:
    """Tell whether something is what a client may say of a task that it wants: how long it is kept."""
    if not isinstance(value, dict) or not value.keys() <= {"ttl"}:
        return False
    ttl = value.get("ttl", 0)
    return isinstance(ttl, int) and not isinstance(ttl, bool) and ttl >= 0


def check(definition: Mapping[str, object], message: Message) -> None:
    """Raise McpError -32601 `task_refused` for a tool that makes no tasks."""
    if at(definition, ["execution", "taskSupport"]) not in ("optional", "required"):
        raise McpError(
            "this tool is not called as a task", number=METHOD_NOT_FOUND, code="task_refused", of=message.id
        )


def state_of(answer: Message) -> Mapping[str, object] | None:
    """Return how a task stands that a server answers a call with; None: it answers with no task."""
    said = answer.result.get("task")
    if answer.kind is not Kind.RESULT or "content" in answer.result or not isinstance(said, dict):
        return None
    return cast("Mapping[str, object]", said)


def told(state: Mapping[str, object]) -> dict[str, object]:
    """Return what of a task's state is remembered."""
    return {name: state[name] for name in _TOLD if isinstance(state.get(name), str | int | None) and name in state}


def listed(message: Message, tasks: Mapping[str, Mapping[str, object]]) -> Message:
    """Return the answer to `tasks/list`: all of them, by our ids.

    Raises: McpError -32602 `param_invalid`: there is one page, and no cursor was ever given.
    """
    if message.params.get("cursor") is not None:
        raise McpError("there is no such page", number=INVALID_PARAMS, code="param_invalid", of=message.id)
    rows = [{"taskId": id_, **state} for id_, state in tasks.items()]
    return messages.result(message.id or 0, {"tasks": rows})


def related(answer: Message, ours: str) -> Message:
    """Return a result that says which task it is of, by our id."""
    if RELATED in answer.meta:
        return messages.changed(answer, {("result", "_meta", RELATED): {"taskId": ours}})
    result = {**answer.result, "_meta": {**answer.meta, RELATED: {"taskId": ours}}}
    return messages.changed(answer, {("result",): result})


def unrelated(message: Message) -> Message:
    """Return what a server sends by itself without the task that it names: that id is its own."""
    if RELATED not in message.meta:
        return message
    meta = {name: value for name, value in message.meta.items() if name != RELATED}
    return messages.changed(message, {("params", "_meta"): meta})


class Unrelated:
    """Hears what belongs to a request that follows no task."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    async def __call__(self, message: Message) -> Message | None:
        """Take what the server sends."""
        return await self._seen(unrelated(message))

    async def say(self, message: Message) -> None:
        """Send a notification of our own."""
        await self._seen.say(message)

    def judged(self, entry: int) -> None:
        """Note the entry of a judgement."""
        self._seen.judged(entry)

    def begun(self) -> None:
        """Note that a change is about to be sent."""
        self._seen.begun()


class Related(Unrelated):
    """Hears what belongs to a task, by our id on the client's side and by its own on the server's."""

    def __init__(self, seen: Seen, theirs: str, ours: str) -> None:
        super().__init__(seen)
        self._theirs = theirs
        self._ours = ours

    async def __call__(self, message: Message) -> Message | None:
        """Take what the server sends. What it says of another task is not passed on: it is not this client's."""
        if RELATED not in message.meta:
            return await self._seen(message)
        if at(message.meta, [RELATED, "taskId"]) != self._theirs:
            return None
        mine = messages.changed(message, {("params", "_meta", RELATED): {"taskId": self._ours}})
        answer = await self._seen(mine)
        if answer is None or RELATED not in answer.meta:
            return answer
        return messages.changed(answer, {("result", "_meta", RELATED): {"taskId": self._theirs}})
