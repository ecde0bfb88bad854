"""Browsers that are told, at rest: sealed, one person's each, gone with what they came of."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from firewall.core.errors import StoreError
from firewall.core.push import PushBrowser
from firewall.core.secret import Secret
from firewall.core.work import EndPasskey, EndPerson, EndPush, PutPerson, PutPush, Unit, Unmet
from firewall.sequencer.opening import Installation, create, open_installation
from firewall.sequencer.sealing import push_json, read_push
from tests.support.approving import StillClock
from tests.support.guarding import places_in

ONE = PushBrowser(
    id="psh_1",
    person="alice",
    endpoint=Secret("https://push.example/a-very-long-token"),
    receiver=b"\x04" * 65,
    auth=b"\x07" * 16,
    label="phone",
    passkey="",
    created_at=5,
)


@pytest.fixture(name="house")
async def _house(tmp_path: Path) -> AsyncIterator[Installation]:
    create(places_in(tmp_path))
    installation = open_installation(places_in(tmp_path), StillClock())
    yield installation
    await installation.close()


async def _do(house: Installation, *steps: PutPush | EndPush | PutPerson | EndPerson | EndPasskey) -> object:
    return await house.writer.submit(Unit(steps=steps))


def _other(number: int, **changes: object) -> PushBrowser:
    endpoint = Secret(f"https://push.example/{number}")
    return replace(ONE, id=f"psh_{number}", endpoint=endpoint, created_at=number, **changes)  # type: ignore[arg-type]  # tests name the fields


async def test_a_browser_is_kept_and_forgotten(house: Installation) -> None:
    """It comes back as it went in, oldest first; its endpoint is kept once; what is over is gone."""
    await _do(house, PutPush(ONE, 9))
    await _do(house, PutPush(_other(2, person="bob"), 9))
    assert list(house.pushes.browsers()) == [_other(2, person="bob"), ONE]
    assert list(house.pushes.browsers("alice")) == [ONE]
    again = await _do(house, PutPush(replace(ONE, id="psh_3", person="bob"), 9))
    assert isinstance(again, Unmet)
    assert again.why == "exists"
    await _do(house, EndPush("psh_1"))
    gone = await _do(house, EndPush("psh_1"))
    assert isinstance(gone, Unmet)
    assert gone.why == "unknown"
    assert list(house.pushes.browsers("alice")) == []


async def test_a_person_has_a_bounded_number(house: Installation) -> None:
    """The limit counts one person's alone."""
    await _do(house, PutPush(ONE, 1))
    full = await _do(house, PutPush(_other(2), 1))
    assert isinstance(full, Unmet)
    assert full.why == "full"
    await _do(house, PutPush(_other(3, person="bob"), 1))
    assert len(house.pushes.browsers()) == 2


async def test_what_it_came_of_takes_it_along(house: Installation) -> None:
    """A new passphrase ends those of no passkey, a revoked passkey its own, a removal all."""
    for one in (ONE, _other(2, passkey="pky_a"), _other(3, passkey="pky_b"), _other(4, person="bob")):
        await _do(house, PutPush(one, 9))
    await _do(house, PutPerson("alice", "approver", (), "hash", 1))
    assert [one.id for one in house.pushes.browsers("alice")] == ["psh_2", "psh_3"]
    unknown = await _do(house, EndPasskey("pky_a", 1))
    assert isinstance(unknown, Unmet), "a passkey that is not there ends nothing"
    assert [one.id for one in house.pushes.browsers("alice")] == ["psh_2", "psh_3"]
    await _do(house, EndPerson("alice", 2))
    assert [one.id for one in house.pushes.browsers()] == ["psh_4"]


async def test_whoever_is_erased_has_no_browser(house: Installation) -> None:
    """Without the key nobody can be told, nor read where."""
    await _do(house, PutPush(ONE, 9))
    house.keystore.erase("alice")
    assert list(house.pushes.browsers()) == []


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"{}", push_json(ONE).replace(b"07", b"zz")])
def test_a_damaged_one_is_an_error_and_no_browser(data: bytes) -> None:
    """What opens and cannot be read closes the door."""
    with pytest.raises(StoreError, match="cannot be read"):
        read_push(data, push_id="psh_1", person="alice", passkey="", created_at=1)
