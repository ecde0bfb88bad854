"""Calls through the whole MCP gate with the guard behind it: real sockets and real programs."""

import asyncio
from pathlib import Path

import pytest

from firewall.core.approval import ApprovalStatus, Decision
from tests.support.guarding import ALICE, Kept
from tests.support.mcp_judged import judging
from tests.support.mcp_posting import Poster, posting, rough, until


async def approve(kept: Kept, approval: str) -> None:
    """Let somebody say yes."""
    await kept.approvals.decide(approval, Decision.APPROVE, by=ALICE)


async def pending(kept: Kept) -> str:
    """Return the approval that waits, once there is one: a program is started first, which may take a while."""
    await until(lambda: bool(kept.approvals.listing(ApprovalStatus.PENDING.value)))
    return kept.approvals.listing(ApprovalStatus.PENDING.value)[0].id


async def held(poster: Poster, kept: Kept, tool: str, session: str) -> tuple["asyncio.Task[object]", str]:
    """Make a call that waits; returns it, and its approval."""
    running: asyncio.Task[object] = asyncio.create_task(
        poster.legacy("tools/call", id_=9, session=session, name=tool, arguments={})
    )
    return running, await pending(kept)


@pytest.mark.parametrize("how", ["dropped", "cancelled"])
async def test_a_client_that_goes_ends_the_waiting_and_not_the_approval(tmp_path: Path, how: str) -> None:
    """Nothing runs for a client that is gone, though people agree; the repeated call runs exactly once."""
    async with (
        judging(tmp_path, rough(hold_s=60)) as (house, behind),
        posting(house.at("rough"), await house.token()) as poster,
    ):
        session = await poster.begin()
        running, approval = await held(poster, house.kept, "echo", session)
        if how == "dropped":
            running.cancel()
        else:
            await poster.note("notifications/cancelled", session=session, requestId=9)
        await until(lambda: behind.under_way == 0)
        await asyncio.gather(running, return_exceptions=True)
        await approve(house.kept, approval)
        assert house.kept.kinds().count("tool.released") == 0
        said = await poster.legacy("tools/call", session=session, name="echo", arguments={})
        assert said.text == "{}"
        assert house.kept.kinds().count("tool.released") == 1


async def test_a_revoked_token_ends_what_it_waits_for(tmp_path: Path) -> None:
    """The held call of a revoked token ends at once, and never runs."""
    async with judging(tmp_path, rough(hold_s=60)) as (house, behind):
        ident, token = await house.minted()
        async with posting(house.at("rough"), token) as poster:
            session = await poster.begin()
            running, _ = await held(poster, house.kept, "echo", session)
            await house.tokens.revoke(ident, by="alice")
            await until(lambda: behind.under_way == 0)
            await running
        assert "tool.released" not in house.kept.kinds()


async def test_a_call_draws_with_its_verdict(tmp_path: Path) -> None:
    """Once, what waits and what comes to no verdict alike; beyond the rate nobody is asked, nothing released."""
    async with judging(tmp_path, rough(hold_s=0)) as (house, _):
        kept = house.kept
        for name, owner in (("echo", "olga"), ("nothing_of_this_name", "pia")):  # an owner's tokens share a bucket
            token = await house.token(owner=owner, requests_per_minute=1)
            async with posting(house.at("rough"), token) as poster:
                before = len(kept.kinds())
                said = await poster.modern("tools/call", name=name, arguments={})
                assert "rate_limited" not in str(said.answer)
                for _ in range(2):  # the first finds the bucket full with its verdict, the second before it
                    said = await poster.modern("tools/call", name=name, arguments={})
                    assert said.code == (-31429, "rate_limited")
                new = kept.kinds()[before:]
                assert new.count("limit.hit") == 2
                assert new.count("approval.opened") == (1 if name == "echo" else 0)
        assert "tool.released" not in kept.kinds()


async def test_a_server_that_dies_under_a_change_leaves_it_indeterminate(tmp_path: Path) -> None:
    """Released, sent, and nobody knows: told so with a code of its own, recorded, and asked anew when repeated."""
    async with (
        judging(tmp_path, rough(hold_s=0)) as (house, _),
        posting(house.at("rough"), await house.token()) as poster,
    ):
        first = await poster.modern("tools/call", name="die", arguments={})
        assert "waits for a person's approval" in first.text
        kept = house.kept
        await approve(kept, kept.approvals.listing(ApprovalStatus.PENDING.value)[0].id)
        said = await poster.modern("tools/call", name="die", arguments={})
        assert said.code[1] == "indeterminate"
        await until(lambda: "tool.indeterminate" in kept.kinds())
        again = await poster.modern("tools/call", name="die", arguments={})
        assert "waits for a person's approval" in again.text
        assert kept.kinds().count("tool.released") == 1


async def test_a_stopping_server_tells_who_waits_for_people(tmp_path: Path) -> None:
    """A held call hears its approval's id when the server stops, so that it can be repeated later."""
    async with (
        judging(tmp_path, rough(hold_s=60)) as (house, _),
        posting(house.at("rough"), await house.token()) as poster,
    ):
        waiting = asyncio.create_task(poster.modern("tools/call", name="echo", arguments={}))
        approval = await pending(house.kept)
        house.kept.approvals.drain()
        house.gate.drain()
        assert approval in (await waiting).text
