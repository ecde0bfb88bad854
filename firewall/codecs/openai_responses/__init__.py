"""OpenAI Responses (`POST /v1/responses`), the dialect of Codex, as a `Codec`."""

from firewall.codecs.interface import StreamCodec
from firewall.codecs.openai_responses.answer import answer_of, read_answer, refusal, rule_answer, stream_of
from firewall.codecs.openai_responses.outcomes import results
from firewall.codecs.openai_responses.render import error
from firewall.codecs.openai_responses.request import read_request
from firewall.codecs.openai_responses.stream import ResponsesStream


def stream(*, hides_usage: bool = False) -> StreamCodec:
    """Start reading one streamed answer; in this dialect it always says what it used."""
    del hides_usage
    return ResponsesStream()


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
