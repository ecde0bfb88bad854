"""The Gemini dialect, written."""

from firewall.codecs.neutral.gemini.answer_out import stream, write_answer, write_error
from firewall.codecs.neutral.gemini.request_out import write_request

__all__ = ["stream", "write_answer", "write_error", "write_request"]
