"""The Responses dialect, written."""

from firewall.codecs.neutral.openai_responses.answer_out import write_answer, write_error
from firewall.codecs.neutral.openai_responses.request_out import write_request
from firewall.codecs.neutral.openai_responses.stream_out import stream

__all__ = ["stream", "write_answer", "write_error", "write_request"]
