"""The Responses dialect, read."""

from firewall.codecs.neutral.openai_responses.answer_in import read_answer, read_error
from firewall.codecs.neutral.openai_responses.request_in import read_request
from firewall.codecs.neutral.openai_responses.stream_in import stream

__all__ = ["read_answer", "read_error", "read_request", "stream"]
