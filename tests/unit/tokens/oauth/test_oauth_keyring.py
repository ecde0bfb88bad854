"""Keys of an issuer: fetched once, renewed, rotated, and given up when they cannot be renewed."""

import asyncio

import pytest

from firewall.codecs.oauth.compact import Compact, read
from firewall.core.errors import UpstreamError, UpstreamFault
from firewall.tokens.oauth.keyring import KEPT_S, PAUSE_S, STALE_S, Keyring
from tests.support.signing import ec_signer, keys, rsa_signer, token

OLD, NEW = rsa_signer(), ec_signer()


class Source:
    """Where keys are fetched from."""

    def __init__(self) -> None:
        self.raw: bytes | None = keys(OLD)
        self.fetched = 0
        self.now = 0.0
        self.lasts_s = 0.0

    async def fetch(self) -> bytes:
        """Return what is there."""
        self.fetched += 1
        self.now += self.lasts_s
        await asyncio.sleep(0)
        if self.raw is None:
            raise UpstreamError("nobody answers", fault=UpstreamFault.UNAVAILABLE)
        return self.raw

    def ring(self) -> Keyring:
        """Return a keyring over it."""
        return Keyring(self.fetch, lambda: self.now)


def of(signer: object = OLD) -> Compact:
    """Return a token that names a signer's key."""
    return read(token(signer))  # type: ignore[arg-type]  # a signer


async def test_one_fetch_serves_everybody() -> None:
    """Those who come at the same time wait for one fetch, later ones for none."""
    source = Source()
    ring = source.ring()
    found = await asyncio.gather(*(ring.fitting(of()) for _ in range(5)))
    assert [len(one) for one in found] == [1] * 5
    await ring.fitting(of())
    assert source.fetched == 1


async def test_whoever_goes_away_ends_the_fetch_for_nobody() -> None:
    """A client that is gone while keys are fetched leaves the fetch to the others."""
    source = Source()
    ring = source.ring()
    first = asyncio.create_task(ring.fitting(of()))
    second = asyncio.create_task(ring.fitting(of()))
    await asyncio.sleep(0)
    first.cancel()
    assert len(await second) == 1
    assert source.fetched == 1


async def test_rotated_keys_are_looked_for() -> None:
    """A key that is not there is looked for anew, but at most twice a minute; one taken back is gone."""
    source = Source()
    ring = source.ring()
    await ring.fitting(of())
    source.raw = keys(NEW)
    assert await ring.fitting(of(NEW)) == ()
    assert source.fetched == 1
    source.now = PAUSE_S
    assert len(await ring.fitting(of(NEW))) == 1
    assert await ring.fitting(of(OLD)) == ()
    assert source.fetched == 2


async def test_keys_taken_back_are_gone_after_ten_minutes() -> None:
    """Nobody has to ask for a new key for an old one to end."""
    source = Source()
    ring = source.ring()
    await ring.fitting(of())
    source.raw, source.now = keys(NEW), KEPT_S
    assert await ring.fitting(of()) == ()


async def test_keys_that_cannot_be_renewed_end() -> None:
    """An issuer that is away for a while does no harm; after an hour its keys are trusted no more."""
    source = Source()
    ring = source.ring()
    await ring.fitting(of())
    source.raw, source.now = None, KEPT_S
    assert len(await ring.fitting(of())) == 1
    source.now = STALE_S
    with pytest.raises(UpstreamError):
        await ring.fitting(of())
    source.raw, source.now = keys(OLD), STALE_S + PAUSE_S
    assert len(await ring.fitting(of())) == 1


async def test_keys_end_however_long_a_fetch_takes_to_fail() -> None:
    """Keys of more than an hour are trusted no more, also where a fetch fails after the pause between two."""
    source = Source()
    ring = source.ring()
    await ring.fitting(of())
    source.raw, source.now, source.lasts_s = None, 24 * STALE_S, PAUSE_S + 10
    for _ in range(2):
        with pytest.raises(UpstreamError):
            await ring.fitting(of())


async def test_without_keys_nothing_is_verified() -> None:
    """An issuer that was never heard is an error of its own, asked again after a pause."""
    source = Source()
    source.raw = b"[]"
    ring = source.ring()
    for _ in range(3):
        with pytest.raises(Exception, match="cannot be used"):
            await ring.fitting(of())
    assert source.fetched == 1
