"""Asking providers whether they are well: what is sent, whom it counts against, and what it never does."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from firewall.core.breaker import Rule, State
from firewall.core.dialect import Dialect
from firewall.core.errors import ConfigError
from firewall.core.secret import Secret
from firewall.core.terms import Care, HealthTerms
from firewall.routing.call import Candidate
from firewall.routing.port import Endpoint
from firewall.routing.providers import Provider
from firewall.routing.trying.circuits import Circuits
from firewall.routing.trying.probing import OK, UNREADABLE, Probed, Prober
from firewall.routing.upstream import HttpUpstream
from tests.support.moody_provider import Moody, moody_provider

KEY = Secret("sk-health-canary-0123456789")
RULE = Rule(least=2, cooldown_s=5, cooldown_cap_s=60)
LONG_S = 100.0


@dataclass(slots=True)
class House:
    """A provider that is asked, its circuits, and what was told."""

    moody: Moody
    upstream: HttpUpstream
    now: float = 1000.0
    counted: list[str] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)

    def provider(self, *, is_always: bool = False, **more: object) -> Provider:
        """Return a provider that is asked for its models."""
        terms = HealthTerms(is_always=is_always, timeout_s=0.5)
        endpoint = Endpoint("moody", f"{self.moody.address}/moody", private=True)
        care = Care(RULE, health=terms)
        return replace(Provider("moody", Dialect.ANTHROPIC, endpoint, lambda: KEY, care=care), **more)  # type: ignore[arg-type]  # its fields, by name

    def circuits(self) -> Circuits:
        """Return circuits by this house's clock."""
        return Circuits(lambda: self.now)

    def prober(self, circuits: Circuits, provider: Provider) -> Prober:
        """Return a prober of one provider."""

        def count(_: str, one: Probed) -> None:
            self.counted.append(one.outcome)

        def record(_: str, one: Probed) -> None:
            self.recorded.append(one.outcome)

        return Prober(
            self.upstream, circuits, providers=[provider], count=count, record=record, now=time.monotonic
        )

    @property
    def lists(self) -> int:
        """How often the list of models was asked for."""
        return self.moody.asked["GET moody v1/models"]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A provider on loopback."""
    upstream = HttpUpstream()
    with moody_provider() as moody:
        yield House(moody, upstream)
    await upstream.close()


def fail(circuits: Circuits, provider: Provider, model: str = "m-1", key: str = KEY.fingerprint) -> None:
    """Open the circuit of a model as calls do."""
    for _ in range(2):
        leave = circuits.admit(Candidate(provider, model), key)
        assert leave is not None
        circuits.failed(leave)


def state(circuits: Circuits, model: str = "m-1") -> State:
    """Return where a model's circuit stands."""
    [found] = [one.state for one in circuits.listing() if one.circuit.model == model]
    return found


async def test_nobody_is_asked_while_nobody_is_left_alone(house: House) -> None:
    """By default a provider is asked only while one of its circuits is not closed."""
    provider, circuits = house.provider(), house.circuits()
    prober = house.prober(circuits, provider)
    assert await prober.look(provider) is None
    circuits.admit(Candidate(provider, "m-1"), KEY.fingerprint)
    assert await prober.look(provider) is None
    assert (house.lists, house.counted) == (0, [])
    fail(circuits, provider)
    probed = await prober.look(provider)
    assert probed is not None
    assert (probed.outcome, probed.status, house.lists) == (OK, 200, 1)
    assert (house.counted, house.recorded) == ([OK], [OK])


async def test_what_is_sent_is_ours_alone(house: House) -> None:
    """A GET without a body, with our key, for the list of models or for what is configured."""
    provider, circuits = house.provider(is_always=True), house.circuits()
    await house.prober(circuits, provider).look(provider)
    [(label, body, sent)] = house.moody.seen
    assert (label, body) == ("GET moody v1/models", b"")
    assert sent["x-api-key"] == KEY.reveal()
    assert sent["anthropic-version"]
    terms = HealthTerms("/status", "deep=no", is_always=True)
    other = replace(provider, care=replace(provider.care, health=terms))
    await house.prober(circuits, other).look(other)
    assert house.moody.asked["GET moody status"] == 1


