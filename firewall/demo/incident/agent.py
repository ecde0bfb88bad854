"""A coding agent in small: speaks Anthropic Messages to whatever address it is given and runs the calls it gets.

It knows nothing of the firewall. Between the two halves of the play only its address and its key change.
"""

import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from firewall.core.errors import FirewallError
from firewall.demo.reading import Json, table, text

MODEL: Final = "claude-sonnet-5"
COMMAND_LIMIT_S: Final = 30
ANSWER_LIMIT_S: Final = 600
TURNS: Final = 8
"""More answers with calls than the script has: an agent that still goes on is broken."""
_SHELL: Final[Json] = {
    "name": "bash",
    "description": "run a shell command",
    "input_schema": {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
}


class PlayError(FirewallError):
    """A part of the play did not do what it had to."""

    code = "demo_failed"
    status = 500


@dataclass(frozen=True, slots=True)
class Said:
    """The model's words, complete."""

    text: str


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that the agent really ran."""

    command: str
    output: str


Deed = Said | Ran


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent with a place to work in."""

    base_url: str
    key: str
    workspace: Path
    environment: Mapping[str, str]
    """What its commands inherit."""
    tell: Callable[[Deed], None]

    def work(self, prompt: str) -> None:
        """Ask, run what comes, and ask again until an answer holds no call.

        Raises: PlayError when the other side does not answer as an Anthropic endpoint does.
        """
        messages: list[Json] = [{"role": "user", "content": prompt}]
        # No environment proxies: the play stays on this machine.
        with httpx.Client(base_url=self.base_url, timeout=ANSWER_LIMIT_S, trust_env=False) as client:
            for _ in range(TURNS):
                blocks = self._ask(client, messages)
                results = [self._run(block) for block in blocks if block["type"] == "tool_use"]
                if not results:
                    return
                messages += [{"role": "assistant", "content": blocks}, {"role": "user", "content": results}]
        raise PlayError("the agent did not come to an end")

    def _ask(self, client: httpx.Client, messages: list[Json]) -> list[Json]:
        body = {"model": MODEL, "max_tokens": 1000, "messages": messages, "tools": [_SHELL], "stream": True}
        headers = {"x-api-key": self.key, "anthropic-version": "2023-06-01", "user-agent": "stayhand-demo-agent/1"}
        blocks: list[Json] = []
        try:
            with client.stream("POST", "/v1/messages", json=body, headers=headers) as answer:
                if answer.status_code != 200:
                    raise PlayError(f"the model's endpoint answered {answer.status_code}: {answer.read()[:300]!r}")
                for line in answer.iter_lines():
                    if line.startswith("data:"):
                        self._take(json.loads(line[5:]), blocks)
        except (httpx.HTTPError, ValueError) as error:
            raise PlayError(f"the model's endpoint broke off ({type(error).__name__})") from error
        return [_finished(block) for block in blocks]

    def _take(self, event: Json, blocks: list[Json]) -> None:
        match event.get("type"):
            case "content_block_start":
                blocks.append({**table(event, "content_block"), "partial": ""})
            case "content_block_delta":
                delta = table(event, "delta")
                blocks[-1]["partial"] = (
                    f"{blocks[-1]['partial']}{text(delta, 'text')}{text(delta, 'partial_json')}"
                )
            case "content_block_stop" if blocks[-1]["type"] == "text":
                self.tell(Said(str(blocks[-1]["partial"])))
            case "error":
                raise PlayError(f"the model's endpoint failed: {text(table(event, 'error'), 'message')}")
            case _:
                pass

    def _run(self, call: Json) -> Json:
        command = text(table(call, "input"), "command")
        done = subprocess.run(  # noqa: S602 - an agent's work is to run what its model says
            command,
            shell=True,
            cwd=self.workspace,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            timeout=COMMAND_LIMIT_S,
            check=False,
        )
        output = (done.stdout + done.stderr).strip()
        self.tell(Ran(command, output))
        return {"type": "tool_result", "tool_use_id": call["id"], "content": output or f"exit {done.returncode}"}


def _finished(block: Json) -> Json:
    partial = str(block.pop("partial"))
    if block["type"] == "tool_use":
        return {**block, "input": json.loads(partial or "{}")}
    return {**block, "text": partial}
