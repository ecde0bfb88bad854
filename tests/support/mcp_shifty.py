"""A program that serves MCP as a file says, so that what it says can change: `python mcp_shifty.py FILE`.

The file is JSON: `tools` (definitions), `words` (instructions), `prompt` (text of every prompt).
"""

import json
import sys
from pathlib import Path


def answer(method: str, said: dict[str, object]) -> dict[str, object]:
    """Return the result of a request."""
    if method == "initialize":
        return {
            "protocolVersion": "2025-11-25",
            "capabilities": {"tools": {}, "prompts": {}},
            "serverInfo": {"name": "shifty", "version": "1"},
            "instructions": said["words"],
        }
    if method == "tools/list":
        return {"tools": said["tools"]}
    if method == "tools/call":
        return {"content": [{"type": "text", "text": "called"}]}
    return {"messages": [{"role": "user", "content": {"type": "text", "text": said["prompt"]}}]}


def main() -> None:
    """Serve until the input ends."""
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message:
            continue
        said = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
        result = answer(message["method"], said)
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
