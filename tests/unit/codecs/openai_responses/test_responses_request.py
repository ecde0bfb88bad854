"""Reading Responses requests: what is inert, hosted, refused or named, and which bytes go upstream."""

import json

import pytest

from firewall.codecs.openai_responses import read_request
from firewall.codecs.openai_responses.tables import CLIENT_TOOLS, HOSTED_TOOLS
from firewall.core.call import CallForm
from firewall.core.errors import ProtocolError


def read(value: dict, headers: dict | None = None) -> object:
    """Read a request from its JSON."""
    return read_request(json.dumps(value).encode(), value, headers or {}, "/v1/responses")


def ask(**fields: object) -> dict:
    """Return a request as Codex makes it, with further fields."""
    return {"model": "gpt-5.5", "input": [], "store": False, "stream": True, **fields}


def test_codex_request_passes_untouched() -> None:
    """What Codex sends passes byte for byte, with its web search brought to light."""
    value = ask(
        input=[
            {
                "type": "message",
                "role": "developer",
                "id": "msg_1",
                "content": [{"type": "input_text", "text": "x"}],
            },
            {"type": "reasoning", "id": "rs_1", "summary": [], "content": None, "encrypted_content": "gAAA"},
            {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "exec_command", "arguments": "{}"},
            {"type": "function_call_output", "id": "fco_1", "call_id": "c1", "output": "ok"},
        ],
        tools=[
            {"type": "function", "name": "exec_command", "parameters": {}},
            {"type": "custom", "name": "apply_patch", "format": {"type": "grammar"}},
            {"type": "tool_search", "execution": "client"},
            {"type": "web_search", "external_web_access": False},
        ],
        tool_choice="auto",
        parallel_tool_calls=True,
        reasoning={"effort": "medium"},
        include=["reasoning.encrypted_content"],
        prompt_cache_key="k",
        text={"verbosity": "low"},
        client_metadata={"x-codex-turn-metadata": "{}"},
    )
    body = json.dumps(value, indent=1).encode()
    got = read_request(body, value, {"session-id": "s-1", "thread-id": "t-1"}, "/v1/responses")
    assert (got.model, got.stream, got.session, got.references) == ("gpt-5.5", True, "s-1", ())
    assert got.body is body
    assert [(one.name, one.form) for one in got.hosted] == [("web_search", CallForm.HOSTED)]
    assert json.loads(got.hosted[0].arguments) == {"type": "web_search", "external_web_access": False}


def test_tools_inside_the_input_are_read_like_tools() -> None:
    """Codex with new models declares its tools in `input[0]`; a hosted one hidden there is found."""
    tools = [
        {"type": "namespace", "name": "functions", "tools": [{"type": "custom", "name": "exec"}]},
        {"type": "namespace", "name": "x", "tools": [{"type": "mcp", "server_label": "s", "server_url": "u"}]},
    ]
    for kind in ("additional_tools", "tool_search_output"):
        got = read(ask(input=[{"type": kind, "tools": tools}]))
        assert [one.name for one in got.hosted] == ["mcp"]


@pytest.mark.parametrize("name", sorted(HOSTED_TOOLS))
def test_hosted_tools_are_actions_of_the_request(name: str) -> None:
    """Every tool that the provider runs comes up as a hosted call with its declaration."""
    (call,) = read(ask(tools=[{"type": name, "x": 1}])).hosted
    assert (call.name, call.form, json.loads(call.arguments)) == (name, CallForm.HOSTED, {"type": name, "x": 1})


@pytest.mark.parametrize("name", sorted(CLIENT_TOOLS - {"namespace"}))
def test_client_tools_are_not_hosted(name: str) -> None:
    """Tools whose calls come back to the agent need no judgement with the request."""
    assert read(ask(tools=[{"type": name}])).hosted == ()


@pytest.mark.parametrize(
    ("tool", "hosted"),
    [
        ({"type": "shell", "environment": {"type": "local"}}, 0),
        ({"type": "shell", "environment": {"type": "container_auto"}}, 1),
        ({"type": "shell"}, 1),
        ({"type": "shell", "environment": {"type": "moon"}}, 1),
    ],
)
def test_a_shell_is_the_providers_unless_it_is_said_to_be_local(tool: dict, hosted: int) -> None:
    """Only a shell in the agent's own environment comes back to the agent."""
    assert len(read(ask(tools=[tool])).hosted) == hosted


def test_approving_a_remote_call_is_an_action() -> None:
    """An `mcp_approval_response` that approves makes the provider run a call, so it is judged."""
    item = {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True}
    assert [one.name for one in read(ask(input=[item])).hosted] == ["mcp_approval_response"]
    assert read(ask(input=[{**item, "approve": False}])).hosted == ()


