"""The Gemini dialect, read."""

from firewall.codecs.neutral.gemini.answer_in import read_answer, read_error
from firewall.codecs.neutral.gemini.request_in import read_request
from firewall.codecs.neutral.gemini.stream_in import stream

__all__ = ["read_answer", "read_error", "read_request", "stream"]
