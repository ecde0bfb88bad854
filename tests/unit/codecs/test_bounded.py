"""What one request or answer may cost: work grows with its size, never with its size times its calls."""

import orjson
import pytest

from firewall.codecs import anthropic, gemini, json_span, openai_chat, openai_responses
from firewall.codecs.interface import MAX_HOSTED, Codec, Refused, Ruling
from firewall.core.errors import ProtocolError

_CALLS = 60
_ARGUMENTS = '{"command":"ls"}'
_ANSWERS: list[tuple[Codec, object]] = [
    (anthropic, {"id": "m", "type": "message", "content": [
        {"type": "tool_use", "id": f"t{place}", "name": "Bash", "input": {"command": "ls"}}
        for place in range(_CALLS)
    ]}),
    (openai_chat, {"id": "x", "choices": [
        {"index": place, "message": {"tool_calls": [
            {"id": f"c{place}", "type": "function", "function": {"name": "bash", "arguments": _ARGUMENTS}},
        ]}} for place in range(_CALLS)
    ]}),
    (openai_responses, {"id": "r", "output": [
        {"type": "function_call", "call_id": f"c{place}", "name": "shell", "arguments": _ARGUMENTS}
        for place in range(_CALLS)
    ]}),
    (gemini, {"candidates": [{"content": {"parts": [
        {"functionCall": {"name": "run_shell_command", "args": {"command": "ls"}}} for _ in range(_CALLS)
    ]}}]}),
]  # fmt: skip
_HOSTED = [
    (anthropic, "/v1/messages", "tools", {"type": "web_search_20250305", "name": "w"}),
    (anthropic, "/v1/messages", "mcp_servers", {"type": "url", "url": "https://example.org", "name": "w"}),
    (openai_chat, "/v1/chat/completions", "tools", {"type": "web_search"}),
    (openai_responses, "/v1/responses", "tools", {"type": "web_search"}),
    (gemini, "/v1beta/models/m:generateContent", "tools", {"googleSearch": {}}),
]


@pytest.fixture
def walks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count how often a list is walked from its beginning."""
    walked: list[int] = []
    walk = json_span.elements

    def counted(data: bytes, start: int = 0) -> object:
        walked.append(start)
        return walk(data, start)

    monkeypatch.setattr(json_span, "elements", counted)
    return walked


@pytest.mark.parametrize(("codec", "answer"), _ANSWERS, ids=["anthropic", "chat", "responses", "gemini"])
def test_an_answer_is_walked_a_few_times_however_many_calls_it_holds(
    codec: Codec, answer: object, walks: list[int]
) -> None:
    """A provider cannot hold up everybody with many calls: no list is walked anew for each of them."""
    body = orjson.dumps(answer)
    calls = codec.read_answer(body).calls
    assert len(calls) == _CALLS
    assert {orjson.loads(one.call.arguments)["command"] for one in calls} == {"ls"}
    rulings: dict[int, Ruling] = {one.slot: Refused("no") for one in calls}
    codec.stream_of(codec.rule_answer(body, rulings))
    codec.stream_of(body)
    assert len(walks) < _CALLS / 2


@pytest.mark.parametrize(("codec", "path", "member", "tool"), _HOSTED)
def test_one_request_declares_a_bounded_number_of_hosted_tools(
    codec: Codec, path: str, member: str, tool: object, walks: list[int]
) -> None:
    """Each hosted tool is judged and recorded, so that one request with thousands would write the log full."""

    def request(count: int) -> dict[str, object]:
        return {"model": "m", member: [tool] * count} if codec is not gemini else {member: [tool] * count}

    most = request(MAX_HOSTED)
    read = codec.read_request(orjson.dumps(most), most, {}, path)
    assert len(read.hosted) == MAX_HOSTED
    assert orjson.loads(read.hosted[-1].arguments) == (tool if codec is not gemini else {})
    assert not walks
    more = request(MAX_HOSTED + 1)
    with pytest.raises(ProtocolError) as caught:
        codec.read_request(orjson.dumps(more), more, {}, path)
    assert (caught.value.code, caught.value.status) == ("too_many_tools", 400)
