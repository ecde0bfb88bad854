"""A client of any dialect that goes on: from an answer to the request that holds it and what its calls gave."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from firewall.core.dialect import Dialect

Json = dict[str, object]
SCHEMA: Json = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation as one client sends it."""

    dialect: Dialect
    history: tuple[object, ...]

    def body(self, *, stream: bool) -> Json:
        """Return the request."""
        history = list(self.history)
        match self.dialect:
            case Dialect.ANTHROPIC:
                tool: Json = {"name": "bash", "description": "run", "input_schema": SCHEMA}
                return {
                    "model": "m",
                    "max_tokens": 9000,
                    "messages": history,
                    "stream": stream,
                    "tools": [tool],
                    "thinking": {"type": "adaptive"},
                }
            case Dialect.OPENAI_CHAT:
                tool = {"type": "function", "function": {"name": "bash", "parameters": SCHEMA}}
                body: Json = {"model": "m", "messages": history, "stream": stream, "tools": [tool]}
                return body | ({"stream_options": {"include_usage": True}} if stream else {})
            case Dialect.OPENAI_RESPONSES:
                tool = {"type": "function", "name": "bash", "parameters": SCHEMA, "strict": False}
                return {
                    "model": "m",
                    "input": history,
                    "stream": stream,
                    "store": False,
                    "tools": [tool],
                    "include": ["reasoning.encrypted_content"],
                }
            case Dialect.GEMINI:
                return {
                    "contents": history,
                    "tools": [{"functionDeclarations": [{"name": "bash", "parametersJsonSchema": SCHEMA}]}],
                    "generationConfig": {"thinkingConfig": {"includeThoughts": True}},
                }

    def path(self, *, stream: bool) -> str:
        """Return where it is sent."""
        match self.dialect:
            case Dialect.ANTHROPIC:
                return "/v1/messages"
            case Dialect.OPENAI_CHAT:
                return "/v1/chat/completions"
            case Dialect.OPENAI_RESPONSES:
                return "/v1/responses"
            case Dialect.GEMINI:
                return f"/v1beta/models/m:{'streamGenerateContent' if stream else 'generateContent'}"

    def after(self, answer: bytes) -> "Talk":
        """Return the conversation with a whole answer, as it came, and a result for each of its calls."""
        value = json.loads(answer)
        match self.dialect:
            case Dialect.ANTHROPIC:
                said: list[object] = [{"role": "assistant", "content": value["content"]}]
                results = [
                    {"type": "tool_result", "tool_use_id": block["id"], "content": "done"}
                    for block in value["content"]
                    if block["type"] == "tool_use"
                ]
                said.append({"role": "user", "content": results})
            case Dialect.OPENAI_CHAT:
                message = value["choices"][0]["message"]
                calls = message.get("tool_calls") or []
                said = [
                    message,
                    *({"role": "tool", "tool_call_id": one["id"], "content": "done"} for one in calls),
                ]
            case Dialect.OPENAI_RESPONSES:
                said = list(value["output"])
                said += [
                    {"type": "function_call_output", "call_id": item["call_id"], "output": "done"}
                    for item in value["output"]
                    if item["type"] == "function_call"
                ]
            case Dialect.GEMINI:
                content = value["candidates"][0]["content"]
                said = [content, {"role": "user", "parts": [_response(part) for part in _calls(content)]}]
        return Talk(self.dialect, (*self.history, *said))


def opened(dialect: Dialect, words: str) -> Talk:
    """Return a conversation that begins."""
    if dialect is Dialect.GEMINI:
        return Talk(dialect, ({"role": "user", "parts": [{"text": words}]},))
    return Talk(dialect, ({"role": "user", "content": words},))


def _calls(content: Mapping[str, object]) -> list[Json]:
    parts = content["parts"]
    assert isinstance(parts, list)
    return [part["functionCall"] for part in parts if "functionCall" in part]


def _response(call: Json) -> Json:
    """Return the result of a call; its id goes back where it came with one."""
    named = {"name": call["name"], "response": {"output": "done"}}
    return {"functionResponse": named | ({"id": call["id"]} if "id" in call else {})}
