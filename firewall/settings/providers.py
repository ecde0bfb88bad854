"""`[[provider]]`: who answers model calls (DESIGN 6.2)."""

import re
from typing import Literal

from pydantic import Field, model_validator

from firewall.core.dialect import Dialect
from firewall.settings.resolvers import checked_header
from firewall.settings.surviving import ProviderSurvival
from firewall.settings.values import SecretRef

_FIELD = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_OURS = frozenset({
    "accept-encoding", "api-key", "authorization", "connection", "content-length", "content-type", "cookie",
    "host", "proxy-authorization", "te", "transfer-encoding", "upgrade", "x-api-key", "x-goog-api-key",
})  # fmt: skip
_REGION = re.compile(r"[a-z][a-z0-9-]{1,40}")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")


class Provider(ProviderSurvival):
    """Somebody who answers model calls."""

    name: str
    dialect: Dialect
    kind: Literal["plain", "azure", "bedrock", "vertex"] = "plain"
    """Whose manner of the dialect: `plain` is the dialect's own (OpenRouter, vLLM, Ollama and llama.cpp too)."""
    base_url: str = ""
    """As the dialect's SDK takes it: OpenAI with /v1, Anthropic and Gemini without a version. Azure: ending in
    `/openai/v1`, or in `/openai` for deployments. May be left out for Bedrock and Vertex: the region names it."""
    api_key: SecretRef | Literal["client"] | None = None
    """A reference, or `client`: the agent's own login passes to this provider only. Left out: none is sent, which
    `hosting` vpc or self alone may have. Bedrock: AWS's keys as JSON, or a Bedrock API key; Vertex: a token, or a
    service account's JSON key."""
    header: str = ""
    """The header field of the key with `{credential}` at its end, where it is not the kind's or dialect's own."""
    headers: dict[str, str] = {}  # noqa: RUF012 - pydantic copies it
    """Fixed header fields beside the dialect's own (`X-Title` at OpenRouter); never a secret."""
    models: tuple[str, ...] = ()
    """What it serves, for lists of models, where it cannot list them itself."""
    api_version: str = ""
    """Azure: the `api-version` of the query; deployments have a default."""
    project: str = ""
    """Vertex: the project's id."""
    region: str = ""
    """Where it runs, for routes; Bedrock and Vertex are addressed by it."""
    hosting: Literal["saas", "vpc", "self"] = "saas"
    timeout_s: int = Field(default=600, ge=1)
    first_token_timeout_s: int = Field(default=30, ge=1)
    prices: str = ""
    """Whose prices hold, as the price list names the seller (`openai`, `anthropic`, …); empty: by `base_url`."""
    cache_marks: bool = True
    """Anthropic's dialect: mark conversations of clients that speak another dialect for the provider's cache."""
    stream_usage: bool = True
    """Ask streams of Chat Completions for their token counts; false for servers that do not know the option."""

    @model_validator(mode="after")
    def _fits(self) -> "Provider":
        self._key_fits()
        self._kind_fits()
        for name, value in self.headers.items():
            if (
                not _FIELD.fullmatch(name)
                or name.lower() in _OURS
                or not value.isascii()
                or not value.isprintable()
            ):
                raise ValueError(f"the header `{name}` cannot be fixed here")
        return self

    def _key_fits(self) -> None:
        if self.api_key is None and self.hosting == "saas":
            raise ValueError('`api_key` is needed, unless it runs with you (`hosting` "vpc" or "self")')
        if self.api_key in (None, "client") and self.kind in ("bedrock", "vertex"):
            raise ValueError(f"`api_key` of kind {self.kind} names a credential of yours")
        if self.header:
            checked_header(self.header)
        if self.health is not None and self.api_key == "client":
            raise ValueError("`health` needs a key of yours: an agent's own login is used for its own calls alone")
        if self.health is not None and self.kind in ("bedrock", "vertex"):
            raise ValueError(f"`health` is not for kind {self.kind}")

    def _kind_fits(self) -> None:
        if not self.base_url and self.kind in ("plain", "azure"):
            raise ValueError("`base_url` is needed")
        if self.kind == "azure" and self.dialect not in (Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES):
            raise ValueError("kind azure speaks openai-chat or openai-responses")
        if self.kind == "bedrock" and (self.dialect is Dialect.GEMINI or not _REGION.fullmatch(self.region)):
            raise ValueError("kind bedrock needs a `region`, and does not speak gemini")
        if self.kind == "bedrock" and not self.base_url and self.dialect is not Dialect.ANTHROPIC:
            raise ValueError("OpenAI's models at Bedrock need their `base_url`")
        is_google = self.dialect in (Dialect.GEMINI, Dialect.ANTHROPIC)
        if self.kind == "vertex" and not (is_google and _REGION.fullmatch(self.region) and self.project):
            raise ValueError("kind vertex needs `project` and `region`, and speaks gemini or anthropic")
        for value in (self.project, self.api_version):
            if value and not _PLAIN.fullmatch(value):
                raise ValueError(f"`{value}` has characters that no address may have")
