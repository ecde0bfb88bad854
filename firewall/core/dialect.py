"""The four wire formats that agents speak to models."""

from enum import StrEnum


class Dialect(StrEnum):
    """A provider's wire format, named as in `stayhand.toml`."""

    ANTHROPIC = "anthropic"
    OPENAI_CHAT = "openai-chat"
    OPENAI_RESPONSES = "openai-responses"
    GEMINI = "gemini"
