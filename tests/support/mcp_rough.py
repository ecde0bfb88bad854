"""An MCP server of an earlier revision, as badly behaved programs are: the standard library alone.

`python mcp_rough.py [FLAW…]`; a tool's name says what it does.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

FLAWS = frozenset(sys.argv[1:])
LEVELS: list[str] = []
"""What clients want logged, the latest last."""
KEPT: list[object] = []
"""Ids of calls that are answered later."""


def say(message: object) -> None:
    """Print a message."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until the input ends."""
    if "noise" in FLAWS:
        sys.stdout.write("Starting up…\n\n[1, 2]\n{not json\n")
        sys.stderr.write("warning: " + "x" * 200_000 + "\n")
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message or "method" not in message:
            continue
        answer(message)
    if "stubborn" in FLAWS:
        time.sleep(600)


def answer(message: dict) -> None:
    """Answer a request."""
    id_, method, params = message["id"], message["method"], message.get("params", {})
    if method == "initialize":
        if "picky" in FLAWS and params["capabilities"]:
            os._exit(4)
        version = "2024-11-05" if "old" in FLAWS else params["protocolVersion"]
        said = {
            "protocolVersion": version,
            "capabilities": {"tools": {}, "x": 1},
            "serverInfo": {"name": "rough", "version": "0"},
        }
        say({"jsonrpc": "2.0", "id": id_, "result": said})
    elif method == "tools/list":
        tools = [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]
        say({"jsonrpc": "2.0", "id": id_, "result": {"tools": tools}})
    elif method == "logging/setLevel":
        LEVELS.append(params["level"])
        say({"jsonrpc": "2.0", "id": id_, "result": {}})
    elif method == "resources/read":
        say({"jsonrpc": "2.0", "id": id_, "result": {"contents": [{"uri": params["uri"], "text": "read"}]}})
    elif method == "tools/call":
        TOOLS[params["name"]](id_, params)
    else:
        say({"jsonrpc": "2.0", "id": id_, "error": {"code": -32601, "message": f"no {method}"}})


def text(id_: object, words: str) -> None:
    """Answer a call with text."""
    say({"jsonrpc": "2.0", "id": id_, "result": {"content": [{"type": "text", "text": words}]}})


def die(_id: object, _params: dict) -> None:
    """End in the middle."""
    os._exit(3)


def noisy(id_: object, _params: dict) -> None:
    """Print what is no message, or could be read in two ways, before the answer."""
    sys.stdout.write(f'debug: working\n{{"jsonrpc":"2.0","id":{id_},"id":1,"result":{{}}}}\n[]\n\n')
    text(id_, "done")


def endless(_id: object, _params: dict) -> None:
    """Print a line that does not end."""
    while True:
        sys.stdout.write("x" * 65536)


def progress(id_: object, params: dict) -> None:
    """Say how far, and something that belongs to nobody."""
    for token, at in (
        (params["_meta"]["progressToken"], 1),
        (params["_meta"]["progressToken"], 2),
        ("another's", 9),
    ):
        note = {"progressToken": token, "progress": at}
        say({"jsonrpc": "2.0", "method": "notifications/progress", "params": note})
    text(id_, "done")


def ask(id_: object, params: dict) -> None:
    """Ask the client something, and repeat its answer."""
    say({"jsonrpc": "2.0", "id": "back", "method": params["arguments"]["method"], "params": {}})
    while "method" in (heard := json.loads(sys.stdin.readline())):
        pass
    text(id_, json.dumps(heard))


def twice(id_: object, _params: dict) -> None:
    """Answer twice."""
    text(id_, "first")
    text(id_, "second")


def wrong(id_: object, _params: dict) -> None:
    """Answer what nobody asked, then what was."""
    say({"jsonrpc": "2.0", "id": 10**6, "result": {}})
    text(id_, "right")


def env(id_: object, _params: dict) -> None:
    """Say where and as what it runs."""
    said = {"env": dict(os.environ), "cwd": str(Path.cwd()), "pid": os.getpid(), "group": os.getpgrp()}
    text(id_, json.dumps(said))


def child(id_: object, _params: dict) -> None:
    """Start something that stays."""
    text(id_, str(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid))


def silent(_id: object, _params: dict) -> None:
    """Say nothing."""


def deaf(_id: object, params: dict) -> None:
    """Look at the input no more, once it has said so."""
    note = {"progressToken": params["_meta"]["progressToken"], "progress": 1}
    say({"jsonrpc": "2.0", "method": "notifications/progress", "params": note})
    time.sleep(600)


def flood(id_: object, params: dict) -> None:
    """Say a lot before the answer."""
    for at in range(40):
        note = {"progressToken": params["_meta"]["progressToken"], "progress": at, "message": "x" * 100_000}
        say({"jsonrpc": "2.0", "method": "notifications/progress", "params": note})
    text(id_, "done")


def log(id_: object, _params: dict) -> None:
    """Log something at the level that the client asked for."""
    note = {"level": LEVELS[-1], "data": "low on apples"}
    say({"jsonrpc": "2.0", "method": "notifications/message", "params": note})
    text(id_, "done")


def echo(id_: object, params: dict) -> None:
    """Repeat the arguments."""
    text(id_, json.dumps(params.get("arguments", {})))


def later(id_: object, _params: dict) -> None:
    """Answer once something else is asked to `release` it."""
    KEPT.append(id_)


def release(id_: object, _params: dict) -> None:
    """Answer what waits."""
    for one in KEPT:
        text(one, "late")
    text(id_, "done")


def fail(id_: object, params: dict) -> None:
    """Answer with an error of a number."""
    say({"jsonrpc": "2.0", "id": id_, "error": {"code": params["arguments"]["number"], "message": "no"}})


TOOLS = {
    tool.__name__: tool
    for tool in (
        die,
        noisy,
        endless,
        progress,
        ask,
        twice,
        wrong,
        env,
        child,
        silent,
        deaf,
        flood,
        log,
        echo,
        later,
        release,
        fail,
    )
}

if __name__ == "__main__":
    main()
