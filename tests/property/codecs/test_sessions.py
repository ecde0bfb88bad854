"""A session that is answered by one provider and another, in any order, is never stuck.

Strict scripted providers of all four dialects, each with a seal of its own on thoughts, calls and reasoning: what
is not theirs, or is theirs and was changed, they refuse. The client keeps and sends back whatever it was given.
"""

import json
from dataclasses import replace
from itertools import product
from types import ModuleType
from typing import Any

import pytest

from firewall.codecs.neutral.returning import without_foreign_thinking
from firewall.codecs.neutral.translate import StreamTranslation, translate_request
from firewall.core.dialect import Dialect
from firewall.demo.dialects import anthropic, gemini, openai_chat, openai_responses
from firewall.demo.plan import plan
from firewall.demo.script import Script, Shell, Turn, turns
from firewall.demo.seal import Seal
from tests.support.translated import CODECS, MODELS

Json = dict[str, Any]

SPEAKERS: dict[Dialect, ModuleType] = {
    Dialect.ANTHROPIC: anthropic,
    Dialect.OPENAI_CHAT: openai_chat,
    Dialect.OPENAI_RESPONSES: openai_responses,
    Dialect.GEMINI: gemini,
}
LONG = "mcp__a_server_with_a_long_name__and_a_tool_whose_name_is_too_long_for_some"
PARAMETERS = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
STEPS = 3
"""There, elsewhere, and back: every order of so many providers."""
TURN = Turn(text="Let me see.", thinking="Both are safe.", calls=(Shell("ls"), Shell("pwd")))


def script_of(provider: Dialect) -> Script:
    """Return what a provider plays; its seed makes its seals its own."""
    return replace(turns(*[TURN] * (STEPS + 1), Turn(text="Fin")), seed=provider.value)


def request(client: Dialect, history: list[Json]) -> Json:
    """Return the next request of a client."""
    tool = {"name": "Bash", "parameters": PARAMETERS}
    match client:
        case Dialect.ANTHROPIC:
            tools: list[Json] = [{"name": name, "input_schema": PARAMETERS} for name in ("Bash", LONG)]
            limits: Json = {"max_tokens": 4000, "thinking": {"type": "adaptive"}}
            return {"model": "m", "messages": history, "stream": True, "tools": tools, **limits}
        case Dialect.OPENAI_CHAT:
            tools = [{"type": "function", "function": tool}]
            return {"model": "m", "messages": history, "stream": True, "tools": tools, "reasoning_effort": "high"}
        case Dialect.OPENAI_RESPONSES:
            thinks: Json = {
                "stream": True,
                "reasoning": {"effort": "high"},
                "include": ["reasoning.encrypted_content"],
            }
            return {
                "model": "m",
                "input": history,
                "tools": [{"type": "function", **tool}],
                "store": False,
                **thinks,
            }
        case Dialect.GEMINI:
            config = {"thinkingConfig": {"includeThoughts": True}}
            return {"contents": history, "tools": [{"functionDeclarations": [tool]}], "generationConfig": config}


def taken(client: Dialect, answer: Json) -> tuple[int, list[Json]]:
    """Return how many calls an answer holds, and what the client adds to its history: answer and results."""
    match client:
        case Dialect.ANTHROPIC:
            said = answer["content"]
            calls = [block["id"] for block in said if block["type"] == "tool_use"]
            results = [{"type": "tool_result", "tool_use_id": one, "content": "ok"} for one in calls]
            added = [{"role": "assistant", "content": said}, {"role": "user", "content": results}]
        case Dialect.OPENAI_CHAT:
            said = answer["choices"][0]["message"]
            calls = [call["id"] for call in said["tool_calls"]]
            added = [said, *({"role": "tool", "tool_call_id": one, "content": "ok"} for one in calls)]
        case Dialect.OPENAI_RESPONSES:
            said = answer["output"]
            calls = [item["call_id"] for item in said if item["type"] == "function_call"]
            added = [*said, *({"type": "function_call_output", "call_id": one, "output": "ok"} for one in calls)]
        case Dialect.GEMINI:
            said = answer["candidates"][0]["content"]
            calls = [part["functionCall"] for part in said["parts"] if "functionCall" in part]
            named = [{key: one for key, one in call.items() if key in ("id", "name")} for call in calls]
            results = [{"functionResponse": {**one, "response": {"output": "ok"}}} for one in named]
            added = [said, {"role": "user", "parts": results}]
    return len(calls), added


PATH = "/v1beta/models/{model}:streamGenerateContent"


def ask(value: Json, client: Dialect, provider: Dialect) -> Json:
    """Return the answer that a client gets of a provider; one that finds fault with the history raises."""
    path = PATH.format(model="m") if client is Dialect.GEMINI else "/"
    if client is provider:
        body = without_foreign_thinking(json.dumps(value).encode())
        return CODECS[client].answer_of(_played(json.loads(body), path, provider))
    sent = translate_request(
        value, source=client, target=provider, model=MODELS[provider], path=path, provider=provider.value
    )
    translation = StreamTranslation(sent.asked)
    raw = translation.feed(_played(json.loads(sent.body), sent.path, provider)) + translation.close()
    assert translation.failure is None
    return CODECS[client].answer_of(raw)


def _played(value: Json, path: str, provider: Dialect) -> bytes:
    speaker, script = SPEAKERS[provider], script_of(provider)
    conversation = speaker.read(value, path, seal=Seal.of(script.seed))
    return b"".join(frame.data for frame in speaker.frames(plan(script, conversation)))


@pytest.mark.parametrize("client", Dialect)
def test_a_session_survives_every_order_of_providers(client: Dialect) -> None:
    """Each answer is taken, whoever gave those before it; calls and results match in every history."""
    spoken = {"parts": [{"text": "go"}]} if client is Dialect.GEMINI else {"content": "go"}
    for order in product(Dialect, repeat=STEPS):
        history: list[Json] = [{"role": "user", **spoken}]
        for provider in order:
            answer = json.loads(ask(request(client, history), client, provider))
            calls, added = taken(client, answer)
            assert calls == 2, order
            history += added
