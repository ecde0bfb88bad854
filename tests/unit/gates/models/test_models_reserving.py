"""What is held is given back however the way from its commit to the exchange ends."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from firewall.codecs.interface import Usage
from firewall.core.budget import Budget, Scope, Window
from firewall.core.errors import StoreError
from firewall.core.work import Outcome, Record, Unit
from firewall.gates.models.accounts import Accounts
from firewall.gates.models.gate import ModelsGate
from firewall.gates.models.paying import Till
from firewall.gates.models.seeing import Seeing
from firewall.routing.call import Attempt, ModelCall, Plan, Routed
from firewall.tokens.service import Bearer, TokenKind
from tests.support.spending import Purse, purse
from tests.support.tills import CHEAP, GRANT, PLAN, SAID, call, requester, till

WIDE = Budget(Scope.TEAM, Window.DAY, hard_micros=10**9)


class Guard:
    """A guard whose log fails when it is told what an agent says to its model."""

    def finished(self, *_: object) -> None:
        """Hear of calls that were run."""

    async def read(self, *_: object) -> None:
        """Search what is said."""
        raise StoreError("the log cannot be written")


def gate_over(found: Purse, paying: Till) -> ModelsGate:
    """Return a gate that admits and holds for real, before a guard that fails."""

    async def bearer(*_: object) -> Bearer:
        return Bearer("tok_1", TokenKind.AGENT, 0, grant=GRANT, lineage=("tok_1",), principal="olga/a")

    def plan(_: ModelCall) -> Plan:
        return Plan("coder", (CHEAP,))

    return ModelsGate(
        means=SimpleNamespace(guard=Guard(), approvals=None, continues=False),  # type: ignore[arg-type]  # a stand-in
        doorkeeper=SimpleNamespace(bearer=bearer),  # type: ignore[arg-type]  # a stand-in
        router=SimpleNamespace(plan=plan),  # type: ignore[arg-type]  # a stand-in
        plain=SimpleNamespace(),  # type: ignore[arg-type]  # never asked
        till=paying,
        sequencer=found.installation.writer,
        clock=found.clock,
        issuer_of=lambda _, __: "",
        seeing=Seeing(SimpleNamespace(forward=None, called=lambda _: None)),
        max_body_bytes=1 << 20,
    )


async def test_a_log_that_fails_after_the_money_is_held_gives_it_back(tmp_path: Path) -> None:
    """Nobody was asked, so nothing stays held until a lease ends and nothing is booked."""
    async with purse(tmp_path) as found:
        paying, lines = till(found, WIDE)
        body = b'{"model": "cheap", "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]}'
        sent: list[object] = []

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": body}

        async def send(message: object) -> None:
            sent.append(message)

        scope = {"method": "POST", "path": "/v1/chat/completions", "query_string": b"", "headers": []}
        await gate_over(found, paying)(scope, receive, send)  # type: ignore[arg-type]  # messages are dicts
        assert sent[0]["status"] == 503  # type: ignore[index]  # a head
        await settled(found)
        assert list(found.accounts().values()) == [(0, 0)]
        assert [line.state.value for line in lines] == ["unasked"]


async def test_who_is_gone_while_the_money_is_being_held_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit was under way and could not be stopped: what it held is given back in the next one."""
    async with purse(tmp_path) as found:
        paying, _ = till(found, WIDE)
        writer = found.installation.writer

        async def interrupted(unit: Unit) -> Outcome:
            queued = writer.queue(unit)
            asked.cancel()
            return await queued

        monkeypatch.setattr(writer, "submit", interrupted)
        asked = asyncio.create_task(paying.enter(call(), PLAN, requester(), SAID))
        with pytest.raises(asyncio.CancelledError):
            await asked
        await settled(found)
        assert found.kinds() == ["model.requested", "spend.settled", "limit.hit"]
        assert set(found.accounts().values()) == {(0, 0)}


async def test_a_request_that_goes_on_after_refusals_is_owed_when_its_client_leaves(tmp_path: Path) -> None:
    """It was sent and nobody waited for it: an estimate, never nothing."""
    async with purse(tmp_path) as found:
        paying, lines = till(found, WIDE)
        first, _ = await paying.enter(call(), PLAN, requester(), SAID)
        second, _ = await paying.enter(call(), PLAN, requester(), SAID)
        exchange = SimpleNamespace(earlier_micros=0, meter=first, held=None, requester=requester())
        seeing = SimpleNamespace(closed=lambda *_, **__: None)
        accounts = Accounts(exchange, first, paying, found.clock, call(), seeing, 0)  # type: ignore[arg-type]  # stand-ins
        exchange.heard, exchange.first_us, exchange.ruler = None, 0, None
        exchange.dialect = call().dialect
        accounts.open(second, Usage())

        async def ask(trail: list[Attempt]) -> Routed:
            trail.append(Attempt(CHEAP, "given_up", may_cost=True))
            raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            await accounts.asked(ask)
        accounts.close("client_gone", Usage())
        await settled(found)
        assert [line.state.value for line in lines] == ["unasked", "estimated"]
        assert (lines[1].model, set(found.accounts().values())) == ("cheap", {(lines[1].cost_micros, 0)})


async def settled(found: Purse) -> None:
    """Wait until all that was queued before is durable."""
    await found.installation.writer.queue(Unit((Record(kind="limit.hit", data={}),)))