async def test_an_answer_ends_no_cooldown_and_closes_nothing(house: House) -> None:
    """That a list is given says nothing of a model: the next call is the probe, as it would be."""
    provider, circuits = house.provider(), house.circuits()
    prober = house.prober(circuits, provider)
    fail(circuits, provider)
    await prober.look(provider)
    assert state(circuits) is State.OPEN
    house.now += 6
    await prober.look(provider)
    assert state(circuits) is State.HALF_OPEN
    leave = circuits.admit(Candidate(provider, "m-1"), KEY.fingerprint)
    assert leave is not None
    assert leave.ticket.is_probe


async def test_a_failure_keeps_a_half_open_circuit_from_calls(house: House) -> None:
    """The provider is asked by us before an agent's call tries it, and is left alone for longer."""
    provider, circuits = house.provider(), house.circuits()
    prober = house.prober(circuits, provider)
    fail(circuits, provider)
    house.moody.ill.add("moody")
    house.now += 6
    probed = await prober.look(provider)
    assert probed is not None
    assert (probed.status, state(circuits)) == (503, State.OPEN)
    assert circuits.wait_s(Candidate(provider, "m-1"), KEY.fingerprint) == 10.0


async def test_always_asked_a_provider_is_left_alone_before_anybody_notices(house: House) -> None:
    """Failures count for every circuit of the key, and for no other key's; an entry is written when it changes."""
    provider, circuits = house.provider(is_always=True), house.circuits()
    prober = house.prober(circuits, provider)
    for model, key in (("m-1", KEY.fingerprint), ("m-2", KEY.fingerprint), ("m-3", "client")):
        circuits.admit(Candidate(provider, model), key)
    for _ in range(3):
        await prober.look(provider)
    assert (house.counted, house.recorded) == ([OK] * 3, [OK])
    house.moody.ill.add("moody")
    for _ in range(2):
        await prober.look(provider)
    assert [state(circuits, model) for model in ("m-1", "m-2", "m-3")] == [State.OPEN, State.OPEN, State.CLOSED]
    assert house.recorded == [OK, house.counted[-1]]


@pytest.mark.parametrize("how", ["silent", "gone"])
async def test_silence_and_absence_are_failures(house: House, how: str) -> None:
    """Told soon, whatever the provider's own patience is."""
    provider, circuits = house.provider(is_always=True), house.circuits()
    if how == "silent":
        house.moody.gate.clear()
    else:
        provider = replace(provider, endpoint=replace(provider.endpoint, base_url="http://127.0.0.1:9"))
    prober = house.prober(circuits, provider)
    circuits.admit(Candidate(provider, "m-1"), KEY.fingerprint)
    for _ in range(2):
        await prober.look(provider)
    assert state(circuits) is State.OPEN
    assert house.counted == (["timeout"] * 2 if how == "silent" else ["connect"] * 2)


async def test_a_key_that_cannot_be_read_is_said_and_nothing_is_sent(house: House) -> None:
    """It is no fault of the provider's."""

    def unreadable() -> Secret:
        raise ConfigError("the secret of provider `moody` is not set")

    provider, circuits = house.provider(is_always=True, key=unreadable), house.circuits()
    circuits.admit(Candidate(provider, "m-1"), KEY.fingerprint)
    for _ in range(3):
        await house.prober(circuits, provider).look(provider)
    assert (set(house.counted), house.lists, state(circuits)) == ({UNREADABLE}, 0, State.CLOSED)


async def test_a_refused_key_is_no_outage(house: House) -> None:
    """401 and 404 are told and count against no circuit."""
    provider, circuits = house.provider(is_always=True), house.circuits()
    circuits.admit(Candidate(provider, "m-1"), KEY.fingerprint)
    prober = house.prober(circuits, provider)
    for house.moody.ill_status in (401, 404, 429):
        house.moody.ill.add("moody")
        await prober.look(provider)
        await prober.look(provider)
    assert state(circuits) is State.CLOSED
    assert "ok" not in house.counted
    assert len(set(house.counted)) == 3
