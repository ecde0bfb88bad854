"""A strict client of all four dialects: builds a request, and reads an answer as an SDK would, or complains."""

import json
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.installation import ANSWER_LIMIT_S, Served

DIALECTS = ("anthropic", "chat", "responses", "gemini")
_SCHEMA = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
LIMIT_S = 30
"""How long anything is waited for: a guard against hanging, no measure."""
Json = dict[str, object]


@dataclass(slots=True)
class Said:
    """An answer as the client understood it."""

    status: int
    headers: Mapping[str, str]
    raw: str
    text: str = ""
    calls: list[tuple[str, str]] = field(default_factory=list)
    """(tool, the command)."""
    ends: int = 0
    """How many terminal events a stream had; 1 for a whole answer."""
    is_last: bool = True
    """Nothing but the dialect's own trailer came behind the terminal event."""
    error: str = ""
    """The code or message of an error, as an answer or as the terminal event."""
    stop: str = ""
    """Why the model stopped, in the dialect's word."""
    ident: str = ""
    """The answer's id."""

    @property
    def commands(self) -> list[str]:
        """The commands that may be run now."""
        return [command for _, command in self.calls]

    @property
    def entry(self) -> int:
        """The entry of the request in the log."""
        return int(self.headers["x-stayhand-entry"])


def request(dialect: str, prompt: str, *, stream: bool, tools: bool = True, **more: object) -> tuple[str, Json]:
    """Return path and body of a first turn."""
    match dialect:
        case "anthropic":
            body: Json = {
                "model": "claude-sonnet-5",
                "max_tokens": 1000,
                "messages": [{"role": "user", "content": prompt}],
                "stream": stream,
            }
            tool: list[Json] = [{"name": "bash", "description": "run", "input_schema": _SCHEMA}]
            path = "/v1/messages"
        case "chat":
            body = {"model": "gpt-5.5", "messages": [{"role": "user", "content": prompt}], "stream": stream}
            tool = [{"type": "function", "function": {"name": "bash", "parameters": _SCHEMA}}]
            path = "/v1/chat/completions"
        case "responses":
            body = {"model": "gpt-5.5", "input": prompt, "stream": stream}
            tool = [{"type": "function", "name": "bash", "parameters": _SCHEMA, "strict": False}]
            path = "/v1/responses"
        case _:
            body = {"contents": [{"role": "user", "parts": [{"text": prompt}]}]}
            tool = [{"functionDeclarations": [{"name": "bash", "description": "run", "parameters": _SCHEMA}]}]
            verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
            path = f"/v1beta/models/gemini-3.1-pro-preview:{verb}"
    return path, {**body, **({"tools": tool} if tools else {}), **more}


def credentials(dialect: str, token: str) -> dict[str, str]:
    """Return the header in which the dialect's SDK sends its key."""
    match dialect:
        case "anthropic":
            return {"x-api-key": token, "anthropic-version": "2023-06-01"}
        case "gemini":
            return {"x-goog-api-key": token}
        case _:
            return {"authorization": f"Bearer {token}"}


@dataclass(slots=True)
class Agent:
    """One agent with a token and a name of its own, so that no test meets another's approvals."""

    firewall: Served
    dialect: str
    name: str
    token: str
    token_id: str = ""

    def ask(
        self,
        prompt: str,
        *,
        stream: bool = True,
        headers: Mapping[str, str] | None = None,
        timeout: float = LIMIT_S,
        **more: object,
    ) -> Said:
        """Ask and wait for the whole answer."""
        path, body = request(self.dialect, prompt, stream=stream, **more)  # type: ignore[arg-type]  # named options
        sent = {**credentials(self.dialect, self.token), **(headers or {})}
        answer = httpx.post(
            f"{self.firewall.agents}{path}", json=body, headers=sent, timeout=timeout, trust_env=False
        )
        return heard(self.dialect, answer.status_code, dict(answer.headers), answer.text)

    def asking(self, prompt: str, *, stream: bool = True) -> "Asking":
        """Ask from a thread, so that the test can act meanwhile."""
        return Asking(self, prompt, stream=stream)

    @contextmanager
    def streaming(self, prompt: str) -> Iterator[httpx.Response]:
        """Open a stream; leaving the block closes the connection."""
        path, body = request(self.dialect, prompt, stream=True)
        with httpx.stream(
            "POST",
            f"{self.firewall.agents}{path}",
            json=body,
            headers=credentials(self.dialect, self.token),
            timeout=LIMIT_S,
            trust_env=False,
        ) as answer:
            yield answer

    def revoke(self) -> None:
        """End this agent's token."""
        answer = httpx.delete(
            f"{self.firewall.control}/api/tokens/{self.token_id}",
            headers=self.firewall.admin,
            trust_env=False,
            timeout=ANSWER_LIMIT_S,
        )
        assert answer.status_code == 200, answer.text

    def waiting(self) -> Json:
        """Return this agent's one pending approval, as soon as there is one."""
        for _ in range(LIMIT_S * 20):
            found = [one for one in self.firewall.pending() if self._is_mine(one)]
            if found:
                assert len(found) == 1, found
                return found[0]
            threading.Event().wait(0.05)
        raise AssertionError("nothing waits for approval")

    def approvals(self) -> list[Json]:
        """Return all of this agent's approvals, newest first."""
        return [one for one in self.firewall.approvals() if self._is_mine(one)]

    def decide(self, decision: str, reason: str = "") -> str:
        """Decide what waits; return its id."""
        ident = str(self.waiting()["id"])
        answer = self.firewall.decide(ident, decision, reason)
        assert answer.status_code == 200, answer.text
        return ident

    def _is_mine(self, approval: Json) -> bool:
        return self.name in json.dumps(approval)


