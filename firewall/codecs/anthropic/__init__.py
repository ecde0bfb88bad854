"""Anthropic Messages (`POST /v1/messages`), the dialect of Claude Code, as a `Codec`."""

from firewall.codecs.anthropic.answer import answer_of, read_answer, refusal, rule_answer, stream_of
from firewall.codecs.anthropic.outcomes import results
from firewall.codecs.anthropic.render import error
from firewall.codecs.anthropic.request import read_request
from firewall.codecs.anthropic.stream import AnthropicStream
from firewall.codecs.interface import StreamCodec


def stream(*, hides_usage: bool = False) -> StreamCodec:
    """Start reading one streamed answer; in this dialect it always says what it used."""
    del hides_usage
    return AnthropicStream()


__all__ = [
    "answer_of",
    "error",
    "read_answer",
    "read_request",
    "refusal",
    "results",
    "rule_answer",
    "stream",
    "stream_of",
]
