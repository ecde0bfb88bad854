"""An MCP server of 2025-11-25 whose calls become tasks, as a program: the standard library alone.

A task works until it was asked about twice. Who fetches its result is asked for a name, where the call said so.
"""

import json
import sys

RELATED = "io.modelcontextprotocol/related-task"
ASKED: dict[str, int] = {}
"""How often each task was asked about."""
GIVEN: dict[str, dict] = {}
"""The arguments of its call."""
CANCELLED: set[str] = set()
TASKS = {"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}}


def say(message: dict) -> None:
    """Print a message."""
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def state(task: str) -> dict:
    """Return how a task stands."""
    word = "cancelled" if task in CANCELLED else "completed" if ASKED[task] > 1 else "working"
    times = {"createdAt": "2026-11-22T00:00:00Z", "lastUpdatedAt": "2026-11-22T00:00:01Z"}
    return {"taskId": task, "status": word, "statusMessage": "\x1b[31mon it", "ttl": 60000, **times}


def result(task: str) -> dict:
    """Return what a task came to, after its client was asked what the call wanted to ask."""
    ASKED[task] = 2
    name = "nobody"
    if "ask" in GIVEN[task]:
        meta = {RELATED: {"taskId": task if GIVEN[task]["ask"] == "own" else "another"}}
        schema = {"type": "object", "properties": {"name": {"type": "string"}}}
        params = {"message": "Who is there?", "requestedSchema": schema, "_meta": meta}
        say({"id": "who", "method": "elicitation/create", "params": params})
        said = json.loads(sys.stdin.readline())
        while said.get("id") != "who":
            said = json.loads(sys.stdin.readline())
        name = json.dumps(said.get("result", said.get("error")))
    text = f"\x1b[31mdone by {name}"
    return {"content": [{"type": "text", "text": text}], "_meta": {RELATED: {"taskId": task}}}


def answer(method: str, params: dict) -> dict:
    """Return the result of a request."""
    if method == "initialize":
        can = {"tools": {}, "tasks": TASKS if "bare" not in sys.argv else {}}
        info = {"name": "tasker", "version": "1"}
        return {"protocolVersion": params["protocolVersion"], "capabilities": can, "serverInfo": info}
    if method == "tools/list":
        schema = {"type": "object", "properties": {"ask": {"type": "string"}}}
        tool = {"name": "get_file_contents", "inputSchema": schema, "execution": {"taskSupport": "optional"}}
        plain = {"name": "list_branches", "inputSchema": schema}
        return {"tools": [tool, plain, {**tool, "name": "delete_file"}]}
    if method == "tools/call":
        if "task" not in params:
            return {"content": [{"type": "text", "text": "waited"}]}
        task = f"task-{len(ASKED)}"
        ASKED[task], GIVEN[task] = 0, params.get("arguments", {})
        return {"task": state(task)}
    task = params["taskId"]
    if method == "tasks/result":
        return result(task)
    if method == "tasks/cancel":
        CANCELLED.add(task)
    ASKED[task] += 1
    return state(task)


def main() -> None:
    """Serve until the input ends."""
    while line := sys.stdin.readline():
        message = json.loads(line)
        if "id" in message and message.get("method") == "server/discover":
            say({"id": message["id"], "error": {"code": -32601, "message": "of sessions"}})
        elif "id" in message and "method" in message:
            say({"id": message["id"], "result": answer(message["method"], message.get("params", {}))})


if __name__ == "__main__":
    main()
