"""Browsers that are told, at rest: sealed, one person's each, gone with what they came of."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from firewall.core.erasure import EraseSubject
from firewall.core.errors import StoreError
from firewall.core.proofs import Passkey
from firewall.core.push import PushBrowser
from firewall.core.secret import Secret
from firewall.core.work import EndPasskey, EndPerson, EndPush, PutPasskey, PutPerson, PutPush, Step, Unit, Unmet
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


THEN = 7
"""When everybody here got his account."""


@pytest.fixture(name="house")
async def _house(tmp_path: Path) -> AsyncIterator[Installation]:
    create(places_in(tmp_path))
    installation = open_installation(places_in(tmp_path), StillClock())
    await _do(installation, *(PutPerson(name, "approver", (), "hash", THEN) for name in ("alice", "bob")))
    await _do(installation, *(PutPasskey(_passkey(name), 9) for name in ("a", "b")))
    yield installation
    await installation.close()


async def _do(house: Installation, *steps: Step) -> object:
    return await house.writer.submit(Unit(steps=steps))


def _passkey(name: str) -> Passkey:
    """Return a passkey of alice."""
    return Passkey(
        f"pky_{name}", "alice", name.encode(), b"key", 0, name, backed_up=False, created_at=1, used_at=0
    )


def _put(browser: PushBrowser, most: int = 9, since: int = THEN) -> PutPush:
    return PutPush(browser, most, since)


def _other(number: int, **changes: object) -> PushBrowser:
    endpoint = Secret(f"https://push.example/{number}")
    return replace(ONE, id=f"psh_{number}", endpoint=endpoint, created_at=number, **changes)  # type: ignore[arg-type]  # tests name the fields


async def test_a_browser_is_kept_and_forgotten(house: Installation) -> None:
    """It comes back as it went in, oldest first; its endpoint is kept once; what is over is gone."""
    await _do(house, _put(ONE, 9))
    await _do(house, _put(_other(2, person="bob"), 9))
    assert list(house.pushes.browsers()) == [_other(2, person="bob"), ONE]
    assert list(house.pushes.browsers("alice")) == [ONE]
    again = await _do(house, _put(replace(ONE, id="psh_3", person="bob"), 9))
    assert isinstance(again, Unmet)
    assert again.why == "exists"
    await _do(house, EndPush("psh_1"))
    gone = await _do(house, EndPush("psh_1"))
    assert isinstance(gone, Unmet)
    assert gone.why == "unknown"
    assert list(house.pushes.browsers("alice")) == []


async def test_a_person_has_a_bounded_number(house: Installation) -> None:
    """The limit counts one person's alone."""
    await _do(house, _put(ONE, 1))
    full = await _do(house, _put(_other(2), 1))
    assert isinstance(full, Unmet)
    assert full.why == "full"
    await _do(house, _put(_other(3, person="bob"), 1))
    assert len(house.pushes.browsers()) == 2


async def test_what_it_came_of_takes_it_along(house: Installation) -> None:
    """A new passphrase ends those of no passkey, a revoked passkey its own, a removal all."""
    for one in (ONE, _other(2, passkey="pky_a"), _other(3, passkey="pky_b"), _other(4, person="bob")):
        await _do(house, _put(one, 9))
    await _do(house, PutPerson("alice", "approver", (), "hash", THEN + 1))
    assert [one.id for one in house.pushes.browsers("alice")] == ["psh_2", "psh_3"]
    unknown = await _do(house, EndPasskey("pky_c", 1))
    assert isinstance(unknown, Unmet), "a passkey that is not there ends nothing"
    assert [one.id for one in house.pushes.browsers("alice")] == ["psh_2", "psh_3"]
    await _do(house, EndPasskey("pky_a", 1))
    assert [one.id for one in house.pushes.browsers("alice")] == ["psh_3"]
    await _do(house, EndPerson("alice", 2))
    assert [one.id for one in house.pushes.browsers()] == ["psh_4"]


@pytest.mark.parametrize(
    ("before", "browser"),
    [
        pytest.param([EndPerson("alice", 8)], ONE, id="removed"),
        pytest.param([EndPerson("alice", 8)], replace(ONE, passkey="pky_a"), id="removed-passkey"),
        pytest.param([EndPasskey("pky_a", 8)], replace(ONE, passkey="pky_a"), id="passkey-revoked"),
        pytest.param([PutPerson("alice", "approver", (), "new", 8)], ONE, id="new-passphrase"),
        pytest.param([PutPerson("alice", "viewer", (), "new", 8)], replace(ONE, passkey="pky_a"), id="signed-out"),
        pytest.param(
            [EndPerson("alice", 8), PutPerson("alice", "approver", (), "new", 9)], ONE, id="another-of-the-name"
        ),
        pytest.param(
            [EndPerson("alice", 8), EraseSubject("key_1", "alice", at=9, pseudonym="per_1")], ONE, id="erased"
        ),
        pytest.param([], replace(ONE, person="carol"), id="nobody"),
        pytest.param([], replace(ONE, passkey="pky_none"), id="no-such-passkey"),
        pytest.param([], replace(ONE, person="bob", passkey="pky_a"), id="passkey-of-another"),
    ],
)
async def test_what_is_queued_behind_an_end_is_never_stored(
    house: Installation, before: list[Step], browser: PushBrowser
) -> None:
    """Whatever ended the session was queued first, in the same breath: nothing is kept, and no key is made."""
    writer = house.writer
    *ends, refused = await asyncio.gather(
        *(writer.submit(Unit(steps=(step,))) for step in [*before, _put(browser)])
    )
    assert not any(isinstance(one, Unmet) for one in ends)
    assert isinstance(refused, Unmet)
    assert refused.why == ("erased" if any(isinstance(one, EraseSubject) for one in before) else "ended")
    assert list(house.pushes.browsers()) == []
    assert house.keystore.known(browser.person) is None


@pytest.mark.parametrize(
    ("since", "passkey", "is_kept"),
    [
        (THEN, "", True),
        (THEN + 5, "", True),
        (THEN, "pky_a", True),
        (THEN - 1, "", False),
        (THEN - 1, "pky_a", False),
    ],
)
async def test_what_a_session_stands_on_must_be_older(
    house: Installation, since: int, passkey: str, *, is_kept: bool
) -> None:
    """An account that was given a passphrase in the very microsecond is the session's own."""
    await _do(house, _put(replace(ONE, passkey=passkey), since=since))
    assert (len(house.pushes.browsers()) == 1) is is_kept


async def test_whoever_is_erased_has_no_browser(house: Installation) -> None:
    """Without the key nobody can be told, nor read where."""
    await _do(house, _put(ONE, 9))
    house.keystore.erase("alice")
    assert list(house.pushes.browsers()) == []


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"{}", push_json(ONE).replace(b"07", b"zz")])
def test_a_damaged_one_is_an_error_and_no_browser(data: bytes) -> None:
    """What opens and cannot be read closes the door."""
    with pytest.raises(StoreError, match="cannot be read"):
        read_push(data, push_id="psh_1", person="alice", passkey="", created_at=1)
