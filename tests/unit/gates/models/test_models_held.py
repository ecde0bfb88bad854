"""Holds of a token that is revoked, and holds of a server that stops."""

import asyncio
import logging
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from firewall.gates.models import held
from firewall.gates.models.held import DELIVERY_US, Hold, Holds
from tests.support.approving import START_US, StillClock


@dataclass(frozen=True, slots=True)
class _Asking:
    lineage: tuple[str, ...]


@dataclass(slots=True, eq=False)
class _Held:
    """As much of a hold as revoking asks for."""

    lineage: tuple[str, ...]
    is_broken: bool = False
    ended: list[str] = field(default_factory=list)
    key: tuple[str, str] = ("", "")
    is_concluded: bool = False

    @property
    def requester(self) -> _Asking:
        return _Asking(self.lineage)

    def conclude(self) -> None:
        """Wait no longer."""
        self.is_concluded = True

    async def run(self, rest: object) -> None:
        """Have nothing to do."""

    def end(self, code: str, message: str) -> None:
        """End, or fail to."""
        del message
        if self.is_broken:
            raise ValueError("cut in the middle of a frame")
        self.ended.append(code)


def test_a_hold_that_cannot_end_keeps_no_other_alive(caplog: pytest.LogCaptureFixture) -> None:
    """Every other hold of a revoked token ends; those of other tokens stay; what failed is told."""
    holds = Holds()
    mine = [_Held(("a", "b")) for _ in range(8)]
    others = [_Held(("c",)) for _ in range(2)]
    for hold in (*mine, *others, _Held(("b",), is_broken=True)):
        holds._living.add(cast("Hold", hold))
    holds.revoked("b")
    assert [hold.ended for hold in mine] == [["token_revoked"]] * 8
    assert [hold.ended for hold in others] == [[]] * 2
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR] == [
        "a hold of a revoked token did not end"
    ]


async def test_a_hold_that_begins_while_the_server_stops_waits_for_nobody() -> None:
    """A call that is judged after the signal is explained like those before it, and its answer not cut off."""
    holds, before, after = Holds(), _Held(("a",), key=("p", "1")), _Held(("a",), key=("p", "2"))
    holds.start(cast("Hold", before), None, ())
    assert not before.is_concluded
    holds.drain()
    holds.start(cast("Hold", after), None, ())
    assert (before.is_concluded, after.is_concluded) == (True, True)
    await holds.stop()


@pytest.mark.parametrize("use_before", [0, START_US + DELIVERY_US])
async def test_a_clock_that_is_set_back_keeps_no_hold(monkeypatch: pytest.MonkeyPatch, use_before: int) -> None:
    """82: It waits for a connection as long as it said, and no month longer."""
    clock, waited = StillClock(), []

    async def passed(_event: asyncio.Event, seconds: float) -> None:
        waited.append(seconds)
        clock.set_by(-30 * 24 * 3600)
        clock.forward(seconds)
        assert len(waited) == 1

    monkeypatch.setattr(held, "_within", passed)
    absent = cast("Any", None)
    hold = Hold(("p", "1"), absent, absent, absent, absent, clock, absent)
    approval = cast("Any", SimpleNamespace(use_before=use_before))
    assert await hold._has_receiver(approval) is False
    assert waited == [DELIVERY_US / 1e6]
