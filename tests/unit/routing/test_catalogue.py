"""The list of all models: routes first, every provider's, each kept a while; who does not answer is left out."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Self, cast

import orjson
import pytest

from firewall.core.dialect import Dialect
from firewall.core.errors import UpstreamError, UpstreamFault
from firewall.core.secret import Secret
from firewall.routing.catalogue import AGAIN_S, FRESH_S, Catalogue, named_by
from firewall.routing.choosing.table import Rule
from firewall.routing.port import Endpoint, UpstreamRequest, UpstreamResponse
from firewall.routing.providers import OwnLogin, Provider


class Said:
    """One answer."""

    def __init__(self, body: object, status: int = 200) -> None:
        self.status = status
        self._body = orjson.dumps(body)

    async def read(self, limit: int) -> bytes:
        """Return it."""
        assert len(self._body) <= limit
        return self._body

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Nothing to close."""


class Carrier:
    """Answers by the provider's name; remembers what it carried."""

    def __init__(self, **answers: Callable[[UpstreamRequest], Said]) -> None:
        self.answers = answers
        self.carried: list[tuple[str, UpstreamRequest]] = []

    async def open(self, endpoint: Endpoint, request: UpstreamRequest) -> UpstreamResponse:
        """Answer at once, or not at all."""
        self.carried.append((endpoint.name, request))
        if endpoint.name not in self.answers:
            raise UpstreamError("gone", fault=UpstreamFault.UNAVAILABLE)
        return cast("UpstreamResponse", self.answers[endpoint.name](request))


def provider(name: str, dialect: Dialect, *, own_login: bool = False) -> Provider:
    """Return a provider with a key of ours, or asked with the client's login."""
    endpoint = Endpoint(name, "https://api.example.com")
    return Provider(name, dialect, endpoint, None if own_login else lambda: Secret("sk-1"))


def openai(*names: str) -> Callable[[UpstreamRequest], Said]:
    """Return a list in OpenAI's shape."""
    return lambda _: Said({"data": [{"id": name} for name in names]})


def names_of(
    catalogue: Catalogue, own_login: OwnLogin | None = None, dialect: Dialect = Dialect.OPENAI_CHAT
) -> list[str]:
    """Return the names in order."""
    return [one.name for one in asyncio.run(catalogue.models(own_login, dialect))]


def test_every_provider_and_route_is_listed_once() -> None:
    """Names of routes come first and win; of two providers with one name the first is shown."""
    carrier = Carrier(a=openai("x", "coder"), b=openai("x", "y"))
    two = [provider("a", Dialect.OPENAI_CHAT), provider("b", Dialect.OPENAI_RESPONSES)]
    catalogue = Catalogue(providers=two, upstream=carrier, aliases=lambda: ("coder", "fast"))
    listed = asyncio.run(catalogue.models(None, Dialect.OPENAI_CHAT))
    assert [(one.name, one.owner) for one in listed] == [
        ("coder", "stayhand"), ("fast", "stayhand"), ("x", "a"), ("y", "b"),
    ]  # fmt: skip


def test_pages_are_followed_to_their_end() -> None:
    """Anthropic's and Gemini's lists come in pages; cursors are written so that they stay one value."""

    def anthropic(request: UpstreamRequest) -> Said:
        if "after_id" not in request.query:
            return Said({"data": [{"id": "a&b"}], "has_more": True, "last_id": "a&b"})
        assert request.query == "limit=1000&after_id=a%26b"
        return Said({"data": [{"id": "c"}], "has_more": False, "last_id": "c"})

    def gemini(request: UpstreamRequest) -> Said:
        is_first = "pageToken" not in request.query
        more = {"nextPageToken": "t"} if is_first else {}
        return Said({"models": [{"name": "models/g1" if is_first else "models/g2"}], **more})

    carrier = Carrier(a=anthropic, g=gemini)
    catalogue = Catalogue(
        providers=[provider("a", Dialect.ANTHROPIC), provider("g", Dialect.GEMINI)], upstream=carrier
    )
    assert names_of(catalogue) == ["a&b", "c", "g1", "g2"]
    first = carrier.carried[0][1]
    assert (first.method, first.path, dict(first.fields)) == (
        "GET", "/v1/models", {b"anthropic-version": b"2023-06-01"},
    )  # fmt: skip


def test_an_endless_list_ends() -> None:
    """A provider whose list never says that it ends is read for a few pages."""
    carrier = Carrier(a=lambda _: Said({"data": [{"id": "x"}], "has_more": True, "last_id": "x"}))
    assert names_of(Catalogue(providers=[provider("a", Dialect.ANTHROPIC)], upstream=carrier)) == ["x"]
    assert len(carrier.carried) == 10


