"""OpenAI Chat Completions as a `Writer`."""

from firewall.codecs.neutral.interface import Asked, StreamWriter
from firewall.codecs.neutral.openai_chat.answer_out import ChatWriter, write_answer, write_error
from firewall.codecs.neutral.openai_chat.request_out import write_request


def stream(asked: Asked) -> StreamWriter:
    """Start writing a streamed answer."""
    return ChatWriter(asked)


__all__ = ["stream", "write_answer", "write_error", "write_request"]
