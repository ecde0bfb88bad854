"""Whether hooks are alive: a call that ran without a word of its hook is logged, and a reported one is not."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from firewall.guard.guard import Go
from firewall.guard.hearing import HookWatch
from tests.support.guarding import Kept, call, keeping

WRITES = "echo x > notes.txt"


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    """A guard over the shipped policies."""
    async with keeping(tmp_path) as found:
        yield found


async def ran(kept: Kept, command: str, *, ident: str, hears: bool, client: str = "claude-code") -> None:
    """Have the models gate release a call, its hook report it or not, and its result come back."""
    models = kept.requester(gate="models", client=client)
    assert isinstance(await kept.guard.judge(call(command, ident=ident), models), Go)
    if hears:
        kept.guard.hooks.heard(kept.requester(gate="hooks", client="claude-code"), now_us=1)
    kept.guard.finished(models, [(ident, False)])
    for _ in range(5):
        await asyncio.sleep(0)


def silent(kept: Kept) -> int:
    """Return how many gaps were logged."""
    return kept.kinds().count("hook.silent")


async def settled(kept: Kept) -> None:
    """Have everything that was posted written: another unit is written behind it."""
    await kept.guard.judge(call("ls", ident="last"), kept.requester(gate="infra"))


async def test_a_gap_is_logged_once_until_something_is_heard(kept: Kept) -> None:
    """Heard, then silent: one entry, however many calls follow; heard again and silent again: another."""
    await ran(kept, WRITES, ident="1", hears=True)
    await ran(kept, WRITES, ident="2", hears=False)
    await ran(kept, WRITES, ident="3", hears=False)
    await settled(kept)
    assert silent(kept) == 1
    await ran(kept, WRITES, ident="4", hears=True)
    await ran(kept, WRITES, ident="5", hears=False)
    await settled(kept)
    assert silent(kept) == 2


async def test_agents_without_hooks_are_not_complained_about(kept: Kept) -> None:
    """Nobody said that this agent has hooks, and none was ever heard."""
    await ran(kept, WRITES, ident="1", hears=False)
    await settled(kept)
    assert silent(kept) == 0


async def test_an_expected_hook_that_was_never_heard_is_logged(kept: Kept) -> None:
    """Where the configuration says that hooks are there, their first silence counts."""
    kept.guard.hooks = HookWatch(kept.installation.writer, ("gemini",))
    await ran(kept, WRITES, ident="1", hears=False, client="gemini-cli")
    await settled(kept)
    assert silent(kept) == 1


async def test_another_sessions_hook_does_not_speak_for_this_one(kept: Kept) -> None:
    """Two sessions of one token: the one without hooks is noticed."""
    other = kept.requester(gate="hooks", client="claude-code", session="other")
    kept.guard.hooks.heard(other, now_us=1)
    await ran(kept, WRITES, ident="1", hears=False)
    await settled(kept)
    assert silent(kept) == 1
    assert [one.session for one in kept.guard.hooks.of(other)] == ["other"]


async def test_what_only_reads_is_not_waited_for(kept: Kept) -> None:
    """Hooks need not report what changes nothing."""
    kept.guard.hooks.heard(kept.requester(gate="hooks", client="claude-code"), now_us=1)
    await ran(kept, "ls", ident="1", hears=False)
    await settled(kept)
    assert silent(kept) == 0
