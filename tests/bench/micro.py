"""What single steps cost, in this process: the token check, a judged shell command, policy, codecs per event."""

import asyncio
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import orjson

from firewall.app.running import running
from firewall.classify.context import Context
from firewall.classify.tool import actions_of
from firewall.codecs import anthropic, gemini, openai_chat, openai_responses
from firewall.codecs.interface import Codec, Released
from firewall.core.call import ToolCall
from firewall.core.grant import Grant
from firewall.guard.requester import Requester
from firewall.settings.load import load_settings
from tests.bench import aws, credentials, kinds, policies, translation
from tests.bench.steps import Step, median_us

COMMANDS = (
    "ls -la",
    "cat README.md",
    "git status --short",
    "git diff HEAD~1 -- src/app.py",
    "python -m pytest -q tests/unit",
    "npm run build",
    "grep -rn 'import os' src --include='*.py'",
    "sed -n '1,80p' src/app.py",
    "mkdir -p build && cp src/app.py build/",
    "find . -name '*.pyc' -print | head -20",
    "curl -s https://api.example.com/v1/items?limit=5",
    "git push --force origin main",
    "rm -rf /srv/data",
)
"""What agents run every day, and two that are held."""
STREAMS = Path(__file__).resolve().parents[1] / "cases" / "streams"
CODECS: dict[str, Codec] = {
    "anthropic": anthropic,
    "openai_chat": openai_chat,
    "openai_responses": openai_responses,
    "gemini": gemini,
}


def steps(config: Path) -> list[Step]:
    """Measure inside a running installation."""
    with asyncio.Runner() as runner:
        inside = runner.run(_inside(config))
    return [
        *inside,
        *kinds.steps(),
        *policies.steps(),
        *aws.steps(),
        *credentials.steps(),
        *translation.steps(),
        *_codecs(),
    ]


async def _inside(config: Path) -> list[Step]:
    settings = load_settings(str(config))
    async with running(settings) as application:
        grant = Grant("staging", "alice", "bench", datetime.now(UTC) + timedelta(hours=1), workspace="/srv/app")
        token = await application.tokens.mint_agent(grant, by="bench")
        tokens = application.tokens
        bearer = tokens.check(token.text)
        requester = Requester(bearer.token_id, bearer.lineage, bearer.draws, grant, bearer.principal)
        calls = [ToolCall("call_1", "Bash", orjson.dumps({"command": command})) for command in COMMANDS]
        rules = application.rules()
        context = Context("/srv/app", "", "", rules.environments, rules.catalogue)
        action = actions_of(calls[0], context)[0]
        roles = frozenset({grant.role})
        guard = application.guard
        recorded = []
        for _ in range(200):
            begun = time.perf_counter()
            await guard.judge(calls[0], requester)
            recorded.append((time.perf_counter() - begun) * 1e6)
        judged = [median_us(partial(guard._judge.consider, call, requester), calls=20) for call in calls]
        understood = [median_us(partial(actions_of, call, context), calls=20) for call in calls]
        return [
            Step("token check, without the database", "20 us", median_us(lambda: tokens.check(token.text))),
            Step(f"shell command judged, p50 of {len(calls)}", "1,000 us", statistics.median(judged)),
            Step("shell command judged, the slowest of them", "", max(judged)),
            Step("shell command understood, p50", "", statistics.median(understood)),
            Step("allowed command judged and recorded durably", "", statistics.median(recorded)),
            Step(
                "policy, one action, asked before",
                "",
                median_us(lambda: rules.verdict(action, roles=roles), calls=50),
            ),
        ]


def _codecs() -> Iterator[Step]:
    for name, codec in CODECS.items():
        raw = (STREAMS / name / "text.sse").read_bytes()
        events = [frame + b"\n\n" for frame in raw.split(b"\n\n") if frame.strip()]

        def read(codec: Codec = codec, events: list[bytes] = events) -> None:
            stream = codec.stream()
            for event in events:
                for pending in stream.feed(event).calls:
                    stream.rule(pending.slot, Released())

        yield Step(f"codec {name}, one event of text", "", median_us(read, calls=50) / len(events))
