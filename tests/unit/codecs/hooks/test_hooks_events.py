"""What each agent's hook says, as measured or documented (docs/hooks.md), read as one event."""

import json

import pytest

from firewall.codecs.hooks.agents import READERS
from firewall.codecs.hooks.event import EventKind, HookEvent
from firewall.codecs.hooks.judged import read as read_question
from firewall.codecs.hooks.shapes import AGENTS
from firewall.core.call import CallForm
from firewall.core.errors import ProtocolError

_CLAUDE = {
    "session_id": "ses",
    "transcript_path": "/home/u/t.jsonl",
    "cwd": "/work/app",
    "permission_mode": "default",
    "hook_event_name": "PreToolUse",
    "tool_name": "Bash",
    "tool_input": {"command": "ls -l", "description": "List"},
    "tool_use_id": "toolu_1",
}


def _read(agent: str, value: object) -> HookEvent:
    data = json.dumps(value).encode()
    return READERS[agent](data, json.loads(data))


def test_every_agent_that_is_answered_is_understood() -> None:
    """An agent that `stayhand hook` takes has a reader on the server, and the other way round."""
    assert set(READERS) == set(AGENTS)


def test_claude_codes_call_is_read() -> None:
    """Tool, arguments, session, folder and tool-use id are the event's own."""
    event = _read("claude-code", _CLAUDE)
    assert event.call is not None
    assert (event.kind, event.call.name, event.call.id) == (EventKind.CALL, "Bash", "toolu_1")
    assert (event.session, event.cwd, event.use_id) == ("ses", "/work/app", "toolu_1")
    assert json.loads(event.call.arguments) == _CLAUDE["tool_input"]


def test_arguments_are_the_very_bytes_of_the_event() -> None:
    """What is judged is what stood in the event, white space and escapes included."""
    data = b'{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input": {"command" : "l\\u0073 -l" } }'
    event = READERS["claude-code"](data, json.loads(data))
    assert event.call is not None
    assert event.call.arguments == b'{"command" : "l\\u0073 -l" }'


def test_codexs_patch_is_the_text_that_its_models_write() -> None:
    """A patch that comes as `command` is the free text that the models gate sees."""
    patch = "*** Begin Patch\n*** Add File: a.txt\n+a\n*** End Patch"
    event = _read(
        "codex", {**_CLAUDE, "turn_id": "t", "tool_name": "apply_patch", "tool_input": {"command": patch}}
    )
    assert event.call is not None
    assert (event.call.form, event.call.arguments) == (CallForm.TEXT, patch.encode())


def test_codexs_other_patches_stay_what_they_are() -> None:
    """A patch beside another field is not guessed at."""
    given = {"command": "x", "workdir": "/"}
    event = _read("codex", {**_CLAUDE, "tool_name": "apply_patch", "tool_input": given})
    assert event.call is not None
    assert json.loads(event.call.arguments) == given


def test_gemini_clis_call_is_read() -> None:
    """`BeforeTool` is the event that comes before a call."""
    event = _read(
        "gemini",
        {
            "session_id": "ses",
            "cwd": "/work/app",
            "hook_event_name": "BeforeTool",
            "tool_name": "run_shell_command",
            "tool_input": {"command": "ls"},
        },
    )
    assert event.call is not None
    assert (event.kind, event.call.name, event.session) == (EventKind.CALL, "run_shell_command", "ses")


@pytest.mark.parametrize(
    ("agent", "value", "name", "arguments"),
    [
        (
            "opencode",
            {"event": "tool.execute.before", "tool": "bash", "call": "c", "arguments": {"command": "ls"}},
            "bash",
            {"command": "ls"},
        ),
        ("cursor", {"hook_event_name": "beforeShellExecution", "command": "ls"}, "Bash", {"command": "ls"}),
        (
            "cursor",
            {"hook_event_name": "beforeMCPExecution", "tool_name": "drop", "tool_input": '{"db": "x"}'},
            "mcp__cursor__drop",
            {"db": "x"},
        ),
        (
            "cursor",
            {"hook_event_name": "preToolUse", "tool_name": "MCP:drop", "tool_input": {"db": "x"}},
            "mcp__cursor__drop",
            {"db": "x"},
        ),
        (
            "cursor",
            {
                "hook_event_name": "beforeMCPExecution",
                "tool_name": "MCP:drop",
                "tool_input": "{}",
                "url": "http://127.0.0.1:8787/mcp/db",
            },
            "mcp__db__drop",
            {},
        ),
        (
            "cursor",
            {
                "hook_event_name": "beforeMCPExecution",
                "tool_name": "db__drop",
                "tool_input": "{}",
                "url": "http://127.0.0.1:8787/mcp",
            },
            "mcp__db__drop",
            {},
        ),
        (
            "cursor",
            {"hook_event_name": "beforeMCPExecution", "tool_name": "drop", "tool_input": "{}", "server": "my_db"},
            "mcp__my_db__drop",
            {},
        ),
        (
            "cursor",
            {
                "hook_event_name": "beforeMCPExecution",
                "tool_name": "drop",
                "tool_input": "{}",
                "server": "a__b",
                "url": "https://x.example/mcp/db/more",
            },
            "mcp__cursor__drop",
            {},
        ),
        (
            "cursor",
            {
                "hook_event_name": "preToolUse",
                "tool_name": "Shell",
                "tool_input": {"command": "ls", "working_directory": "/w"},
            },
            "Bash",
            {"command": "ls", "cwd": "/w"},
        ),
        (
            "cursor",
            {"hook_event_name": "beforeReadFile", "file_path": "/a", "content": "x"},
            "Read",
            {"file_path": "/a"},
        ),
        ("copilot", {"toolName": "bash", "toolArgs": '{"command": "ls"}'}, "bash", {"command": "ls"}),
        ("copilot", {"toolName": "bash", "toolArgs": {"command": "ls"}}, "bash", {"command": "ls"}),
        (
            "qwen",
            {"hook_event_name": "PreToolUse", "tool_name": "run_shell_command", "tool_input": {"command": "ls"}},
            "run_shell_command",
            {"command": "ls"},
        ),
        (
            "cline",
            {
                "hookName": "PreToolUse",
                "preToolUse": {
                    "toolName": "execute_command",
                    "parameters": {"command": "ls", "requires_approval": "false"},
                },
            },
            "execute_command",
            {"command": "ls", "requires_approval": "false"},
        ),
        (
            "cline",
            {
                "hookName": "PreToolUse",
                "preToolUse": {"toolName": "execute_command", "parameters": {"command": "ls", "sudo": "true"}},
            },
            "execute_command",
            {"command": "ls", "sudo": "true"},
        ),
        (
            "cline",
            {
                "hookName": "PreToolUse",
                "preToolUse": {
                    "toolName": "use_mcp_tool",
                    "parameters": {"server_name": "db", "tool_name": "drop", "arguments": '{"t": 1}'},
                },
            },
            "mcp__db__drop",
            {"t": 1},
        ),
    ],
)
def test_other_agents_calls_are_read(agent: str, value: object, name: str, arguments: object) -> None:
    """By the names under which tools are known here, and with nothing guessed away."""
    event = _read(agent, value)
    assert event.kind is EventKind.CALL
    assert event.call is not None
    assert (event.call.name, json.loads(event.call.arguments)) == (name, arguments)


