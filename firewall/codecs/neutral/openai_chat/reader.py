"""OpenAI Chat Completions as a `Reader`."""

from firewall.codecs.neutral.interface import StreamReader
from firewall.codecs.neutral.openai_chat.answer_in import read_answer, read_error
from firewall.codecs.neutral.openai_chat.request_in import read_request
from firewall.codecs.neutral.openai_chat.stream_in import ChatReader


def stream(*, seed: str) -> StreamReader:
    """Start reading a streamed answer."""
    return ChatReader(seed)


__all__ = ["read_answer", "read_error", "read_request", "stream"]
