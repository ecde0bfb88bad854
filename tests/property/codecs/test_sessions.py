"""A session that is answered by one provider and another, in any order, is never stuck.

Strict scripted providers of all four dialects, each with a seal of its own on thoughts, calls and reasoning: what is
not theirs, or is theirs and was changed, they refuse. The client keeps and sends back whatever it was given.
"""

import json
from dataclasses import dataclass, field, replace
from itertools import product
from types import ModuleType
from typing import Protocol

import pytest

from firewall.codecs.neutral.returning import without_foreign_thinking
from firewall.codecs.neutral.translate import StreamTranslation, translate_request
from firewall.core.dialect import Dialect
from firewall.demo.dialects import anthropic, gemini, openai_chat, openai_responses
from firewall.demo.plan import plan
from firewall.demo.script import Script, Shell, Turn, turns
from firewall.demo.seal import Seal
from tests.support.translated import CODECS, MODELS

Json = dict[str, object]

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


class Client(Protocol):
    """An agent's side of a session."""

    def request(self) -> Json:
        """Return the next request."""
        ...

    def take(self, answer: Json) -> int:
        """Keep an answer, report a result for each of its calls, and return how many there were."""
        ...


@dataclass
class Messages:
    """A client of Anthropic Messages."""

    history: list[Json] = field(default_factory=lambda: [{"role": "user", "content": "go"}])

    def request(self) -> Json:
        tool = {"name": "Bash", "input_schema": PARAMETERS}
        return {
            "model": "m", "max_tokens": 4000, "messages": self.history, "stream": True, "thinking": {"type": "adaptive"},
            "tools": [tool, {**tool, "name": LONG}],
        }  # fmt: skip

    def take(self, answer: Json) -> int:
        content = answer["content"]
        calls = [block for block in content if block["type"] == "tool_use"]
        results = [{"type": "tool_result", "tool_use_id": call["id"], "content": "ok"} for call in calls]
        self.history += [{"role": "assistant", "content": content}, {"role": "user", "content": results}]
        return len(calls)


@dataclass
class Completions:
    """A client of Chat Completions."""

    history: list[Json] = field(default_factory=lambda: [{"role": "user", "content": "go"}])

    def request(self) -> Json:
        function = {"name": "Bash", "parameters": PARAMETERS}
        return {
            "model": "m", "messages": self.history, "stream": True, "reasoning_effort": "high",
            "tools": [{"type": "function", "function": function}],
        }  # fmt: skip

    def take(self, answer: Json) -> int:
        message = answer["choices"][0]["message"]
        calls = message.get("tool_calls") or []
        self.history.append(message)
        self.history += [{"role": "tool", "tool_call_id": call["id"], "content": "ok"} for call in calls]
        return len(calls)


@dataclass
class Responses:
    """A client of Responses."""

    history: list[Json] = field(default_factory=lambda: [{"role": "user", "content": "go"}])

    def request(self) -> Json:
        tool = {"type": "function", "name": "Bash", "parameters": PARAMETERS}
        return {
            "model": "m", "input": self.history, "stream": True, "store": False, "tools": [tool],
            "reasoning": {"effort": "high", "summary": "auto"}, "include": ["reasoning.encrypted_content"],
        }  # fmt: skip

    def take(self, answer: Json) -> int:
        calls = [item for item in answer["output"] if item["type"] == "function_call"]
        self.history += answer["output"]
        self.history += [
            {"type": "function_call_output", "call_id": call["call_id"], "output": "ok"} for call in calls
        ]
        return len(calls)


@dataclass
class Contents:
    """A client of Gemini."""

    history: list[Json] = field(default_factory=lambda: [{"role": "user", "parts": [{"text": "go"}]}])

    def request(self) -> Json:
        declared = {"name": "Bash", "parametersJsonSchema": PARAMETERS}
        return {
            "contents": self.history, "tools": [{"functionDeclarations": [declared]}],
            "generationConfig": {"thinkingConfig": {"includeThoughts": True}},
        }  # fmt: skip

    def take(self, answer: Json) -> int:
        content = answer["candidates"][0]["content"]
        calls = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
        results = [
            {
                "functionResponse": {
                    **{key: call[key] for key in ("id", "name") if key in call},
                    "response": {"output": "ok"},
                }
            }
            for call in calls
        ]
        self.history += [content, {"role": "user", "parts": results}]
        return len(calls)


CLIENTS: dict[Dialect, type[Messages | Completions | Responses | Contents]] = {
    Dialect.ANTHROPIC: Messages,
    Dialect.OPENAI_CHAT: Completions,
    Dialect.OPENAI_RESPONSES: Responses,
    Dialect.GEMINI: Contents,
}
PATH = "/v1beta/models/{model}:streamGenerateContent"


def ask(value: Json, client: Dialect, provider: Dialect) -> Json:
    """Return the answer that a client gets of a provider; one that finds fault with the history raises."""
    path = PATH.format(model="m") if client is Dialect.GEMINI else "/"
    if client is provider:
        body = without_foreign_thinking(json.dumps(value).encode(), value)
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


@pytest.mark.parametrize("client", CLIENTS, ids=lambda one: one.value)
def test_a_session_survives_every_order_of_providers(client: Dialect) -> None:
    """Each answer is taken, whoever gave those before it; calls and results match in every history."""
    for order in product(Dialect, repeat=STEPS):
        agent = CLIENTS[client]()
        for provider in order:
            answer = json.loads(ask(agent.request(), client, provider))
            assert agent.take(answer) == 2, (client, order)