@pytest.mark.parametrize(
    ("agent", "value"),
    [
        ("opencode", {"event": "session.start"}),
        ("cursor", {"hook_event_name": "sessionStart"}),
        ("copilot", {"source": "new", "cwd": "/w"}),
        ("qwen", {"hook_event_name": "TodoCreated"}),
        ("cline", {"hookName": "TaskStart", "workspaceRoots": ["/w"]}),
    ],
)
def test_other_agents_heartbeats_are_read(agent: str, value: object) -> None:
    """The start of a session asks nothing."""
    assert _read(agent, value).kind is EventKind.BEAT


@pytest.mark.parametrize(
    ("agent", "name", "kind"),
    [
        ("claude-code", "SessionStart", EventKind.BEAT),
        ("claude-code", "PostToolUse", EventKind.DONE),
        ("codex", "SessionStart", EventKind.BEAT),
        ("codex", "PostToolUse", EventKind.DONE),
        ("gemini", "SessionStart", EventKind.BEAT),
        ("gemini", "AfterTool", EventKind.DONE),
    ],
)
def test_other_events_ask_nothing(agent: str, name: str, kind: EventKind) -> None:
    """What is no call that is about to run is noted."""
    event = _read(agent, {"hook_event_name": name, "session_id": "ses"})
    assert (event.kind, event.call, event.session) == (kind, None, "ses")


@pytest.mark.parametrize("agent", sorted(READERS))
@pytest.mark.parametrize(
    "value",
    [
        {},
        {"hook_event_name": "SomethingNew", "tool_name": "Bash"},
        {"hook_event_name": 1},
        {"hook_event_name": "PreToolUse", "tool_name": ""},
        {"hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_input": [1]},
        {"hook_event_name": "BeforeTool", "tool_name": None},
        {"hook_event_name": "BeforeTool", "tool_name": "x", "tool_input": 7},
        {"hook_event_name": "SessionStart", "session_id": ["a"]},
        {"hook_event_name": "SessionStart", "session_id": "a" * 5000},
    ],
)
def test_what_is_not_understood_is_refused(agent: str, value: dict[str, object]) -> None:
    """An unknown event, a missing name or arguments that are no object are an error and never a guess."""
    with pytest.raises(ProtocolError):
        _read(agent, value)


def test_a_folder_that_is_no_path_says_nothing() -> None:
    """A relative working directory claims nothing."""
    assert _read("claude-code", {**_CLAUDE, "cwd": "app"}).cwd == ""


def test_a_question_is_read() -> None:
    """`/v1/judge` takes the call, and what is claimed about it."""
    data = (
        b'{"tool": "Bash", "arguments": {"command": "ls"}, "environment": "staging", "session": "s", "id": "c1"}'
    )
    asked = read_question(data, json.loads(data))
    assert (asked.call.name, asked.call.arguments, asked.call.id) == ("Bash", b'{"command": "ls"}', "c1")
    assert (asked.environment, asked.session, asked.cwd) == ("staging", "s", "")


def test_a_questions_text_is_a_freeform_call() -> None:
    """Arguments that are a text are the text of a tool that takes one."""
    asked = read_question(b"", {"tool": "apply_patch", "arguments": "*** Begin Patch"})
    assert (asked.call.form, asked.call.arguments) == (CallForm.TEXT, b"*** Begin Patch")


@pytest.mark.parametrize(
    "value", [{"arguments": {}}, {"tool": "Bash", "read_only": True}, {"tool": "x", "arguments": 1}]
)
def test_a_question_that_is_not_understood_is_refused(value: dict[str, object]) -> None:
    """A field that is not known could mean something: it is refused by name."""
    with pytest.raises(ProtocolError):
        read_question(json.dumps(value).encode(), value)
