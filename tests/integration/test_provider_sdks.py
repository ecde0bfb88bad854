"""The official SDKs read the scripted provider's answers, and read the same from a stream as from a whole one."""

from collections.abc import Iterator

import anthropic
import httpx
import openai
import pytest
from google import genai
from google.genai import types

from firewall.demo.provider import app
from firewall.demo.script import Fault, FaultKind, FaultPlace, Shell, Turn, turns
from firewall.demo.serving import served

KEY = "sk-dummy-provider-key"
SCRIPT = turns(Turn(text="Two things.", thinking="Both are safe.", calls=(Shell("echo ü 'x'"), Shell("pwd"))))
SCHEMA: dict[str, object] = {"type": "object", "properties": {"command": {"type": "string"}}}


@pytest.fixture
def url() -> Iterator[str]:
    with served(app(SCRIPT, key=KEY, records=True)) as address:
        yield address


def test_anthropic_reads_a_stream_as_the_whole(url: str) -> None:
    """Thinking, signature, text and both calls come out of the stream as from the whole message."""
    with anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0) as client:
        whole = client.messages.create(
            model="claude-sonnet-5",
            max_tokens=4000,
            messages=[{"role": "user", "content": "go"}],
            tools=[{"name": "Bash", "input_schema": SCHEMA}],
            thinking={"type": "enabled", "budget_tokens": 2000},
        )
        with client.messages.stream(
            model="claude-sonnet-5",
            max_tokens=4000,
            messages=[{"role": "user", "content": "go"}],
            tools=[{"name": "Bash", "input_schema": SCHEMA}],
            thinking={"type": "enabled", "budget_tokens": 2000},
        ) as stream:
            streamed = stream.get_final_message()
    assert [block.type for block in whole.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert [block.to_dict() for block in streamed.content] == [block.to_dict() for block in whole.content]
    assert streamed.stop_reason == whole.stop_reason == "tool_use"
    assert streamed.usage.output_tokens == whole.usage.output_tokens


def test_openai_chat_reads_a_stream_as_the_whole(url: str) -> None:
    """Interleaved pieces of two calls come out as from the whole message, with usage."""
    tools: list[openai.types.chat.ChatCompletionToolUnionParam] = [
        {"type": "function", "function": {"name": "bash", "parameters": SCHEMA}}
    ]
    with openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
        whole = client.chat.completions.create(
            model="gpt-5.5", messages=[{"role": "user", "content": "go"}], tools=tools
        )
        with client.chat.completions.stream(
            model="gpt-5.5",
            messages=[{"role": "user", "content": "go"}],
            tools=tools,
            stream_options={"include_usage": True},
        ) as stream:
            streamed = stream.get_final_completion()
    first, second = whole.choices[0], streamed.choices[0]
    assert first.finish_reason == second.finish_reason == "tool_calls"
    assert first.message.content == second.message.content == "Two things."
    assert _chat_calls(first.message) == _chat_calls(second.message)
    assert len(_chat_calls(first.message)) == 2
    assert streamed.usage is not None
    assert whole.usage is not None
    assert streamed.usage.completion_tokens == whole.usage.completion_tokens


def _chat_calls(message: openai.types.chat.ChatCompletionMessage) -> list[tuple[str, str, str]]:
    return [
        (call.id, call.function.name, call.function.arguments)
        for call in message.tool_calls or []
        if call.type == "function"
    ]


def test_openai_responses_reads_a_stream_as_the_whole(url: str) -> None:
    """What `response.completed` repeats is what the events told, item by item."""
    with openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
        events = list(
            client.responses.create(
                model="gpt-5.5",
                input="go",
                include=["reasoning.encrypted_content"],
                tools=[{"type": "function", "name": "shell", "parameters": SCHEMA, "strict": False}],
                stream=True,
            )
        )
        whole = client.responses.create(
            model="gpt-5.5",
            input="go",
            include=["reasoning.encrypted_content"],
            tools=[{"type": "function", "name": "shell", "parameters": SCHEMA, "strict": False}],
        )
    assert [event.sequence_number for event in events] == list(range(len(events)))
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.to_dict() == whole.to_dict()
    done = [event.item.to_dict() for event in events if event.type == "response.output_item.done"]
    assert done == [item.to_dict() for item in whole.output]
    pieces = "".join(event.delta for event in events if event.type == "response.function_call_arguments.delta")
    assert pieces == "".join(item.arguments for item in whole.output if item.type == "function_call")


def test_google_genai_reads_a_stream_as_the_whole(url: str) -> None:
    """Text and signed calls of the chunks are those of the whole answer."""
    options = types.HttpOptions(base_url=url)
    declared = types.FunctionDeclaration(name="run_shell_command", parameters_json_schema=SCHEMA)
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[declared])],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        thinking_config=types.ThinkingConfig(include_thoughts=True),
    )
    with genai.Client(api_key=KEY, http_options=options) as client:
        whole = client.models.generate_content(model="gemini-3.1-pro-preview", contents="go", config=config)
        chunks = list(
            client.models.generate_content_stream(model="gemini-3.1-pro-preview", contents="go", config=config)
        )
    parts = [part for chunk in chunks for part in _parts(chunk)]
    assert [part for part in parts if part.function_call] == [part for part in _parts(whole) if part.function_call]
    for found in (parts, _parts(whole)):
        assert "".join(part.text or "" for part in found if not part.thought) == "Two things."
        assert "".join(part.text or "" for part in found if part.thought) == "Both are safe."