class Asking:
    """A request under way in a thread."""

    def __init__(self, agent: Agent, prompt: str, *, stream: bool) -> None:
        self._said: list[Said | BaseException] = []
        self._thread = threading.Thread(target=self._run, args=(agent, prompt, stream), daemon=True)
        self._thread.start()

    def _run(self, agent: Agent, prompt: str, stream: bool) -> None:  # noqa: FBT001 - a thread's argument
        try:
            self._said.append(agent.ask(prompt, stream=stream))
        except BaseException as error:  # noqa: BLE001 - told to the thread that asks for the answer
            self._said.append(error)

    @property
    def is_over(self) -> bool:
        """The answer is there."""
        return bool(self._said)

    def answer(self) -> Said:
        """Wait for the answer."""
        self._thread.join(LIMIT_S)
        assert self._said, "no answer"
        said = self._said[0]
        if isinstance(said, BaseException):
            raise said
        return said


def counted(firewall: Served, outcome: str) -> int:
    """Return how many model calls ended with an outcome (`client_gone`, `token_revoked`, …)."""
    answer = httpx.get(
        f"{firewall.control}/metrics", headers=firewall.admin, trust_env=False, timeout=ANSWER_LIMIT_S
    )
    assert answer.status_code == 200, answer.text
    lines = [line for line in answer.text.splitlines() if f'outcome="{outcome}"' in line and "_total{" in line]
    return sum(int(float(line.rpartition(" ")[2])) for line in lines)


def until_counted(firewall: Served, outcome: str, count: int) -> None:
    """Wait until so many model calls have ended with an outcome."""
    for _ in range(LIMIT_S * 20):
        if counted(firewall, outcome) >= count:
            return
        threading.Event().wait(0.05)
    raise AssertionError(f"no model call ended with {outcome}")


def agent_of(firewall: Served, dialect: str, **wish: object) -> Agent:
    """Mint a token for a new agent."""
    name = f"agent-{uuid.uuid4().hex[:12]}"
    plain: Json = {"destructive_per_hour": 10_000, "max_requests_per_minute": 10_000}
    token = firewall.mint(**{**plain, "agent": name, **wish})
    listed = httpx.get(
        f"{firewall.control}/api/tokens", headers=firewall.admin, trust_env=False, timeout=ANSWER_LIMIT_S
    ).json()
    ident = next(str(row["id"]) for row in listed if row.get("agent") == name)
    return Agent(firewall, dialect, name, token, ident)


def heard(dialect: str, status: int, headers: Mapping[str, str], raw: str) -> Said:
    """Read an answer strictly: a stream must be whole events, each of them JSON."""
    said = Said(status, headers, raw)
    if not headers.get("content-type", "").startswith("text/event-stream"):
        _whole(dialect, said, json.loads(raw))
        said.ends = 1
        return said
    reader = {"anthropic": _anthropic, "chat": _chat, "responses": _responses, "gemini": _gemini}[dialect]
    reader(said, list(_events(raw)))
    return said


def _events(raw: str) -> Iterator[tuple[str, str]]:
    assert raw == "" or raw.endswith(("\n\n", "\r\n\r\n")), f"torn stream: {raw[-80:]!r}"
    for block in raw.replace("\r\n", "\n").split("\n\n"):
        name, data = "", []
        for line in block.split("\n"):
            if line.startswith("event:"):
                name = line[6:].strip()
            elif line.startswith("data:"):
                data.append(line[5:].removeprefix(" "))
            else:
                assert line == "" or line.startswith(":"), f"no event: {line!r}"
        if data:
            yield name, "\n".join(data)


def _command(arguments: str) -> str:
    found = json.loads(arguments)
    assert isinstance(found, dict)
    return str(found.get("command", found))


def _anthropic(said: Said, events: list[tuple[str, str]]) -> None:
    blocks: dict[int, list[str]] = {}
    for place, (name, data) in enumerate(events):
        event = json.loads(data)
        assert event["type"] == name
        if name.startswith("content_block_"):
            _anthropic_block(said, name, event, blocks)
            continue
        match name:
            case "message_start":
                said.ident = event["message"]["id"]
            case "message_delta":
                said.stop = event["delta"].get("stop_reason") or said.stop
            case "message_stop" | "error":
                said.ends += 1
                said.is_last = place == len(events) - 1
                said.error = event.get("error", {}).get("message", "")
            case _:
                assert name == "ping", f"unknown event {name}"