def test_lists_are_kept_and_outlive_a_failure() -> None:
    """Asked anew after minutes; a provider that fails then keeps the list that it had."""
    now = [0.0]
    carrier = Carrier(a=openai("x"))
    catalogue = Catalogue(providers=[provider("a", Dialect.OPENAI_CHAT)], upstream=carrier, clock=lambda: now[0])
    assert [names_of(catalogue) for _ in range(3)] == [["x"]] * 3
    assert len(carrier.carried) == 1
    now[0] = FRESH_S
    carrier.answers.clear()
    assert [names_of(catalogue) for _ in range(3)] == [["x"]] * 3
    assert len(carrier.carried) == 2
    now[0] += AGAIN_S
    names_of(catalogue)
    assert len(carrier.carried) == 3


@pytest.mark.parametrize("answer", [Said({}, 500), Said({"error": 1}), Said([])])
def test_who_does_not_answer_is_left_out(answer: Said) -> None:
    """One provider that is down, refuses or answers nonsense does not take the others' models along."""
    carrier = Carrier(a=lambda _: answer, b=openai("y"))
    two = [provider("a", Dialect.OPENAI_CHAT), provider("b", Dialect.OPENAI_CHAT)]
    assert names_of(Catalogue(providers=two, upstream=carrier)) == ["y"]


def test_nobody_to_ask_is_an_error() -> None:
    """An empty list would say that the token may use nothing; names of routes are known without asking."""
    one = [provider("a", Dialect.OPENAI_CHAT)]
    with pytest.raises(UpstreamError):
        names_of(Catalogue(providers=one, upstream=Carrier()))
    assert names_of(Catalogue(providers=one, upstream=Carrier(), aliases=lambda: ("coder",))) == ["coder"]
    assert names_of(Catalogue(providers=[], upstream=Carrier())) == []


def test_what_a_client_lists_with_its_own_login_is_its_own() -> None:
    """Never kept, never shown to a client without one, never asked with somebody else's."""
    carrier = Carrier(a=openai("private"))
    catalogue = Catalogue(providers=[provider("a", Dialect.OPENAI_CHAT, own_login=True)], upstream=carrier)
    login = OwnLogin("authorization", Secret("sk-theirs"), "Bearer ")
    assert names_of(catalogue, login) == ["private"]
    assert names_of(catalogue, None) == []
    [(_, request)] = carrier.carried
    assert request.credential is not None
    assert request.credential.secret.reveal() == "sk-theirs"


@pytest.mark.parametrize("dialect", [Dialect.ANTHROPIC, Dialect.OPENAI_CHAT, Dialect.GEMINI])
def test_a_client_s_own_login_goes_to_its_own_vendor_alone(dialect: Dialect) -> None:
    """Another vendor's list is not asked for with it: it would learn the login."""
    carrier = Carrier(a=openai("x"), c=lambda _: Said({"data": [{"id": "y"}], "has_more": False}))
    two = [
        provider("a", Dialect.OPENAI_RESPONSES, own_login=True),
        provider("c", Dialect.ANTHROPIC, own_login=True),
    ]
    login = OwnLogin("authorization", Secret("sk-theirs"), "Bearer ")
    names_of(Catalogue(providers=two, upstream=carrier), login, dialect)
    own = {Dialect.OPENAI_CHAT: ["a"], Dialect.ANTHROPIC: ["c"]}
    assert [name for name, _ in carrier.carried] == own.get(dialect, [])


def test_names_of_routes_are_listed_and_patterns_are_not() -> None:
    """A name that two routes answer to stands once; a glob is nobody's name."""
    rules = [Rule(name="a", models=("coder", "claude-*")), Rule(name="b", models=("fast", "coder", "m?"))]
    assert named_by(rules) == ("coder", "fast")


def test_who_is_down_is_left_alone_for_a_while() -> None:
    """A provider that cannot be asked is not waited for with each list."""
    carrier = Carrier(b=openai("y"))
    two = [provider("a", Dialect.OPENAI_CHAT), provider("b", Dialect.OPENAI_CHAT)]
    catalogue = Catalogue(providers=two, upstream=carrier, clock=lambda: 0.0)
    assert [names_of(catalogue) for _ in range(3)] == [["y"]] * 3
    assert [name for name, _ in carrier.carried] == ["a", "b"]


def test_configured_models_are_not_asked_for() -> None:
    """What stands in the configuration is the list; a keyless server is asked without a login."""
    carrier = Carrier(own=openai("llama"))
    listed = replace(provider("cloud", Dialect.ANTHROPIC), models=("claude-x",))
    own = replace(provider("own", Dialect.OPENAI_CHAT, own_login=True), is_keyless=True)
    assert names_of(Catalogue(providers=[listed, own], upstream=carrier)) == ["claude-x", "llama"]
    [(_, request)] = carrier.carried
    assert request.credential is None
