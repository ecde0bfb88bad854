"""`[[provider]]`: who answers model calls (DESIGN 6.2)."""

from typing import Literal

from pydantic import Field

from firewall.core.dialect import Dialect
from firewall.settings.surviving import ProviderSurvival
from firewall.settings.values import SecretRef


class Provider(ProviderSurvival):
    """Somebody who answers model calls."""

    name: str
    dialect: Dialect
    base_url: str
    """As the dialect's SDK takes it: OpenAI with /v1, Anthropic and Gemini without a version."""
    api_key: SecretRef | Literal["client"]
    """A reference, or `client`: the agent's own login passes to this provider only."""
    region: str = ""
    hosting: Literal["saas", "vpc", "self"] = "saas"
    timeout_s: int = Field(default=600, ge=1)
    first_token_timeout_s: int = Field(default=30, ge=1)
    prices: str = ""
    """Whose prices hold, as the price list names the seller (`openai`, `anthropic`, …); empty: by `base_url`."""
    stream_usage: bool = True
    """Ask streams of Chat Completions for their token counts; false for servers that do not know the option."""