def _anthropic_block(said: Said, name: str, event: dict[str, Any], blocks: dict[int, list[str]]) -> None:
    if name == "content_block_start":
        block = event["content_block"]
        blocks[event["index"]] = [block["type"], block.get("name", ""), block.get("text", "")]
    elif name == "content_block_delta":
        delta = event["delta"]
        blocks[event["index"]][2] += delta.get("text", "") or delta.get("partial_json", "")
    else:
        kind, tool, text = blocks[event["index"]]
        if kind == "tool_use":
            said.calls.append((tool, _command(text)))
        elif kind == "text":
            said.text += text


def _chat(said: Said, events: list[tuple[str, str]]) -> None:
    calls: dict[int, list[str]] = {}
    for place, (_, data) in enumerate(events):
        if data == "[DONE]":
            assert place == len(events) - 1
            continue
        event = json.loads(data)
        if "error" in event:
            said.ends += 1
            said.error = event["error"]["message"]
            continue
        said.ident = event.get("id", said.ident)
        for choice in event.get("choices", []):
            delta = choice.get("delta", {})
            said.text += delta.get("content") or ""
            for one in delta.get("tool_calls") or []:
                call = calls.setdefault(one["index"], ["", ""])
                call[0] += one.get("function", {}).get("name") or ""
                call[1] += one.get("function", {}).get("arguments") or ""
            if choice.get("finish_reason"):
                said.ends += 1
                said.stop = choice["finish_reason"]
    said.calls = [(name, _command(arguments)) for name, arguments in calls.values()]
    said.is_last = bool(said.error) or (bool(events) and events[-1][1] == "[DONE]")


def _responses(said: Said, events: list[tuple[str, str]]) -> None:
    for place, (name, data) in enumerate(events):
        event = json.loads(data)
        assert event["type"] == name
        said.ident = event.get("response", {}).get("id", said.ident)
        if name == "response.output_text.delta":
            said.text += event["delta"]
        elif name == "response.output_item.done" and event["item"]["type"] == "function_call":
            said.calls.append((event["item"]["name"], _command(event["item"]["arguments"])))
        elif name in ("response.completed", "response.failed", "response.incomplete", "error"):
            said.ends += 1
            said.is_last = place == len(events) - 1
            said.stop = name
            found = event.get("response", {}).get("error") or (event if name == "error" else {})
            said.error = str(found.get("message") or "")
            repeated = [
                _command(item["arguments"])
                for item in event.get("response", {}).get("output", [])
                if item["type"] == "function_call"
            ]
            assert repeated in ([], said.commands), (repeated, said.commands)


def _gemini(said: Said, events: list[tuple[str, str]]) -> None:
    for place, (_, data) in enumerate(events):
        event = json.loads(data)
        if "error" in event:
            said.ends += 1
            said.error = event["error"]["message"]
            said.is_last = place == len(events) - 1
            continue
        _gemini_parts(said, event)
        if any(candidate.get("finishReason") for candidate in event.get("candidates", [])):
            said.ends += 1
            said.is_last = place == len(events) - 1


def _gemini_parts(said: Said, event: Mapping[str, Any]) -> None:
    said.ident = str(event.get("responseId", said.ident))
    for candidate in event.get("candidates", []):
        said.stop = candidate.get("finishReason", said.stop)
        for part in candidate.get("content", {}).get("parts", []):
            if "functionCall" in part:
                call = part["functionCall"]
                said.calls.append((call["name"], _command(json.dumps(call.get("args", {})))))
            elif not part.get("thought"):
                said.text += part.get("text", "")


def _whole(dialect: str, said: Said, body: Mapping[str, object]) -> None:
    if said.status >= 400:
        error = body.get("error", body)
        assert isinstance(error, dict)
        said.error = str(error.get("message"))
        return
    said.ident = str(body.get("id", ""))
    reader = {
        "anthropic": _anthropic_answer,
        "chat": _chat_answer,
        "responses": _responses_answer,
        "gemini": _gemini_parts,
    }[dialect]
    reader(said, body)


def _anthropic_answer(said: Said, body: Mapping[str, Any]) -> None:
    said.stop = str(body["stop_reason"])
    for block in body["content"]:
        if block["type"] == "text":
            said.text += block["text"]
        elif block["type"] == "tool_use":
            said.calls.append((block["name"], _command(json.dumps(block["input"]))))


def _chat_answer(said: Said, body: Mapping[str, Any]) -> None:
    for choice in body["choices"]:
        message = choice["message"]
        said.stop = choice["finish_reason"]
        said.text += message.get("content") or ""
        for call in message.get("tool_calls") or []:
            said.calls.append((call["function"]["name"], _command(call["function"]["arguments"])))


def _responses_answer(said: Said, body: Mapping[str, Any]) -> None:
    said.stop = body["status"]
    for item in body["output"]:
        if item["type"] == "message":
            said.text += "".join(part.get("text", "") for part in item["content"])
        elif item["type"] == "function_call":
            said.calls.append((item["name"], _command(item["arguments"])))
