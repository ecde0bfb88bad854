"""Whether hooks are alive: a call that ran without a word of its hook is logged, and a reported one is not."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from firewall.guard.answer import Go
from firewall.guard.hearing import MAX_TEXT
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
        said(kept, ident=ident)
    kept.guard.finished(models, [(ident, False)])
    for _ in range(5):
        await asyncio.sleep(0)


def said(kept: Kept, *, ident: str = "", session: str = "ses_1", is_call: bool = True) -> None:
    """Have the hook of a session report a call, or (not `is_call`) that it is alive."""
    speaker = kept.requester(gate="hooks", client="claude-code", session=session)
    kept.guard.hooks.heard(speaker, now_us=1, call_id=ident if is_call else None)


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


async def test_an_expected_hook_that_was_never_heard_is_logged(tmp_path: Path) -> None:
    """Where the configuration says that hooks are there, their first silence counts."""
    async with keeping(tmp_path, hooked=("gemini",)) as kept:
        await ran(kept, WRITES, ident="1", hears=False, client="gemini-cli")
        await settled(kept)
        assert silent(kept) == 1


async def test_another_sessions_hook_does_not_speak_for_this_one(kept: Kept) -> None:
    """Two sessions of one token: the one without hooks is noticed."""
    other = kept.requester(gate="hooks", client="claude-code", session="other")
    said(kept, ident="0", session="other")
    await ran(kept, WRITES, ident="1", hears=False)
    await settled(kept)
    assert silent(kept) == 1
    assert [one.session for one in kept.guard.hooks.of(other)] == ["other"]


async def test_what_only_reads_is_not_waited_for(kept: Kept) -> None:
    """Hooks need not report what changes nothing."""
    said(kept, ident="0")
    await ran(kept, "ls", ident="1", hears=False)
    await settled(kept)
    assert silent(kept) == 0


async def test_a_sign_of_life_reports_no_call(kept: Kept) -> None:
    """A session that began, or a tool that has run, says nothing of a call that nobody was asked about."""
    said(kept, is_call=False)
    models = kept.requester(gate="models", client="claude-code")
    assert isinstance(await kept.guard.judge(call(WRITES, ident="1"), models), Go)
    said(kept, is_call=False)
    kept.guard.finished(models, [("1", False)])
    await settled(kept)
    assert silent(kept) == 1


async def test_one_report_speaks_for_one_call(kept: Kept) -> None:
    """Of two calls that go together the hook reported one: the other one is noticed, and counted alone."""
    said(kept, is_call=False)
    models = kept.requester(gate="models", client="claude-code")
    for ident in ("1", "2"):
        assert isinstance(await kept.guard.judge(call(WRITES, ident=ident), models), Go)
    said(kept, ident="2")
    kept.guard.finished(models, [("1", False), ("2", False)])
    await settled(kept)
    assert silent(kept) == 1
    (body,) = [kept.body(at) for at, kind in enumerate(kept.kinds()) if kind == "hook.silent"]
    assert body["data"]["calls"] == 1  # type: ignore[index]  # an entry of ours


async def test_a_report_of_what_only_reads_speaks_for_no_other_call(kept: Kept) -> None:
    """The hook was asked about reading and not about writing: the writing is noticed."""
    said(kept, is_call=False)
    models = kept.requester(gate="models", client="claude-code")
    for command, ident in (("ls", "1"), (WRITES, "2")):
        assert isinstance(await kept.guard.judge(call(command, ident=ident), models), Go)
    said(kept, ident="1")
    kept.guard.finished(models, [("1", False), ("2", False)])
    await settled(kept)
    assert silent(kept) == 1


async def test_a_report_without_the_models_id_speaks_for_one_call(kept: Kept) -> None:
    """Agents whose hooks name no id, or one of their own, are believed for as many calls as they report."""
    said(kept, is_call=False)
    models = kept.requester(gate="models", client="claude-code")
    for ident in ("1", "2"):
        assert isinstance(await kept.guard.judge(call(WRITES, ident=ident), models), Go)
    said(kept, ident="of its own")
    said(kept)
    kept.guard.finished(models, [("1", False), ("2", False)])
    await settled(kept)
    assert silent(kept) == 0


async def test_a_sign_of_life_does_not_end_a_gap(kept: Kept) -> None:
    """A session that begins again and reports nothing is the same gap."""
    await ran(kept, WRITES, ident="1", hears=True)
    await ran(kept, WRITES, ident="2", hears=False)
    said(kept, is_call=False)
    await ran(kept, WRITES, ident="3", hears=False)
    await settled(kept)
    assert silent(kept) == 1


async def test_what_is_kept_of_ids_and_sessions_is_bounded(kept: Kept) -> None:
    """An id or a session of any length takes no more than a short one, and is still told from others."""
    watch, ident = kept.guard.hooks, "i" * 1_000_000
    said(kept, is_call=False)
    await ran(kept, WRITES, ident=ident, hears=True)
    await ran(kept, WRITES, ident=f"{ident}x", hears=False)
    said(kept, ident=ident, session="s" * 4096)
    models = kept.requester(gate="models", client="claude-code", session="t" * 4096)
    assert isinstance(await kept.guard.judge(call(WRITES, ident=f"{ident}y"), models), Go)
    await settled(kept)
    assert silent(kept) == 1
    assert watch._awaited
    assert all(len(text) <= MAX_TEXT for key in (*watch._awaited, *watch._heard) for text in key)
    listed = watch.of(kept.requester(gate="hooks", client="claude-code"))
    assert all(len(one.session) <= MAX_TEXT for one in listed)
