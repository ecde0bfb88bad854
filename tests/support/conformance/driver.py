"""The client that the conformance suite starts, one process for each scenario: `driver.py PORT ADDRESS`.

It tells who waits at PORT where the scenario's server is, and ends as it is told there. Standard library alone.
"""

import json
import os
import socket
import sys

LIMIT_S = 270


def main() -> int:
    """Return the exit code."""
    said = {
        "scenario": os.environ["MCP_CONFORMANCE_SCENARIO"],
        "address": sys.argv[2],
        "context": json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}"),
    }
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=LIMIT_S) as line:
        line.sendall(json.dumps(said).encode() + b"\n")
        with line.makefile("r", encoding="utf-8") as answer:
            words = answer.read()
    sys.stderr.write(words)
    return 0 if words == "done" else 1


if __name__ == "__main__":
    raise SystemExit(main())
