"""Anthropic Messages as a `Writer`."""

from firewall.codecs.neutral.anthropic.answer_out import MessagesWriter, write_answer, write_error
from firewall.codecs.neutral.anthropic.request_out import write_request
from firewall.codecs.neutral.interface import Asked, StreamWriter


def stream(asked: Asked) -> StreamWriter:
    """Start writing a streamed answer."""
    return MessagesWriter(asked)


__all__ = ["stream", "write_answer", "write_error", "write_request"]
