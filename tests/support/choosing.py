"""A table of routes from the text of a configuration, and calls to plan with it; nothing is sent."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from firewall.codecs.dialects import CODECS
from firewall.codecs.interface import Codec
from firewall.core.attribution import Attribution
from firewall.core.dialect import Dialect
from firewall.core.grant import Grant
from firewall.core.secret import Secret
from firewall.routing.call import Caller, Candidate, ModelCall, Plan
from firewall.routing.choosing.chooser import Chooser, Outside
from firewall.routing.choosing.compiling import rules_of
from firewall.routing.choosing.modelfile import read_models
from firewall.routing.choosing.table import Table, table_of
from firewall.routing.port import Endpoint
from firewall.routing.providers import Provider, Providers
from firewall.settings.settings import Settings

GRANT = Grant("staging", "olga", "a", datetime(2026, 11, 22, tzinfo=UTC))
NOW_US = 1_795_262_400_000_000
"""2026-11-21 12:00 UTC, a Saturday."""
Json = dict[str, object]


def provider(
    name: str, *, dialect: Dialect = Dialect.ANTHROPIC, region: str = "us", hosting: str = "saas"
) -> Provider:
    """Return a provider with a key of ours."""
    endpoint = Endpoint(name, f"https://{name}.example.com")
    return Provider(name, dialect, endpoint, lambda: Secret("sk-1"), region=region, hosting=hosting)


HOUSES = (
    provider("saas"),
    provider("euro", region="eu-west-1"),
    provider("own", region="eu-central-1", hosting="self"),
    provider("vpc", hosting="vpc"),
    provider("other", dialect=Dialect.GEMINI),
)
"""One of each kind; the first answers what no route fits."""


def table(routes: str = "", models: str = "", *, providers: tuple[Provider, ...] = HOUSES) -> Table:
    """Compile the text of routes and of models.toml."""
    settings = Settings.model_validate(tomllib.loads(routes))
    known, constraints = read_models(tomllib.loads(models))
    return table_of(rules_of(settings.route, providers, "stayhand.toml"), constraints, known)


@dataclass(slots=True)
class House:
    """Plans calls under one table; time, draws and prices are the test's."""

    routes: str = ""
    models: str = ""
    providers: tuple[Provider, ...] = HOUSES
    prices: Mapping[str, int] = field(default_factory=dict)
    """Micro-USD of a token, in or out, by candidate."""
    labels: frozenset[str] = frozenset()
    """What a search of any call finds."""
    draws: list[float] = field(default_factory=list)
    now_us: int = NOW_US
    searched: int = 0
    chooser: Chooser = field(init=False)

    def __post_init__(self) -> None:
        """Compile."""
        made = table(self.routes, self.models, providers=self.providers)
        outside = Outside(
            now_us=lambda: self.now_us,
            draw=lambda: self.draws.pop(0) if self.draws else 0.0,
            labels=self._search,
            pricing=self._price,
            is_priced=lambda one, at_us: self._price(one, 1, 1, at_us) is not None,
        )
        self.chooser = Chooser(lambda: made, Providers(self.providers), outside)

    def plan(self, call: ModelCall) -> Plan:
        """Plan one call."""
        return self.chooser.plan(call)

    def names(self, call: ModelCall) -> list[str]:
        """Return whom the plan names, in order."""
        return [one.name for one in self.plan(call).candidates]

    def _search(self, _call: ModelCall) -> frozenset[str]:
        self.searched += 1
        return self.labels

    def _price(self, candidate: Candidate, tokens_in: int, tokens_out: int, _at_us: int) -> int | None:
        each = self.prices.get(candidate.name)
        return None if each is None else each * (tokens_in + tokens_out)


_PATHS = {
    Dialect.ANTHROPIC: "/v1/messages",
    Dialect.OPENAI_CHAT: "/v1/chat/completions",
    Dialect.OPENAI_RESPONSES: "/v1/responses",
    Dialect.GEMINI: "/v1beta/models/m:generateContent",
}

_TURNS: Mapping[Dialect, Json] = {
    Dialect.ANTHROPIC: {"max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]},
    Dialect.OPENAI_CHAT: {"messages": [{"role": "user", "content": "hello"}]},
    Dialect.OPENAI_RESPONSES: {"input": "hello"},
    Dialect.GEMINI: {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]},
}


def call_of(
    model: str = "m",
    *,
    dialect: Dialect = Dialect.ANTHROPIC,
    grant: Grant = GRANT,
    session: str = "",
    about: Attribution | None = None,
    headers: Mapping[str, str] | None = None,
    **body: object,
) -> ModelCall:
    """Return a call as the gate reads it: one turn that says hello, unless the body says something else."""
    value: Json = {"model": model, **_TURNS[dialect], **body}
    raw = json.dumps(value).encode()
    codec: Codec = CODECS[dialect]
    request = replace(codec.read_request(raw, value, {}, _PATHS[dialect]), model=model)
    caller = Caller("olga/a", ("tok_1",), grant, session)
    return ModelCall(
        dialect,
        request,
        value,
        _PATHS[dialect],
        "",
        (),
        headers or {},
        None,
        caller,
        about or Attribution(),
    )


def tags(**said: str) -> Attribution:
    """Return an attribution with these tags."""
    return Attribution(tags=tuple(sorted(said.items())))
