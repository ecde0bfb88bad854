"""The requests that are measured with: as agents send them, one small, one with a long history and many tools."""

import json
from pathlib import Path

Body = dict[str, object]


def _tool(name: str, words: int) -> Body:
    properties = {
        member: {"type": "string", "description": f"The {member} to use for the operation, as an absolute value."}
        for member in ("path", "command", "content", "mode", "reason")
    }
    about = f"The tool {name}. " + "Runs an operation on the workspace. " * words
    schema = {"type": "object", "properties": properties, "required": ["path"], "additionalProperties": False}
    return {"type": "function", "function": {"name": name, "description": about, "parameters": schema}}


def small() -> Body:
    """Return a first question: about 2 KB."""
    return {
        "model": "bench",
        "temperature": 0.2,
        "max_tokens": 512,
        "messages": [
            {"role": "system", "content": "You are a coding agent. " * 20},
            {"role": "user", "content": "Please refactor the module and run the tests. " * 14},
        ],
        "tools": [_tool("bash", 1)],
    }


def large() -> Body:
    """Return a question late in a session: 40 messages and 20 tools, about 57 KB."""
    messages: list[Body] = [{"role": "system", "content": "You are a coding agent. " * 60}]
    for step in range(13):
        asked = f"Step {step}: " + "look at the file and explain what it does, then fix it. " * 12
        arguments = json.dumps({"path": f"/srv/app/src/module_{step}.py", "command": "cat " + "x" * 300})
        call = {"id": f"call_{step}", "type": "function", "function": {"name": "tool_3", "arguments": arguments}}
        messages += [
            {"role": "user", "content": asked},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"call_{step}", "content": "def f(a, b):\n    return a + b\n" * 50},
        ]
    tools = [_tool(f"tool_{number}", 6) for number in range(20)]
    return {"model": "bench", "max_tokens": 4096, "messages": messages, "tools": tools, "tool_choice": "auto"}


_QUERY = """
query Volume($id: String!) {
  project(id: $id) { id name environments { edges { node { id name } } } services { edges { node { id name } } } }
}
"""


def written(folder: Path) -> dict[str, Path]:
    """Write the bodies as clients do, compactly; returns their files by name."""
    bodies = {
        "2 KB": small(),
        "57 KB": large(),
        "stream": {**small(), "stream": True},
        "issue": {"title": "A flaky test", "body": "It fails once a week. " * 40, "labels": ["bug"]},
        "graphql": {"query": _QUERY, "variables": {"id": "3d2c42fb"}},
    }
    files = {}
    for name, body in bodies.items():
        files[name] = folder / f"{name.replace(' ', '-')}.json"
        files[name].write_text(json.dumps(body, separators=(",", ":"), ensure_ascii=False))
    return files
