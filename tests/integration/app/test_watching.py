"""A served installation with a collector: each model call is a trace below the agent's own, and is measured."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from firewall.app.running import running
from firewall.core.errors import ConfigError
from firewall.settings.load import load_settings
from tests.support.collector import Collected, attributes_of, collecting
from tests.support.installation import Served, install, serving

WORDS = "a word that must stay here"
PAT = "gh" + "p_" + "aZ3kQ9xW7vB2nM5tR8yU1iO4pL6sD0fGhJkc"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def collected() -> Iterator[Collected]:
    """A collector."""
    with collecting() as found:
        yield found


def ask(served: Served, token: str, *, streamed: bool, words: str = WORDS) -> httpx.Response:
    """Ask the demonstration's model something, as a client that traces."""
    body = {
        "model": "claude-sonnet-5",
        "max_tokens": 64,
        "stream": streamed,
        "messages": [{"role": "user", "content": words}],
    }
    headers = {"x-api-key": token, "anthropic-version": "2023-06-01", "traceparent": PARENT}
    answer = httpx.post(f"{served.agents}/v1/messages", json=body, headers=headers, trust_env=False, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer


def test_a_call_is_a_trace_below_the_agents_own(tmp_path: Path, collected: Collected) -> None:
    """Sent at the latest when the server stops: the agent's trace, the attempt below the call, and no content."""
    settings = f'\n[telemetry]\notlp = "{collected.address}"\nservice = "house"\n'
    with serving(install(tmp_path, settings=settings)) as served:
        token = served.mint()
        entries = [ask(served, token, streamed=one).headers["x-stayhand-entry"] for one in (False, True)]
        metrics = httpx.get(f"{served.control}/metrics", headers=served.admin, trust_env=False).text
    calls = [span for span in collected.spans if span.kind == Span.SPAN_KIND_SERVER]
    attempts = [span for span in collected.spans if span.kind == Span.SPAN_KIND_CLIENT]
    assert {span.trace_id.hex() for span in collected.spans} == {PARENT.split("-")[1]}
    assert {span.parent_span_id.hex() for span in calls} == {PARENT.split("-")[2]}
    assert sorted(span.parent_span_id for span in attempts) == sorted(span.span_id for span in calls)
    told = [attributes_of(list(span.attributes)) for span in calls]
    assert sorted(str(one["stayhand.entry"]) for one in told) == sorted(entries)
    assert {one["gen_ai.request.model"] for one in told} == {"claude-sonnet-5"}
    assert ["gen_ai.response.time_to_first_chunk" in one for one in told if one["gen_ai.request.stream"]] == [True]
    everything = b"".join(span.SerializeToString() for span in collected.spans)
    assert b"must stay here" not in everything
    assert token.encode() not in everything
    assert "gen_ai.client.operation.duration" in collected.metrics
    assert 'stayhand_model_seconds_count{model="claude-sonnet-5"' in metrics


def test_content_goes_along_where_it_was_asked_for_without_credentials(
    tmp_path: Path, collected: Collected
) -> None:
    """`content = true`: messages by the conventions, streamed or not, and what is a credential is hidden."""
    settings = f'\n[telemetry]\notlp = "{collected.address}"\ncontent = true\n'
    with serving(install(tmp_path, settings=settings)) as served:
        for streamed in (False, True):
            ask(served, served.mint(), streamed=streamed, words=f"use {PAT} for it")
    told = [attributes_of(list(span.attributes)) for span in collected.spans if span.kind == Span.SPAN_KIND_SERVER]
    for one in told:
        [message] = json.loads(str(one["gen_ai.input.messages"]))
        assert message["role"] == "user"
        assert message["parts"][0]["content"].startswith("use [redacted:")
        [answer] = json.loads(str(one["gen_ai.output.messages"]))
        assert (answer["role"], answer["finish_reason"] != "") == ("assistant", True)
    assert len(told) == 2
    assert not any(PAT.encode() in span.SerializeToString() for span in collected.spans)


def test_the_log_says_how_long_and_how_often(tmp_path: Path) -> None:
    """The entry of an answer has its time, its attempts and, where streamed, the time to its first piece."""
    installed = install(tmp_path)
    with serving(installed) as served:
        token = served.mint()
        for streamed in (False, True):
            ask(served, token, streamed=streamed)
    settings = load_settings(str(installed.config), {})

    async def play() -> list[dict[str, object]]:
        async with running(settings) as application:
            rows = application.installation.reader.execute(
                "SELECT body FROM audit_entries WHERE kind = 'model.answered' ORDER BY seq"
            ).fetchall()
            return [json.loads(raw)["data"] for (raw,) in rows]

    plain, streamed_entry = asyncio.run(play())
    assert isinstance(plain["took_ms"], int)
    assert (plain["attempts"], "first_ms" in plain) == (1, False)
    assert isinstance(streamed_entry["first_ms"], int)
    assert streamed_entry["first_ms"] <= streamed_entry["took_ms"]


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ('otlp = "collector:4318"', "http or https"),
        ("content = true", "mean nothing without"),
        ('otlp = "http://127.0.0.1:1"\nsample_percent = 101', "sample_percent"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, section: str, words: str) -> None:
    """At load, naming what is wrong."""
    installed = install(tmp_path, settings=f"\n[telemetry]\n{section}\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(str(installed.config), {})
    assert words in f"{caught.value.public} {caught.value.hint}"
