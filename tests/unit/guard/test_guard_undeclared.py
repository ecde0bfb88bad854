"""Requests that no tool call announced, at the real guard with the shipped policy."""

import asyncio
from pathlib import Path

from firewall.core.call import CallForm, ToolCall
from firewall.core.outgoing import Outgoing
from firewall.guard.answer import Go, Wait
from tests.support.guarding import Kept, call, keeping, policies_in

STAGING = """
[[environment]]
name = "staging"
hosts = ["api.vercel.com", "api.shop.example"]
"""
WRITE = Outgoing("POST", "/v10/projects/prj_1/env", host="api.vercel.com", scope="https", body=b'{"a": 1}')
DELETE = Outgoing("DELETE", "/v1/items/7", host="api.shop.example", scope="https")


def _request(outgoing: Outgoing) -> ToolCall:
    return ToolCall("egr_1", f"egress/{outgoing.host}", outgoing.encode(), form=CallForm.REQUEST)


def _in_staging(kept: Kept, folder: Path, rows: str = "") -> None:
    kept.snapshot = policies_in(folder / "staging", rows, more_environments=STAGING)


ALLOWED = """p, *, staging, *, *, destructive, , allow,
p, *, staging, *, *, *, undeclared, ask,
"""


async def test_a_change_that_nobody_announced_asks(tmp_path: Path) -> None:
    """Allowed by the policy otherwise; the entry and the page say why, and a kind of its own marks it."""
    async with keeping(tmp_path) as kept:
        _in_staging(kept, tmp_path, ALLOWED)
        held = await kept.guard.judge(_request(DELETE), kept.requester(gate="egress"))
        assert isinstance(held, Wait)
        assert kept.kinds().count("tool.undeclared") == 1
        assert "undeclared" in str(kept.body(held.entry))
        subject = held.judgement.subject(kept.requester())
        assert "no tool call announced" in subject.actions[0].summary
        await kept.approve(held)
        assert isinstance(await kept.guard.release(held, kept.requester(gate="egress")), Go)


async def test_a_change_that_was_announced_goes_once(tmp_path: Path) -> None:
    """The released tool call covers one deletion; the second asks."""
    async with keeping(tmp_path) as kept:
        _in_staging(kept, tmp_path, ALLOWED)
        said = await kept.guard.judge(call("curl -X DELETE https://api.shop.example/v1/items/7"), kept.requester())
        assert isinstance(said, Go)
        first = await kept.guard.judge(_request(DELETE), kept.requester(gate="egress"))
        assert isinstance(first, Go)
        assert f"'{said.entry}'" in str(kept.body(first.entry))
        assert isinstance(await kept.guard.judge(_request(DELETE), kept.requester(gate="egress")), Wait)


async def test_two_at_once_share_no_announcement(tmp_path: Path) -> None:
    """Whoever is slower asks, although both were considered before either was released."""
    async with keeping(tmp_path) as kept:
        _in_staging(kept, tmp_path, ALLOWED)
        await kept.guard.judge(call("curl -X DELETE https://api.shop.example/v1/items/7"), kept.requester())
        asker = kept.requester(gate="egress")
        answers = await asyncio.gather(*(kept.guard.judge(_request(DELETE), asker) for _ in range(4)))
        assert sorted(type(one).__name__ for one in answers) == ["Go", "Wait", "Wait", "Wait"]


async def test_a_held_tool_call_announces_nothing(tmp_path: Path) -> None:
    """Only what was released was said; a program that runs ahead is undeclared."""
    async with keeping(tmp_path) as kept:
        _in_staging(kept, tmp_path)
        said = await kept.guard.judge(call("curl -X DELETE https://api.shop.example/v1/items/7"), kept.requester())
        assert isinstance(said, Wait)
        asked = await kept.guard.judge(_request(DELETE), kept.requester(gate="egress"))
        assert isinstance(asked, Wait)
        assert "tool.undeclared" in kept.kinds()


async def test_an_approval_fits_whether_it_was_announced_meanwhile_or_not(tmp_path: Path) -> None:
    """Asked anyway: the identical request is released by its approval, although it was announced in between."""
    async with keeping(tmp_path) as kept:
        _in_staging(kept, tmp_path)
        held = await kept.guard.judge(_request(DELETE), kept.requester(gate="egress"))
        assert isinstance(held, Wait)
        await kept.approve(held)
        said = await kept.guard.judge(call("curl -X DELETE https://api.shop.example/v1/items/7"), kept.requester())
        assert isinstance(said, Wait)
        await kept.approve(said)
        assert isinstance(await kept.guard.release(said, kept.requester()), Go)
        assert isinstance(await kept.guard.judge(_request(DELETE), kept.requester(gate="egress")), Go)


async def test_the_shipped_rows_ask_for_undeclared_writes_in_staging(tmp_path: Path) -> None:
    """A write that staging allows flows when it was announced, and asks when it was not."""
    async with keeping(tmp_path) as kept:
        _in_staging(kept, tmp_path)
        assert isinstance(await kept.guard.judge(_request(WRITE), kept.requester(gate="egress")), Wait)
        line = "curl -X POST https://api.vercel.com/v10/projects/prj_1/env -d '{\"a\": 1}'"
        said = await kept.guard.judge(call(line), kept.requester())
        assert isinstance(said, Go), said
        assert isinstance(await kept.guard.judge(_request(WRITE), kept.requester(gate="egress")), Go)


async def test_reads_are_never_undeclared(tmp_path: Path) -> None:
    """What changes nothing needs no announcement."""
    async with keeping(tmp_path) as kept:
        _in_staging(kept, tmp_path)
        read = Outgoing("GET", "/v1/items/7", host="api.shop.example", scope="https")
        assert isinstance(await kept.guard.judge(_request(read), kept.requester(gate="egress")), Go)
        assert "tool.undeclared" not in kept.kinds()


async def test_who_was_never_heard_is_judged_by_the_policy_alone_at_targets(tmp_path: Path) -> None:
    """A pipeline's token has no tool calls: its write flows and is marked; once the run was heard it asks."""
    async with keeping(tmp_path) as kept:
        _in_staging(kept, tmp_path)
        first = await kept.guard.judge(_request(WRITE), kept.requester(gate="infra"))
        assert isinstance(first, Go)
        assert "unheard" in str(kept.body(first.entry))
        assert "tool.undeclared" not in kept.kinds()
        await kept.guard.judge(call("ls"), kept.requester())
        assert isinstance(await kept.guard.judge(_request(WRITE), kept.requester(gate="infra")), Wait)
