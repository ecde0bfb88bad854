"""Anthropic Messages as a `Reader`."""

from firewall.codecs.neutral.anthropic.answer_in import read_answer, read_error
from firewall.codecs.neutral.anthropic.request_in import read_request
from firewall.codecs.neutral.anthropic.stream_in import MessagesReader
from firewall.codecs.neutral.interface import StreamReader


def stream(*, seed: str) -> StreamReader:
    """Start reading a streamed answer; this dialect's providers give all ids themselves."""
    del seed
    return MessagesReader()


__all__ = ["read_answer", "read_error", "read_request", "stream"]
