"""Which dialects a provider is spoken to in: its own, and at OpenAI proper both of OpenAI's.

Whatever else is called OpenAI-compatible (vLLM, Ollama, llama.cpp, …) is spoken to in the dialect that it was
configured with, and calls in the other one are translated: many of them serve only one, or only half of the other.
"""

from urllib.parse import urlsplit

from firewall.core.dialect import Dialect
from firewall.routing.providers import SHARED, Provider

_BOTH = (".openai.com", ".openai.azure.com")
"""Hosts that serve Chat Completions and Responses alike."""


def speaks(provider: Provider, dialect: Dialect) -> bool:
    """Tell whether a call in `dialect` goes to the provider byte for byte."""
    if provider.dialect is dialect:
        return True
    if SHARED.get(provider.dialect) is not dialect:
        return False
    host = urlsplit(provider.endpoint.base_url).hostname or ""
    return host.endswith(_BOTH)