def test_google_genai_sends_a_history_that_is_accepted() -> None:
    """The SDK writes signatures url-safe and some fields in snake case; the rules hold all the same."""
    script = turns(Turn(text="Look.", calls=(Shell("ls"),)), Turn(text="Done."))
    declared = types.FunctionDeclaration(name="run_shell_command", parameters_json_schema=SCHEMA)
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[declared])],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    with (
        served(app(script)) as url,
        genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=url)) as client,
    ):
        chat = client.chats.create(model="gemini-3.1-pro-preview", config=config)
        said = [_call_and_answer(chat, f"go {turn}") for turn in range(3)]
    assert said == ["Done.", "Done.", "Done."]


def _call_and_answer(chat: genai.chats.Chat, prompt: str) -> str | None:
    asked = chat.send_message(prompt)
    call = next(part.function_call for part in _parts(asked) if part.function_call)
    result = types.FunctionResponse(id=call.id, name=call.name, response={"output": "ok"})
    return chat.send_message(types.Part(function_response=result)).text


def _parts(answer: types.GenerateContentResponse) -> list[types.Part]:
    candidates = answer.candidates or []
    return list((candidates[0].content and candidates[0].content.parts) or []) if candidates else []


def test_a_cut_connection_is_felt_by_the_client() -> None:
    """A cut is a broken transfer, not a tidy end."""
    script = turns(Turn(text="Hello.", fault=Fault(FaultKind.CUT, at=FaultPlace.TEXT)))
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "go"}]}
    with served(app(script)) as url, pytest.raises(httpx.RemoteProtocolError):
        httpx.post(f"{url}/v1/chat/completions", json=body, trust_env=False)


def test_a_client_that_leaves_is_noted() -> None:
    """A stall that the client does not sit out is told as such, so that cancelling upstream can be tested."""
    script = turns(Turn(text="Hello.", fault=Fault(FaultKind.STALL, at=FaultPlace.TEXT, seconds=600)))
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "go"}]}
    with served(app(script, records=True)) as url, httpx.Client(trust_env=False) as client:
        with client.stream("POST", f"{url}/v1/chat/completions", json=body) as answer:
            arriving = answer.iter_text()
            assert "data:" in next(arriving)
            assert client.get(f"{url}/_seen").json()[0]["ended"] == "open"
        ended = ""
        for _ in range(1000):
            ended = client.get(f"{url}/_seen").json()[0]["ended"]
            if ended != "open":
                break
    assert ended == "left"
