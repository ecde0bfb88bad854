"""Gemini (`:generateContent`, `:streamGenerateContent`), the dialect of Gemini CLI, as a `Codec`."""

from firewall.codecs.gemini.answer import answer_of, read_answer, rule_answer, stream_of
from firewall.codecs.gemini.outcomes import results
from firewall.codecs.gemini.render import error, refusal
from firewall.codecs.gemini.request import read_request
from firewall.codecs.gemini.stream import GeminiStream
from firewall.codecs.interface import StreamCodec


def stream(*, hides_usage: bool = False) -> StreamCodec:
    """Start reading one streamed answer; in this dialect it always says what it used."""
    del hides_usage
    return GeminiStream()


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
