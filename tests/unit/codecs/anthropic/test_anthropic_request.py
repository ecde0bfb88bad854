"""Reading requests of the Messages API."""

from collections.abc import Mapping

import orjson
import pytest

from firewall.codecs import anthropic
from firewall.codecs.interface import ModelRequest
from firewall.core.call import CallForm
from firewall.core.errors import ProtocolError

_SESSION = "695415fc-4aa9-4f3f-b4b4-778823595ec7"


def _read(extra: Mapping[str, object], headers: Mapping[str, str] | None = None) -> ModelRequest:
    value = {"model": "claude-sonnet-5", "max_tokens": 10, "messages": [], **extra}
    return anthropic.read_request(orjson.dumps(value), value, headers or {}, "/v1/messages")


def test_a_request_as_claude_code_sends_it_passes() -> None:
    """Every option of Claude Code 2.1.329 is known, and its bytes go upstream unchanged."""
    value = {
        "model": "claude-opus-5-5",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hi"}]},
            {"role": "system", "content": "be brief", "output_config": {"effort": "low"}},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "", "signature": "s"},
                    {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "ls"}},
                ],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "t", "content": "", "is_error": False}],
            },
        ],
        "system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}],
        "tools": [
            {"name": "Bash", "description": "run", "input_schema": {"type": "object"}, "defer_loading": True}
        ],
        "metadata": {"user_id": orjson.dumps({"device_id": "0", "session_id": _SESSION}).decode()},
        "max_tokens": 128000,
        "thinking": {"type": "adaptive", "display": "updates"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "medium"},
        "stream": True,
    }
    body = orjson.dumps(value, option=orjson.OPT_INDENT_2)
    request = anthropic.read_request(body, value, {}, "/v1/messages")
    assert request.body is body
    assert (request.stream, request.hosted, request.references) == (True, (), ())
    assert (request.session, request.max_output_tokens) == (_SESSION, 128000)
    assert "stream" not in request.identity


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ({"api_base": "http://evil"}, "api_base"),
        ({"extra_body": {}}, "extra_body"),
        ({"tools": [{"type": "quantum_20260101", "name": "q"}]}, "quantum_20260101"),
        ({"tools": [{"type": "web_search_latest", "name": "q"}]}, "web_search_latest"),
        ({"tools": [{"type": 5}]}, "5"),
        ({"messages": [{"role": "user", "content": [{"type": "declare"}]}]}, "declare"),
        ({"messages": [{"role": "user", "content": [{"type": ["text"]}]}]}, "messages.0.content.0"),
    ],
)
def test_what_no_table_knows_is_refused_by_name(extra: dict[str, object], named: str) -> None:
    """An unknown option, tool type or content block never goes upstream."""
    with pytest.raises(ProtocolError, match=f"`{named}`") as caught:
        _read(extra)
    assert (caught.value.code, caught.value.status) == ("option_unknown", 400)


@pytest.mark.parametrize(
    "extra", [{"thread": {"type": "create"}}, {"fallbacks": "default"}, {"billing_policy": {}}]
)
def test_options_that_leave_our_sight_are_refused(extra: dict[str, object]) -> None:
    """The provider may not keep the conversation, answer from another model or bill somebody else."""
    with pytest.raises(ProtocolError) as caught:
        _read(extra)
    assert caught.value.code == "option_refused"
    assert _read(dict.fromkeys(extra)).hosted == ()


@pytest.mark.parametrize(
    "extra", [{"model": ""}, {"stream": "yes"}, {"tools": {}}, {"messages": [1]}, {"tools": [1]}]
)
def test_fields_of_a_wrong_type_are_refused(extra: dict[str, object]) -> None:
    """A field that we read must have the type that the API gives it."""
    with pytest.raises(ProtocolError) as caught:
        _read(extra)
    assert caught.value.status == 400


def test_tools_that_the_provider_runs_are_brought_to_light() -> None:
    """Hosted tools, remote MCP servers and tools defined in messages become calls with their exact bytes."""
    search = {"type": "web_search_20260318", "name": "web_search"}
    code = {"type": "code_execution_20260521", "name": "code_execution"}
    server = {"type": "url", "name": "x", "url": "https://mcp.example.com"}
    addition = {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": code}}
    request = _read(
        {
            "tools": [{"name": "Bash", "input_schema": {}}, search, {"type": "bash_20250124", "name": "bash"}],
            "mcp_servers": [server],
            "messages": [{"role": "user", "content": [addition]}],
        }
    )
    assert [(call.name, orjson.loads(call.arguments), call.form) for call in request.hosted] == [
        ("web_search_20260318", search, CallForm.HOSTED),
        ("mcp_servers", server, CallForm.HOSTED),
        ("code_execution_20260521", code, CallForm.HOSTED),
    ]


@pytest.mark.parametrize(
    "type_",
    [
        "custom", "bash_20250124", "text_editor_20250728", "computer_20251124", "computer_toolset_20260801",
        "browser_toolset_20260801", "memory_20250818",
    ],
)  # fmt: skip
def test_tools_that_the_agent_runs_are_inert(type_: str) -> None:
    """Declaring a tool whose calls come back to the agent is no action."""
    assert _read({"tools": [{"type": type_, "name": "x"}]}).hosted == ()


def test_ids_at_the_provider_are_named() -> None:
    """Containers, files, skills and earlier messages are found, but not what a call was once asked with."""
    source = {"type": "document", "source": {"type": "file", "file_id": "file_1"}}
    old = {"type": "tool_use", "id": "t", "name": "x", "input": {"file_id": "file_no"}}
    request = _read(
        {
            "container": {"id": "cntr_1", "skills": [{"type": "custom", "skill_id": "skill_1"}]},
            "diagnostics": {"previous_message_id": "msg_1"},
            "messages": [{"role": "user", "content": [source, old]}],
        }
    )
    assert request.references == ("cntr_1", "skill_1", "msg_1", "file_1")
    assert _read({"container": "cntr_2"}).references == ("cntr_2",)


@pytest.mark.parametrize(
    ("headers", "user", "session"),
    [
        ({"x-claude-code-session-id": "s1"}, "", "s1"),
        ({}, "user_1_account_2_session_s2", "s2"),
        ({}, '{"session_id":"s3"}', "s3"),
        ({}, "[", ""),
        ({}, "[1]", ""),
    ],
)
def test_the_session_is_found(headers: dict[str, str], user: str, session: str) -> None:
    """The session comes from the client's header, else from its metadata."""
    assert _read({"metadata": {"user_id": user}}, headers).session == session
