"""Which answers may begin again, and what closes those that do: the rules of four dialects."""

import orjson
import pytest

from firewall.codecs import sse
from firewall.codecs.dialects import CODECS
from firewall.codecs.restarting.interface import WORDS
from firewall.codecs.restarting.registry import RESTARTERS, parted
from firewall.core.dialect import Dialect
from tests.support.restarts import OVERLOADED, SPEAKERS, beginning_of, reply, stream_of
from tests.support.trying import body_of

EVERY = pytest.mark.parametrize("dialect", list(Dialect), ids=[one.value for one in Dialect])
TURN = {"role": "user", "content": "Say something."}
SCHEMA = {"type": "object"}
UNFIT = [
    (Dialect.ANTHROPIC, {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}),
    (Dialect.ANTHROPIC, {"output_format": {"type": "json_schema", "schema": SCHEMA}}),
    (Dialect.ANTHROPIC, {"messages": [TURN, {"role": "assistant", "content": "{"}]}),
    (Dialect.ANTHROPIC, {"messages": []}),
    (Dialect.OPENAI_CHAT, {"response_format": {"type": "json_object"}}),
    (Dialect.OPENAI_CHAT, {"n": 2}),
    (Dialect.OPENAI_CHAT, {"logprobs": True}),
    (Dialect.OPENAI_CHAT, {"store": True}),
    (Dialect.OPENAI_CHAT, {"messages": [TURN, {"role": "assistant", "content": "So"}]}),
    (Dialect.OPENAI_RESPONSES, {"store": True}),
    (Dialect.OPENAI_RESPONSES, {"store": None}),
    (Dialect.OPENAI_RESPONSES, {"previous_response_id": "resp_1"}),
    (Dialect.OPENAI_RESPONSES, {"text": {"format": {"type": "json_schema", "schema": SCHEMA}}}),
    (Dialect.OPENAI_RESPONSES, {"input": [TURN, {"role": "assistant", "content": "So"}]}),
    (Dialect.GEMINI, {"generationConfig": {"responseMimeType": "application/json"}}),
    (Dialect.GEMINI, {"generationConfig": {"response_json_schema": SCHEMA}}),
    (Dialect.GEMINI, {"generationConfig": {"candidateCount": 2}}),
    (Dialect.GEMINI, {"contents": [{"role": "model", "parts": [{"text": "So"}]}]}),
]
ODD = {
    Dialect.ANTHROPIC: {"type": "content_block_start", "index": 0, "content_block": {"type": "server_tool_use"}},
    Dialect.OPENAI_CHAT: {"choices": [{"index": 0, "delta": {"refusal": "No."}, "finish_reason": None}]},
    Dialect.OPENAI_RESPONSES: {
        "type": "response.output_item.added",
        "output_index": 0,
        "item": {"type": "reasoning"},
    },
    Dialect.GEMINI: {"candidates": [{"content": {"parts": [{"executableCode": {}}]}, "index": 0}]},
}


@EVERY
def test_a_plain_question_may_be_answered_anew(dialect: Dialect) -> None:
    """Words for people, in one version, that nobody keeps: with tools as well as without."""
    body = body_of(dialect, "m-1", stream=True)
    assert RESTARTERS[dialect].may_restart(body)
    assert RESTARTERS[dialect].may_restart({**body, "tools": [{"name": "bash"}]})


@pytest.mark.parametrize(("dialect", "more"), UNFIT)
def test_what_a_program_reads_or_somebody_keeps_is_not(dialect: Dialect, more: dict[str, object]) -> None:
    """Forms, versions, prefilled beginnings and ids that must stay true."""
    assert not RESTARTERS[dialect].may_restart({**body_of(dialect, "m-1", stream=True), **more})


@EVERY
def test_the_words_stand_behind_what_was_said_and_nowhere_else(dialect: Dialect) -> None:
    """Before anything was said there is nothing to explain, and nothing at all to close."""
    bridge = RESTARTERS[dialect].bridge
    assert bridge(b"") == b""
    said = bridge(beginning_of(dialect, reply("a", "One two three."), b"One"))
    assert said is not None
    assert WORDS.encode() in said


@EVERY
@pytest.mark.parametrize("more", [{"thinking": "Hm."}, {"command": "ls"}, {}], ids=["thought", "call", "whole"])
def test_nothing_stands_behind_more_than_text(dialect: Dialect, more: dict[str, str]) -> None:
    """An answer with a call or a thought, or one that is over, has no other behind it."""
    whole = stream_of(dialect, reply("a", "One two three.", **more))
    assert RESTARTERS[dialect].bridge(whole) is None


@EVERY
def test_nothing_stands_behind_what_no_table_knows(dialect: Dialect) -> None:
    """A hosted tool, a refusal in words of its own, reasoning, code that the provider ran."""
    odd = sse.frame(orjson.dumps(ODD[dialect]))
    assert RESTARTERS[dialect].bridge(odd) is None


@EVERY
def test_an_error_is_told_from_the_words_before_it(dialect: Dialect) -> None:
    """The last frame is parted where it is an error of the dialect; a regular end is none, whatever is said."""
    begun = beginning_of(dialect, reply("a", "One two three."), b"One")
    error = SPEAKERS[dialect].error_frame(OVERLOADED, reply("e", ""))
    ours = CODECS[dialect].stream().abort("upstream_truncated", "broken off")
    for ending in (error, ours):
        assert parted(RESTARTERS[dialect], begun + ending) == (begun, ending)
    whole = stream_of(dialect, reply("a", 'An "error" and response.failed.'))
    assert parted(RESTARTERS[dialect], whole) == (whole, b"")
