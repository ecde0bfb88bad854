"""A stateless MCP server whose calls become tasks, as a program: the standard library alone.

A task works until it was asked about twice; what its client declares with a request decides whether it may be one.
"""

import json
import sys

TASKS = "io.modelcontextprotocol/tasks"
ASKED: dict[str, int] = {}
"""How often each task was asked about."""
CANCELLED: set[str] = set()


def follows(params: dict) -> bool:
    """Tell whether a client declared that it follows tasks."""
    can = params.get("_meta", {}).get("io.modelcontextprotocol/clientCapabilities", {})
    return TASKS in can.get("extensions", {})


def state(task: str) -> dict:
    """Return how a task stands."""
    if task in CANCELLED:
        return {"taskId": task, "status": "cancelled", "ttlMs": 60000}
    said = {"taskId": task, "status": "working", "ttlMs": 60000, "createdAt": "2026-11-22T00:00:00Z"}
    if ASKED[task] > 1:
        said |= {"status": "completed", "result": {"content": [{"type": "text", "text": "\x1b[31mdone"}]}}
    return said


def answer(method: str, params: dict) -> dict:
    """Return the result of a request."""
    if method == "server/discover":
        can = {"tools": {}, "extensions": {TASKS: {}}}
        return {"supportedVersions": ["2026-07-28"], "capabilities": can}
    if method == "tools/list":
        return {"tools": [{"name": "get_file_contents", "inputSchema": {"type": "object"}}], "ttlMs": 0}
    if method == "tools/call":
        if not follows(params):
            return {"content": [{"type": "text", "text": "waited"}]}
        task = f"task-{len(ASKED)}"
        ASKED[task] = 0
        return {**state(task), "resultType": "task"}
    task = params["taskId"]
    if method == "tasks/cancel":
        CANCELLED.add(task)
        return {}
    ASKED[task] += 1
    return state(task)


def main() -> None:
    """Serve until the input ends."""
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message:
            continue
        if message["method"] == "initialize":
            said = {"error": {"code": -32601, "message": "stateless"}}
        else:
            said = {"result": {"resultType": "complete", **answer(message["method"], message["params"])}}
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": message["id"], **said}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