@pytest.mark.parametrize(
    ("fields", "code", "named"),
    [
        ({"teleport": 1}, "option_unknown", "`teleport`"),
        ({"tools": [{"type": "teleport"}]}, "option_unknown", "`tools[0]`"),
        ({"tools": [{"name": "x"}]}, "option_unknown", "`tools[0]`"),
        ({"tools": [{"type": ["function"]}]}, "option_unknown", "`tools[0]`"),
        (
            {"tools": [{"type": "namespace", "name": "n", "tools": [{"type": "warp"}]}]},
            "option_unknown",
            "`tools[0].tools[0]`",
        ),
        ({"input": [{"type": "teleport"}]}, "option_unknown", "`input[0]`"),
        ({"input": [{"type": "additional_tools", "tools": [{"type": "warp"}]}]}, "option_unknown", "`warp`"),
        ({"input": [{}]}, "option_unknown", "`input[0]`"),
        ({"input": [{"type": 3}]}, "option_unknown", "`3`"),
        ({"background": True}, "option_refused", "`background`"),
        ({"conversation": "conv_1"}, "option_refused", "`conversation`"),
        ({"conversation": {"id": "conv_1"}}, "option_refused", "`conversation`"),
        ({"model": None}, "invalid_request", "`model`"),
        ({"stream": "yes"}, "invalid_request", "`stream`"),
        ({"input": 3}, "invalid_request", "`input`"),
        ({"input": ["x"]}, "invalid_request", "`input[0]`"),
        ({"tools": {}}, "invalid_request", "`tools`"),
        ({"tools": ["x"]}, "invalid_request", "`tools[0]`"),
        ({"prompt": "p"}, "invalid_request", "`prompt`"),
        ({"previous_response_id": 3}, "invalid_request", "`previous_response_id`"),
    ],
)
def test_what_is_not_known_is_refused_by_name(fields: dict, code: str, named: str) -> None:
    """An option, tool or item that no table holds is a 400 that names it."""
    with pytest.raises(ProtocolError) as caught:
        read(ask(**fields))
    assert (caught.value.code, caught.value.status, caught.value.side) == (code, 400, "client")
    assert named in caught.value.public


def test_namespaces_do_not_nest_without_end() -> None:
    """Tools nested deeper than anybody writes them are refused."""
    tool: dict = {"type": "function", "name": "f"}
    for _ in range(12):
        tool = {"type": "namespace", "name": "n", "tools": [tool]}
    with pytest.raises(ProtocolError):
        read(ask(tools=[tool]))


def test_false_and_null_of_refused_options_are_fine() -> None:
    """Clients that say `background: false` or `conversation: null` ask for nothing."""
    assert read(ask(background=False, conversation=None)).model == "gpt-5.5"


@pytest.mark.parametrize(
    ("body", "upstream"),
    [
        (b'{"model":"m","store":false}', b'{"model":"m","store":false}'),
        (b'{"model":"m"}', b'{"store":false,"model":"m"}'),
        (b' { "model" : "m" , "store" : true , "n" : 1.0 }', b' { "model" : "m" , "store" : false , "n" : 1.0 }'),
        (b'{"store":null,"model":"m"}', b'{"store":false,"model":"m"}'),
        (b'{"model":"m","\\u0073tore":true}', b'{"model":"m","\\u0073tore":false}'),
    ],
)
def test_store_goes_upstream_as_false(body: bytes, upstream: bytes) -> None:
    """Nothing is kept at the provider, and no other byte of the request changes."""
    value = {key: one for key, one in json.loads(body).items() if key != "n"}
    assert read_request(body, value, {}, "").body == upstream


def test_provider_side_ids_are_named() -> None:
    """Every id that makes the provider look something up is brought to light, once."""
    got = read(
        ask(
            previous_response_id="resp_1",
            prompt={"id": "pmpt_1"},
            prompt_cache_options={"comparison_response_id": "resp_2"},
            input=[
                {"type": "item_reference", "id": "rs_1"},
                {"id": "msg_1"},
                {"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]},
                {
                    "type": "function_call_output",
                    "call_id": "c",
                    "output": [{"type": "input_image", "file_id": "file_2"}],
                },
                {"type": "computer_call_output", "call_id": "c", "output": {"file_id": "file_3"}},
                {"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]},
            ],
            tools=[
                {"type": "file_search", "vector_store_ids": ["vs_1"]},
                {"type": "code_interpreter", "container": "cntr_1"},
                {"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file_4"]}},
                {"type": "image_generation", "input_image_mask": {"file_id": "file_5"}},
                {
                    "type": "shell",
                    "environment": {
                        "type": "container_reference",
                        "container_id": "cntr_2",
                        "skills": [{"type": "skill_reference", "skill_id": "skill_1"}],
                    },
                },
            ],
        )
    )
    assert got.references == (
        "resp_1", "pmpt_1", "resp_2", "vs_1", "cntr_1", "file_4", "file_5", "cntr_2", "skill_1", "rs_1", "msg_1",
        "file_1", "file_2", "file_3",
    )  # fmt: skip


def test_identity_ignores_the_transport() -> None:
    """The same question, streamed or not and with other telemetry, has the same identity; another has not."""
    one = read(ask(client_metadata={"t": 1}))
    other = read(
        {"model": "gpt-5.5", "input": [], "stream": False, "stream_options": {}, "client_metadata": {"t": 2}}
    )
    assert one.identity == other.identity
    assert one.identity != read(ask(input="x")).identity


@pytest.mark.parametrize(
    ("headers", "session"),
    [
        ({"session-id": "a", "thread-id": "b"}, "a"),
        ({"thread-id": "b"}, "b"),
        ({"x-session-affinity": "ses_1"}, "ses_1"),
        ({}, "key"),
    ],
)
def test_session_is_found(headers: dict, session: str) -> None:
    """Codex, opencode and clients that only set a cache key each name their session."""
    assert read(ask(prompt_cache_key="key"), headers).session == session


def test_limits_are_read() -> None:
    """The output limit is read for reservations; a text input is fine."""
    assert read(ask(input="x", max_output_tokens=5)).max_output_tokens == 5
    assert read(ask(input="x")).max_output_tokens is None
