"""The codec of each dialect."""

from collections.abc import Mapping

from firewall.codecs import anthropic, gemini, openai_chat, openai_responses
from firewall.codecs.interface import Codec
from firewall.core.dialect import Dialect

CODECS: Mapping[Dialect, Codec] = {
    Dialect.ANTHROPIC: anthropic,
    Dialect.OPENAI_CHAT: openai_chat,
    Dialect.OPENAI_RESPONSES: openai_responses,
    Dialect.GEMINI: gemini,
}
