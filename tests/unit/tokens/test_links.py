"""Personal links: looked at any number of times, spent once, for what they were made, within their time."""

import itertools

import pytest

from firewall.core.ids import spell_id
from firewall.core.proofs import LinkUse
from firewall.sequencer.reading import ProofLookup
from firewall.tokens.links import DECIDE_S, LinkError, Links, UnknownLinkError
from tests.support.approving import StillClock
from tests.support.control_side import ProvenLog


@pytest.fixture
def log() -> ProvenLog:
    """A log in memory."""
    return ProvenLog()


@pytest.fixture
def clock() -> StillClock:
    """Time that stands still."""
    return StillClock()


@pytest.fixture
def links(log: ProvenLog, clock: StillClock) -> Links:
    """The links of an installation."""
    numbers = itertools.count(1)
    return Links(
        sequencer=log,
        rows=ProofLookup(log.connection),
        clock=clock,
        new_id=lambda: spell_id("lnk", next(numbers).to_bytes(17, "big")),
    )


async def test_a_link_decides_one_approval_once(links: Links, log: ProvenLog, clock: StillClock) -> None:
    """52: It names person, approval and digest; its secret is stored nowhere; looking changes nothing."""
    until = clock.now + 3600 * 1_000_000
    made = await links.for_decision("alice", approval="apr_1", digest="d" * 64, until_us=until)
    secret = made.secret.reveal()
    for _ in range(3):
        found = links.look(secret, LinkUse.DECIDE)
        assert (found.person, found.approval, found.digest) == ("alice", "apr_1", "d" * 64)
    assert found.expires_at == clock.now + DECIDE_S * 1_000_000
    assert log.kinds == ["approver.linked"]
    assert secret not in "".join(log.connection.iterdump())
    await links.spend(found)
    with pytest.raises(LinkError):
        await links.spend(found)
    with pytest.raises(LinkError):
        links.look(secret, LinkUse.DECIDE)
    assert log.kinds == ["approver.linked", "approver.link_used"]


async def test_a_link_is_for_one_use_and_ends_with_its_approval(links: Links, clock: StillClock) -> None:
    """A link that decides signs nobody in; it lives no longer than what it decides, and can be revoked."""
    soon = clock.now + 5_000_000
    short = await links.for_decision("alice", approval="apr_1", digest="d" * 64, until_us=soon)
    with pytest.raises(LinkError):
        links.look(short.secret.reveal(), LinkUse.SIGN_IN)
    signs = await links.for_sign_in("alice", by="root")
    with pytest.raises(LinkError):
        links.look(signs.secret.reveal(), LinkUse.DECIDE)
    assert (await links.revoke(signs.link.id, by="root")).id == signs.link.id
    with pytest.raises(UnknownLinkError):
        await links.revoke(signs.link.id, by="root")
    with pytest.raises(LinkError):
        await links.spend(signs.link)
    clock.now = soon
    with pytest.raises(LinkError):
        links.look(short.secret.reveal(), LinkUse.DECIDE)
    assert list(links.listing()) == []


@pytest.mark.parametrize("secret", ["", "shl_", "shl_" + "x" * 42, "x" * 47, "shl_" + "\ud800" * 43])
async def test_what_is_no_secret_is_no_link(links: Links, secret: str) -> None:
    """Nothing is looked up for it, and the answer is the same."""
    with pytest.raises(LinkError):
        links.look(secret, LinkUse.DECIDE)
