"""OpenAI Chat Completions (`POST /v1/chat/completions`), the dialect of most agents, as a `Codec`."""

from firewall.codecs.interface import StreamCodec
from firewall.codecs.openai_chat.answer import answer_of, read_answer, refusal, rule_answer, stream_of
from firewall.codecs.openai_chat.outcomes import results
from firewall.codecs.openai_chat.render import error
from firewall.codecs.openai_chat.request import read_request
from firewall.codecs.openai_chat.stream import ChatStream


def stream(*, hides_usage: bool = False) -> StreamCodec:
    """Start reading one streamed answer; `hides_usage`: the chunk with the counts is ours alone."""
    return ChatStream(hides_usage=hides_usage)


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
