"""How each dialect goes on: one line each."""

from collections.abc import Mapping

from firewall.codecs.continuing import anthropic, gemini, openai_chat, openai_responses
from firewall.codecs.continuing.interface import Continuer
from firewall.core.dialect import Dialect

CONTINUERS: Mapping[Dialect, Continuer] = {
    Dialect.ANTHROPIC: anthropic,
    Dialect.OPENAI_CHAT: openai_chat,
    Dialect.OPENAI_RESPONSES: openai_responses,
    Dialect.GEMINI: gemini,
}
