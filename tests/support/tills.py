"""A till over a real ledger: who asks, for what, and who may answer."""

from datetime import UTC, datetime

from firewall.codecs.interface import ModelRequest
from firewall.core.budget import Budget
from firewall.core.dialect import Dialect
from firewall.core.grant import Grant
from firewall.core.spending import Line
from firewall.gates.models.paying import Entry, Till
from firewall.guard.requester import Requester
from firewall.routing.call import Caller, Candidate, Heard, ModelCall, Plan, Surface
from firewall.routing.port import Endpoint
from firewall.routing.providers import Provider
from firewall.routing.trying.answers import Kept
from firewall.spend.rates import Limit
from firewall.spend.telling import BudgetAlert, Telling
from firewall.tokens.service import Draw
from tests.support.spending import Purse

GRANT = Grant("staging", "olga", "a", datetime(2030, 1, 1, tzinfo=UTC), team="platform")
SAID = Entry({"purpose": "generate"}, {"sha256": "0"}, {"model": "m"})


def candidate(provider: str, model: str) -> Candidate:
    """Name a model at a provider whose prices are the tests' own."""
    endpoint = Endpoint(provider, "http://127.0.0.1:9", private=True)
    return Candidate(Provider(provider, Dialect.OPENAI_CHAT, endpoint, None), model)


CHEAP, DEAR = candidate("here", "cheap"), candidate("there", "dear")
PLAN = Plan("coder", (DEAR, CHEAP))


def call(surface: Surface = Surface.GENERATE) -> ModelCall:
    """Build a call of a hundred bytes for fifty tokens."""
    request = ModelRequest(model="m", stream=False, body=b"x" * 100, identity={}, max_output_tokens=50)
    caller = Caller("olga/a", ("tok_1",), GRANT)
    return ModelCall(Dialect.OPENAI_CHAT, request, {}, "", "", (), {}, None, caller, surface=surface)


def answer(said: Heard, status: int = 200) -> Kept:
    """Return an answer of which this is heard."""
    return Kept(status, [], b"{}", said)


def requester(**caps: int) -> Requester:
    """Build who asks."""
    draw = Draw("tok_1", caps.get("requests", 0), caps.get("tokens", 0), 0, caps.get("money", 0))
    return Requester("tok_1", ("tok_1",), (draw,), GRANT, "olga/a", session="s")


def till(found: Purse, *budgets: Budget, limits: tuple[Limit, ...] = ()) -> tuple[Till, list[Line]]:
    """Return a till, and what it counts."""
    lines: list[Line] = []

    async def tell(_: BudgetAlert) -> None:
        return

    return Till(found.spending(*budgets), Telling(found.installation.writer, tell), lines.append, limits), lines
