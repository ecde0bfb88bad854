"""Which dialects a provider is spoken to in without translation.

Whoever serves Responses serves Chat Completions as well: OpenAI itself, and all that followed it. The other way
round that holds of OpenAI proper alone: many compatible servers (vLLM, Ollama, llama.cpp, …) have no `/responses`,
or half of it, so what is configured as `openai-chat` is spoken to in that dialect.
"""

from urllib.parse import urlsplit

from firewall.core.dialect import Dialect
from firewall.routing.providers import Provider

_PROPER = (".openai.com", ".openai.azure.com")
"""Hosts that serve both, whichever a provider was configured with."""


def speaks(provider: Provider, dialect: Dialect) -> bool:
    """Tell whether a call in `dialect` goes to the provider byte for byte."""
    if provider.dialect is dialect:
        return True
    match provider.dialect, dialect:
        case Dialect.OPENAI_RESPONSES, Dialect.OPENAI_CHAT:
            return True
        case Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES:
            host = urlsplit(provider.endpoint.base_url).hostname or ""
            return host.endswith(_PROPER)
        case _:
            return False
