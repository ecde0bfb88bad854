"""Who answers a model call: in this version the first provider of the spoken dialect, the model unchanged."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from firewall.core.dialect import Dialect
from firewall.core.errors import FirewallError
from firewall.core.secret import Secret
from firewall.core.terms import Care
from firewall.routing.port import Credential, Endpoint

_HEADERS = {
    Dialect.ANTHROPIC: ("x-api-key", ""),
    Dialect.OPENAI_CHAT: ("authorization", "Bearer "),
    Dialect.OPENAI_RESPONSES: ("authorization", "Bearer "),
    Dialect.GEMINI: ("x-goog-api-key", ""),
}
SHARED = {Dialect.OPENAI_CHAT: Dialect.OPENAI_RESPONSES, Dialect.OPENAI_RESPONSES: Dialect.OPENAI_CHAT}
"""OpenAI's two dialects live under one base URL with one key: a provider of either answers both, if need be
translated (`natives.speaks`)."""


class NoProviderError(FirewallError):
    """Nobody serves this dialect."""

    code = "model_not_found"
    status = 404


@dataclass(frozen=True, slots=True)
class Provider:
    """A configured provider, ready to be spoken to."""

    name: str
    dialect: Dialect
    endpoint: Endpoint
    key: Callable[[], Secret] | None
    """Reads our key anew at each call (rotation without restart); None: the agent's own login passes through."""
    care: Care = field(default_factory=Care)
    """How it is treated when it fails or is full."""
    region: str = ""
    hosting: str = "saas"
    """`saas`, `vpc` or `self`: whose machines it runs on."""
    counts: bool = True
    """It can be asked how many tokens a request has, where its dialect has such a question."""
    seller: str = ""
    """Whose prices hold, as the price list names the seller; empty: by the address."""
    counts_streams: bool = True
    """It understands `stream_options`, so that a stream says what it used."""
    marks_cache: bool = True
    """In Anthropic's dialect: conversations of clients that speak another are marked for its cache."""
    header: str = ""
    """The field that carries our key, lower case; empty: the dialect's own."""
    prefix: str = ""
    """What stands before the key in that field."""
    is_keyless: bool = False
    """It is asked without any key; nobody's login goes there either."""
    models: tuple[str, ...] = ()
    """What it serves, as configured; empty: it lists them itself."""
    _given: "list[Credential]" = field(default_factory=list, init=False, repr=False, compare=False)
    """The newest of our key: good while the key is read as the same object."""

    def credential(self, own_login: "OwnLogin | None") -> Credential | None:
        """Return what authenticates one request to this provider."""
        if self.is_keyless:
            return None
        if self.key is not None:
            key = self.key()
            if self._given and self._given[0].secret is key:
                return self._given[0]
            header, prefix = (self.header, self.prefix) if self.header else _HEADERS[self.dialect]
            self._given[:] = [Credential(header, key, prefix)]
            return self._given[0]
        if own_login is None:
            return None
        return Credential(own_login.header, own_login.secret, own_login.prefix, of_client=True)


@dataclass(frozen=True, slots=True)
class OwnLogin:
    """The agent's own login at a provider, as it came."""

    header: str
    secret: Secret
    prefix: str = ""


class Providers:
    """All configured providers, in order."""

    def __init__(self, providers: Sequence[Provider]) -> None:
        self._providers = tuple(providers)

    def pick(self, dialect: Dialect) -> Provider:
        """Return who answers a dialect.

        Raises: NoProviderError (404).
        """
        for wanted in (dialect, SHARED.get(dialect)):
            for provider in self._providers:
                if provider.dialect is wanted:
                    return provider
        raise NoProviderError(f"no provider speaks `{dialect.value}` here")

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._providers)
